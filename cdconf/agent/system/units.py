"""What systemd calls a unit: the name behind an alias, and what the [Install] sections of its files say."""

import os
import stat

from cdconf.agent import texts
from cdconf.agent.files import whole_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KINDS = ("service", "socket", "timer", "path", "mount", "automount", "swap", "target", "slice", "scope", "device")
SUFFIXES = tuple("." + kind for kind in KINDS)
SYSTEM = "/etc/systemd/system"
# Where systemd looks for unit files, the first one wins (systemd.unit(5)).
FOLDERS = (
    SYSTEM,
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
GENERATED = ("/run/systemd/generator", "/run/systemd/generator.late")
LIMIT = 1024 * 1024


def unit(name: "str") -> "str":
    """The unit's full name; `web@1.2` is an instance whose name has a dot, not a unit of type `2`."""
    return name if name.endswith(SUFFIXES) else name + ".service"


def resolve(name: "str") -> "str":
    """The name by which systemd knows a unit, its `Id`, where `name` is an alias.

    An alias is a link to another unit's file, or is declared by `Alias=` of one: its link comes and goes as that unit
    is enabled and disabled, but whoever uses the alias means that unit all the time.
    """
    full = unit(name)
    for _ in range(8):
        target = _behind(full)
        if target is None:
            break
        full = target
    return full


def _behind(full: "str") -> "str | None":
    """The unit that one alias is another name of; None when it's no alias."""
    names = _names(full)
    for name in names:
        for folder in FOLDERS:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                return _linked(full, path)
            if os.path.lexists(path):
                return None
    found = {other for other, words in _aliases(full.rpartition(".")[2]) if set(words) & set(names)}
    return _instance(found.pop(), full) if len(found) == 1 else None


def _names(full: "str") -> "list[str]":
    """The unit, and the template that it's an instance of."""
    stem, at, rest = full.partition("@")
    suffix = "." + full.rpartition(".")[2]
    return [full] + ([stem + at + suffix] if at and rest != suffix else [])


def _linked(full: "str", path: "str") -> "str | None":
    """A link out of systemd's directories is a unit of its own, or masks one."""
    target = os.path.join(os.path.dirname(path), os.readlink(path))
    folder, name = os.path.split(target)
    known = os.path.realpath(folder) in {os.path.realpath(one) for one in FOLDERS}
    if not known or name == os.path.basename(path) or os.path.splitext(name)[1] != os.path.splitext(path)[1]:
        return None
    return _instance(name, full)


def _instance(name: "str", full: "str") -> "str":
    """The instance of a template of which `full` is an instance by another name."""
    return name.replace("@.", full[full.index("@") : full.rindex(".") + 1], 1) if "@." in name and "@" in full else name


def _aliases(suffix: "str") -> "Iterator[tuple[str, Sequence[str]]]":
    """(unit file, the names that `Alias=` gives it) of all unit files of a kind."""
    seen = set()
    for folder in FOLDERS:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            if name in seen or not name.endswith("." + suffix) or not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            seen.add(name)
            with open(path, "rb") as stream:
                data = stream.read(LIMIT)
            if b"Alias" in data:
                yield name, installs(data.decode("utf-8", "replace")).get("Alias", ())


def installs(text: "str") -> "dict[str, list[str]]":
    """The [Install] section of a unit file: `{setting: [word, …]}`."""
    found: "dict[str, list[str]]" = {}
    inside = False
    for line in text.replace("\\\n", " ").split("\n"):
        line = texts.strip(line)
        if line.startswith("["):
            inside = line == "[Install]"
        elif inside and line[:1] not in ("#", ";"):
            key, _, value = line.partition("=")
            found.setdefault(texts.strip(key), []).extend(texts.words(value))
    return found


def also(shown: "dict[str, str]") -> "list[str]":
    """The units that are enabled and disabled in place of one that is `indirect`: those of its `Also=`."""
    found: "list[str]" = []
    for path in [shown["FragmentPath"]] + texts.words(shown.get("DropInPaths", "")):
        found += installs(whole_file.read_or_empty(path)).get("Also", ())
    return sorted(set(found))


def is_wanted(name: "str", *folders: "str") -> "bool":
    """Whether a link in one of these directories has a target or another unit start it."""
    for folder in folders:
        try:
            inside = os.listdir(folder)
        except OSError:
            continue
        for one in inside:
            if one.endswith((".wants", ".requires", ".upholds")) and os.path.lexists(os.path.join(folder, one, name)):
                return True
    return False
