"""Lines of /etc/fstab (fstab(5)), edited in their place with all others untouched."""

import re

from cdconf.agent import texts
from cdconf.agent.files import whole_file

TYPE_CHECKING = False
if TYPE_CHECKING:  # novm
    from typing import Literal

    from cdconf.agent.data.host import FstabEntry

FILE = "/etc/fstab"


def decode(field: "str") -> "str":
    """A field without its octal escapes, of which 040 is a blank."""
    data = field.encode("utf-8", "surrogateescape")
    data = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found.group(1), 8) & 255]), data)
    return data.decode("utf-8", "surrogateescape")


def encode(field: "str") -> "str":
    """A field with blanks, tabs, new lines, backslashes, and a # at its beginning escaped."""
    text = re.sub(r"[ \t\n\\]", lambda found: "\\{:03o}".format(ord(found.group())), field)
    return "\\043" + text[1:] if text.startswith("#") else text


def parse(line: "str") -> "FstabEntry | None":
    """`{device, path, type, options, dump, pass}` of a line; None for comments and what's no entry."""
    fields = texts.words(line)
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    fields += ["defaults", "0", "0"][len(fields) - 3 :]
    return {
        "device": decode(fields[0]),
        "path": normal(decode(fields[1])),
        "type": fields[2],
        "options": decode(fields[3]),
        "dump": int(fields[4]) if texts.is_number(fields[4]) else 0,
        "pass": int(fields[5]) if texts.is_number(fields[5]) else 0,
    }


def normal(path: "str") -> "str":
    """Without slashes at its end."""
    return path.rstrip("/") or "/"


def form(entry: "FstabEntry") -> "str":
    """The entry as a line, without the new line."""
    fields = [encode(entry["device"]), encode(entry["path"]), entry["type"], encode(entry["options"])]
    return "\t".join(fields + [str(entry["dump"]), str(entry["pass"])])


def put(text: "str", key: "Literal['path', 'device']", value: "str", entry: "FstabEntry | None") -> "str":
    """The text with the entry whose `key` (`path`, or `device` for swap) is `value` replaced, added or removed.

    A second entry for the same is removed: the first is the one that counts. An entry that says the same in another
    spelling is left as it is.
    """
    kept: "list[str]" = []
    done = entry is None
    for line in texts.whole_lines(text):
        found = parse(line)
        if found is None or found[key] != value:
            kept.append(line)
        elif not done and entry is not None:
            kept.append(line if found == entry else form(entry) + "\n")
            done = True
    if not done and entry is not None:
        if kept and not kept[-1].endswith("\n"):
            kept[-1] += "\n"
        kept.append(form(entry) + "\n")
    return "".join(kept)


def find(text: "str", key: "Literal['path', 'device']", value: "str") -> "FstabEntry | None":
    """The first entry of which `key` is `value`, or None."""
    for line in texts.lines(text):
        found = parse(line)
        if found is not None and found[key] == value:
            return found
    return None


def change(key: "Literal['path', 'device']", value: "str", entry: "FstabEntry | None") -> "bool":
    """Edits /etc/fstab; True when that changed it."""
    text: "str" = whole_file.read_or_empty(FILE)
    changed = put(text, key, value, entry)
    if changed != text:
        whole_file.edit(FILE, changed)
    return changed != text
