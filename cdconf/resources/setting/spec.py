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
    purpose="Files",
    doc=(
        "One value in a configuration file: INI, shell-like NAME=value, JSON, TOML or YAML. Everything else "
        "in the file stays byte for byte as it is: comments, order, indentation, quotes. Some forms can't be "
        "changed safely and are refused: YAML anchors and flow style, TOML inline tables and arrays of "
        "tables on the way to the key, INI values over several lines, and JSON with comments. A list can "
        "only be set as a whole. Missing tables, sections and objects are created. If the file is a link, "
        "its target is changed."
    ),
    title="path",
    fields={
        "path": Field("path", "The file."),
        "section": Field(
            "string",
            "The [section] of an INI file. Without it, the key stands before the first section.",
            compare=False,
        ),
        "key": Field(
            "string",
            "The key to set: `log.level` means `level` in `log`. Quote a part that contains dots. In INI and "
            "shell files, dots have no meaning.",
            compare=False,
        ),
        "value": Field(
            "any",
            "The value, of any type. In an INI file, a list repeats the key once per member. For any other "
            "value, the last occurrence of a repeated key is changed.",
        ),
        "format": Field(
            "string",
            "The file's format; if not given, the file's name decides.",
            choices=settings.FORMATS,
            compare=False,
        ),
        "separator": Field(
            "string",
            "The separator of key and value in an INI file, such as ' = ' or a blank. If not given, `=` and `:` "
            "are recognized, and a new key is written like its neighbours.",
            compare=False,
        ),
        "inline_comments": Field(
            "boolean",
            "Whether ` #` and ` ;` start a comment after a value of an INI file. If not given, a line that "
            "contains them is refused, because they may be part of the value.",
            compare=False,
        ),
        "continuation": Field(
            "string",
            "How a value of an INI file continues on the next line: `indented`, in lines with deeper "
            "indentation, as in files of Python's configparser; `backslash`, after a backslash at the end of a "
            "line, as in git's files; `systemd`, the same but skipping comments; `none`. If not given, the "
            "file's name decides: units and what's in `/etc/systemd` (systemd), `.desktop`, `.nmconnection`, "
            "`.cnf` and PHP's (none), gitconfig, `smb.conf`, `openssl.cnf` (backslash), `.repo`, `tox.ini`, "
            "`setup.cfg`, `pip.conf`, `ansible.cfg`, supervisor's and fail2ban's (indented). For other names, a "
            "line that could be either a key or a continuation is refused.",
            choices=ini_kinds.CONTINUATIONS,
            compare=False,
        ),
        "create": Field("boolean", "Create the file if it doesn't exist.", compare=False),
        "validate": VALIDATE,
    },
    identity=("format", "section", "key"),
    holds=("value",),
    normalise=_normalise,
    example="setting: /etc/docker/daemon.json\nkey: log-opts.max-size\nvalue: 10m\ncreate: true\n",
)
