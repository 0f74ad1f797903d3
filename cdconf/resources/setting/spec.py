"""The `setting` type."""

from typing import Any

from cdconf.agent.edit import dotted, edit_toml, ini_kinds, settings
from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

_LINES = ("ini", "shell")


def _normalise(fields: Fields, context: Context) -> Fields:
    """Finds the format, checks the key, and makes text of an INI file's values."""
    guessed = settings.guess(fields["path"])
    name = fields.get("format", guessed)
    if name is None:
        hint = f"give `format`: {', '.join(settings.FORMATS)}"
        raise context.error(f"the name of '{fields['path']}' doesn't say which format it has", hint)
    if name == guessed:
        fields.pop("format", None)
    _check_key(fields, name, context)
    for option in ("section", "separator", "inline_comments", "continuation"):
        if option in fields and name != "ini":
            raise context.error(f"'{option}' is of INI files, and this one is {name}")
    if fields["absent"]:
        fields.pop("value", None)
    elif "value" not in fields:
        raise context.error("a setting needs a `value`", "null can't be set")
    else:
        fields["value"] = _value(fields["value"], name, context)
    return fields


def _value(value: Any, name: str, context: Context) -> Any:
    if name == "shell" and isinstance(value, (list, tuple)):
        raise context.error("a shell variable has one value, not a list")
    if name in _LINES:
        return _texts(value, context)
    if name == "toml":
        try:
            edit_toml.dump(value)
        except dotted.NotEditable as error:
            raise context.error(error.message) from error
    return _plain(value)


def _check_key(fields: Fields, name: str, context: Context) -> None:
    key = fields.get("key")
    if not key or "\n" in key or key != key.strip():
        raise context.error("a setting needs a `key` of one line")
    if name not in _LINES:
        try:
            dotted.parts(key)
        except ValueError as error:
            raise context.error(str(error), 'such as log.level; quote a part with dots: plugins."a.b".image') from error
    elif key[0] in "#;[" or "=" in key:
        raise context.error(f"'{key}' can't be a key of an INI file")


def _texts(value: Any, context: Context) -> Any:
    """A value of an INI file: text, or a list of texts for a key that's repeated."""
    if isinstance(value, (list, tuple)):
        return [_text(member, context) for member in value]
    return _text(value, context)


def _text(value: Any, context: Context) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise context.error("a value of an INI file is text, a number, true or false, or a list of them")
    if "\n" in value or "\r" in value or value != value.strip() or value.endswith("\\"):
        raise context.error("a value of an INI file is one line, without space around it or a backslash at its end")
    return value


def _plain(value: Any) -> Any:
    """Lists for tuples."""
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, (list, tuple)) else value


TYPE = ResourceType(
    name="setting",
    doc=(
        "One value in a configuration file: INI, shell-like NAME=value, JSON, TOML or YAML. Everything else in the "
        "file stays byte for byte as it is: comments, order, indentation, quotes. What can't be changed safely is "
        "refused: YAML's anchors and flow style, TOML's inline tables and arrays of tables on the way, values of INI "
        "files that go over several lines, JSON with comments. Members of lists can't be set, only whole lists. "
        "Missing tables, sections and objects are made. A link is followed."
    ),
    title="path",
    fields={
        "path": Field("path", "The file."),
        "section": Field("string", "The [section] of an INI file; without it: before the first one.", compare=False),
        "key": Field(
            "string",
            "What is set: `log.level` is `level` in `log`; a part with dots in it is quoted. In INI and shell files "
            "it's taken as it is.",
            compare=False,
        ),
        "value": Field(
            "any",
            "Its value, of any type. In an INI file a list is a key that's repeated, exactly so often; otherwise the "
            "last one of a repeated key counts, and is changed.",
        ),
        "format": Field(
            "string", "The file's format; by its name if not given.", choices=settings.FORMATS, compare=False
        ),
        "separator": Field(
            "string",
            "What's between key and value in an INI file, such as ' = ' or a blank. If not given, `=` and `:` are "
            "understood, and a new key is written like its neighbours.",
            compare=False,
        ),
        "inline_comments": Field(
            "boolean",
            "Whether ` #` and ` ;` begin a comment behind a value of an INI file. If not given, a line that has them "
            "isn't changed but refused, since there they may be part of the value.",
            compare=False,
        ),
        "continuation": Field(
            "string",
            "How a value of an INI file goes on in other lines: `indented`, in lines that are indented deeper, as in "
            "files of Python's configparser; `backslash`, behind one at the end of a line, as git's; `systemd`, the "
            "same, past comments; `none`. If not given, the file's name says it: units and what's in `/etc/systemd` "
            "(systemd), `.desktop`, `.nmconnection`, `.cnf` and PHP's (none), gitconfig, `smb.conf`, `openssl.cnf` "
            "(backslash), `.repo`, `tox.ini`, `setup.cfg`, `pip.conf`, `ansible.cfg`, supervisor's and fail2ban's "
            "(indented). Where it doesn't, a line is refused that could be the key as well as go on with a value.",
            choices=ini_kinds.CONTINUATIONS,
            compare=False,
        ),
        "create": Field("boolean", "Make the file when there's none.", compare=False),
        "validate": VALIDATE,
    },
    identity=("format", "section", "key"),
    holds=("value",),
    normalise=_normalise,
    example="setting: /etc/docker/daemon.json\nkey: log-opts.max-size\nvalue: 10m\ncreate: true\n",
)
