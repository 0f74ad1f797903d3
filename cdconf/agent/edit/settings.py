"""Which editor a configuration file needs, and one way to ask all of them."""

import posixpath

from cdconf.agent.edit import dotted, edit_ini, edit_json, edit_toml, edit_yaml, ini_kinds
from cdconf.agent.edit.dotted import NotEditable
from cdconf.agent.edit.lines import FileLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.values import Fields, Format

FORMATS = ("ini", "shell", "json", "toml", "yaml")
SUFFIXES = {
    ".json": "json",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".ini": "ini",
    ".cfg": "ini",
    ".cnf": "ini",
    ".desktop": "ini",
    ".env": "shell",
    ".sh": "shell",
}
SHELL_FOLDERS = ("/etc/default/", "/etc/sysconfig/")
SHELL_FILES = ("/etc/environment", "/etc/locale.conf", "/etc/vconsole.conf", "/etc/os-release")
_EDITORS: "dict[str, Format]" = {"json": edit_json, "toml": edit_toml, "yaml": edit_yaml}
MISSING = object()


def guess(path: "str") -> "str | None":
    """The format that a file's name stands for; None when it stands for none."""
    if path.startswith(SHELL_FOLDERS) or path in SHELL_FILES:
        return "shell"
    if path.startswith("/etc/systemd/") and path.endswith(".conf"):
        return "ini"
    suffix = posixpath.splitext(path)[1]
    if posixpath.dirname(path).endswith(tuple("." + unit + ".d" for unit in ini_kinds.UNITS)) and suffix == ".conf":
        return "ini"
    return "ini" if suffix[1:] in ini_kinds.UNITS else SUFFIXES.get(suffix)


def format_of(fields: "Fields") -> "str":
    """The format of a resource's file."""
    return fields.get("format") or guess(fields["path"]) or "ini"


def _ini(fields: "Fields", text: "str") -> "edit_ini.Editor":
    return edit_ini.Editor(
        text,
        fields.get("section"),
        fields["key"],
        separator=fields.get("separator"),
        shell=format_of(fields) == "shell",
        comments=fields.get("inline_comments"),
        continuation=fields.get("continuation") or ini_kinds.continuation_of(fields["path"]),
    )


def get(fields: "Fields", text: "str") -> "object":
    """The value of a resource's key, `MISSING` when there's none.

    A key that's there several times has a list where a list is wanted, otherwise its last value.

    Raises:
        NotEditable: The file isn't of its format, or the place can't be edited.
    """
    editor = _EDITORS.get(format_of(fields))
    if editor is None:
        values = _ini(fields, text).values()
        if not values:
            return MISSING
        return values if isinstance(fields.get("value"), list) else values[-1]
    found = editor.get(text, dotted.parts(fields["key"]))
    return MISSING if found is editor.MISSING else found


def put(fields: "Fields", text: "str") -> "str":
    """The text with the resource's value in it.

    Raises:
        NotEditable: See `get`; or the edit would have changed something else.
    """
    value = fields["value"]
    editor = _EDITORS.get(format_of(fields))
    if editor is not None:
        result = editor.put(text, dotted.parts(fields["key"]), value)
    elif isinstance(value, list):
        result = _ini(fields, text).put_exactly(value)
    else:
        result = _ini(fields, text).put([value])
    found = get(fields, result)
    if found is MISSING or not dotted.same(found, value):
        raise NotEditable("the value can't be written so that it reads the same")
    return result


def remove(fields: "Fields", text: "str") -> "str":
    """The text without the resource's key."""
    editor = _EDITORS.get(format_of(fields))
    if editor is None:
        return _ini(fields, text).remove()
    return editor.remove(text, dotted.parts(fields["key"])) if FileLines(text).lines else text
