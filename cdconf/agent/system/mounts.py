"""What is mounted (proc(5), /proc/self/mountinfo), and whether that is what fstab means."""

import os

from cdconf.agent import texts
from cdconf.agent.system.fstab import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdconf.agent.data.host import Mounted

# Options that the kernel shows as they were given, and what stands against each.
OPPOSITES = (
    ("ro", "rw"),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("noexec", "exec"),
    ("noatime", "relatime"),
    ("nodiratime", "diratime"),
    ("sync", "async"),
)
# What mount(8) adds to these, unless it's told otherwise.
IMPLIED = {
    "user": ("noexec", "nosuid", "nodev"),
    "users": ("noexec", "nosuid", "nodev"),
    "owner": ("nosuid", "nodev"),
    "group": ("nosuid", "nodev"),
}
TAGS = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partuuid", "PARTLABEL": "partlabel"}
HIDEPID = {"0": "off", "1": "noaccess", "2": "invisible", "4": "ptraceable"}  # proc(5); newer kernels show the words
UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


def parse(text: "str") -> "dict[str, Mounted]":
    """`{path: {source, type, root, options}}`; of several mounts on one path the last, which is the one seen."""
    found: "dict[str, Mounted]" = {}
    for line in texts.lines(text):
        left, _, right = line.partition(" - ")
        fields, rest = left.split(" "), right.split(" ")
        if len(fields) < 6 or len(rest) < 3:
            continue
        found[decode(fields[4])] = {
            "source": decode(rest[1]),
            "type": rest[0],
            "root": decode(fields[3]),
            "options": set(fields[5].split(",")) | set(rest[2].split(",")) - {"rw"},
        }
    return found


def current() -> "dict[str, Mounted]":
    """What is mounted now."""
    return parse(_mountinfo())


def _mountinfo() -> "str":
    with open("/proc/self/mountinfo", "rb") as stream:
        return stream.read().decode("utf-8", "surrogateescape")


def device_path(device: "str") -> "str":
    """The device's path: `UUID=…` and the like are links that udev keeps in /dev/disk."""
    tag, separator, value = device.partition("=")
    if separator and tag in TAGS:
        return "/dev/disk/by-{}/{}".format(TAGS[tag], value.strip('"').replace("/", "\\x2f").replace(" ", "\\x20"))
    return device


def wrong_options(wanted: "Sequence[str]", live: "set[str]") -> "list[str]":
    """Those of the wanted options that the kernel would show, and doesn't.

    A mount that has become read-only by itself, as file systems with errors do, is wrong as well.

    Args:
        wanted: fstab's options, a list.
        live: The set that the kernel shows.
    """
    wrong = [one for one, other in OPPOSITES if one in wanted and one not in live]
    if "ro" in live and "ro" not in wanted:
        wrong.append("rw")
    for option in wanted:
        name, separator, value = option.partition("=")
        if name == "size" and separator and "size" in {one.partition("=")[0] for one in live}:
            shown = [bytes_of(one.partition("=")[2]) for one in live if one.startswith("size=")]
            if bytes_of(value) is not None and shown != [bytes_of(value)]:
                wrong.append(option)
        if name == "hidepid":
            words = [one.partition("=")[2] for one in live if one.startswith("hidepid=")] or ["off"]
            if HIDEPID.get(words[0], words[0]) != HIDEPID.get(value, value):
                wrong.append(option)
    return wrong


def added_flags(wanted: "Sequence[str]", flags: "set[str]", inherited: "Iterable[str]" = ()) -> "list[str]":
    """The opposites of those of a mount's own flags that nobody asked for: it was remounted by hand.

    Args:
        wanted: fstab's options, a list.
        flags: The set that the kernel shows.
        inherited: Flags that it has from elsewhere.
    """
    asked = set(wanted).union(inherited)
    for option, flags_of in IMPLIED.items():
        asked.update(flags_of if option in asked else ())
    # Read-only is judged by `wrong_options`, and `sync` is no flag of a mount.
    return [other for one, other in OPPOSITES[1:-1] if one in flags and one not in asked]


def flags_at(path: "str") -> "set[str]":
    """The own options of the mount that a path lies in, without those of its file system."""
    fields = [line.split(" ") for line in texts.lines(_mountinfo())]
    found = {decode(field[4]): set(field[5].split(",")) for field in fields if len(field) > 5}
    real = os.path.realpath(path)
    while real not in found and real != "/":
        real = os.path.dirname(real)
    return found.get(real, set())


def bytes_of(size: "str") -> "int | None":
    """tmpfs(5)'s sizes: `64m` is 67108864; None for a percentage."""
    number, unit = (size[:-1], UNITS[size[-1:].lower()]) if size[-1:].lower() in UNITS else (size, 1)
    return int(number) * unit if texts.is_number(number) else None


def same_source(device: "str", kind: "str", options: "Sequence[str]", path: "str", live: "Mounted") -> "bool":
    """Whether what's mounted on the path is the device (for file systems without one: of the type)."""
    if "bind" in options or "rbind" in options:
        try:
            there, here = os.stat(device), os.stat(path)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    if kind not in ("auto", live["type"]) and live["type"] != "fuseblk":
        return False
    real = device_path(device)
    return not real.startswith("/") or os.path.realpath(real) == os.path.realpath(live["source"])
