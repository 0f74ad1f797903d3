"""Everything below a directory, without following links or leaving its file system."""

import contextlib
import os
import re
import stat

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.files import trees


def walk(root):
    """(path relative to the root, lstat result) of everything below, directories before what's in them."""
    with files.hold(root) as folder:
        # What's bound to a place from the same file system has the same device, and is none of the directory's either.
        for relative, status, _, _ in trees.walk(folder, skip=set(mounts_below(root))):
            yield relative, status


def wrong(status, wanted):
    """What of owner, group and mode isn't as wanted, in words; empty when all is well.

    Args:
        status: An lstat result.
        wanted: The fields `owner`, `group`, `mode` and `file_mode`, those that are given.
    """
    found = files.ownership(status, wanted)
    words = [
        "{} {}".format(name, found[name])
        for name in ("owner", "group")
        if name in wanted and found[name] != wanted[name]
    ]
    mode = mode_for(status, wanted)
    if mode is not None and files.mode_bits(mode, status.st_mode) != stat.S_IMODE(status.st_mode):
        words.append("mode {}".format(files.mode_text(status.st_mode)))
    return ", ".join(words)


def mode_for(status, wanted):
    """The mode that something below should have; None for a link, and where none is given."""
    if stat.S_ISDIR(status.st_mode):
        return wanted.get("mode")
    return wanted.get("file_mode") if stat.S_ISREG(status.st_mode) else None


def set_all(root, wanted):
    """Gives everything below its owner, group and mode."""
    given = {name: wanted[name] for name in ("owner", "group") if name in wanted}
    with files.hold(root) as folder:
        for _, status, here, name in trees.walk(folder, skip=set(mounts_below(root))):
            if wrong(status, wanted):
                mode = mode_for(status, wanted)
                fields = given if mode is None else dict(given, mode=mode)
                here.check_mount(folder)
                files.set_in(here, name, fields, wanted.get("owner"), folder.mount())


def unmanaged(root, paths, trees):
    """The paths below that nobody manages, relative; of a directory with nothing managed in it only itself.

    Args:
        root: The directory.
        paths: Relative paths that are managed; what's below them isn't.
        trees: Relative paths that are managed with everything below.
    """
    kept = set(trees)
    for path in list(paths) + list(trees):
        while path:
            kept.add(path)
            path = os.path.dirname(path)
    found, mounts = set(), mounts_below(root)
    for relative, _ in walk(root):
        if relative in kept or _is_inside(relative, trees) or _is_inside(relative, found):
            continue
        if not any(mount.startswith(relative + "/") for mount in mounts):
            found.add(relative)
    return sorted(found)


def led_here(root, paths):
    """Those of some absolute paths that are below the root once links on the way are followed, relative to it."""
    prefix = os.path.realpath(root).rstrip("/") + "/"
    real = [os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)) for path in paths]
    return [path[len(prefix) :] for path in real if path.startswith(prefix)]


def _is_inside(relative, folders):
    """Whether a path is below one of some others."""
    above = os.path.dirname(relative)
    while above:
        if above in folders:
            return True
        above = os.path.dirname(above)
    return False


def _mounts():
    """Where something is mounted (proc(5), mountinfo: space and the like are written in octal)."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        places = [line.split(" ")[4] for line in stream]
    return [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), place) for place in places]


def mounts_below(root):
    """The places below a directory where something is mounted, relative to it."""
    prefix = os.path.realpath(root).rstrip("/") + "/"
    return [place[len(prefix) :] for place in _mounts() if place.startswith(prefix)]


def remove(root, relative):
    """Removes what's at a path, with everything below it; through no link, and not into what's mounted."""
    names = relative.split("/")
    with contextlib.ExitStack() as way:
        top = folder = way.enter_context(files.hold(root))
        for name in names[:-1]:
            folder = way.enter_context(folder.down(name))
            folder.check_mount(top)
        trees.remove(folder, names[-1])


def check_removal(path):
    """Raises `Failed` when something is mounted below a directory: removing it would empty that first."""
    mounted = mounts_below(path)
    if mounted:
        raise Failed("can't remove '{}': '{}' in it is mounted".format(path, os.path.join(path, mounted[0])))
