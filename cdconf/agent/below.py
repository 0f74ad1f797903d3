"""Everything below a directory, without following links or leaving its file system."""

import os
import re
import stat

from cdconf.agent import files


def walk(root):
    """(path relative to the root, lstat result) of everything below, directories before what's in them."""
    # What's bound to a place from the same file system has the same device, and is none of the directory's either.
    mounts = set(mounts_below(root))
    for folder, names, others, descriptor in os.fwalk(root, follow_symlinks=False):
        above = os.path.relpath(folder, root)
        found = []
        for name in sorted(names + others):
            relative = name if above == "." else os.path.join(above, name)
            try:
                if relative not in mounts:
                    found.append((name, relative, os.lstat(name, dir_fd=descriptor)))
            except FileNotFoundError:
                continue
        names[:] = [name for name, _, status in found if stat.S_ISDIR(status.st_mode)]
        for _, relative, status in found:
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
    if mode is not None and mode != found["mode"]:
        words.append("mode {}".format(found["mode"]))
    return ", ".join(words)


def mode_for(status, wanted):
    """The mode that something below should have; None for a link, and where none is given."""
    if stat.S_ISDIR(status.st_mode):
        return wanted.get("mode")
    return wanted.get("file_mode") if stat.S_ISREG(status.st_mode) else None


def set_all(root, wanted):
    """Gives everything below its owner, group and mode."""
    uid = files.uid_of(wanted["owner"]) if "owner" in wanted else -1
    gid = files.gid_of(wanted["group"]) if "group" in wanted else -1
    for relative, status in list(walk(root)):
        if not wrong(status, wanted):
            continue
        path = os.path.join(root, relative)
        if stat.S_ISLNK(status.st_mode) or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            os.chown(path, uid, gid, follow_symlinks=False)
            continue
        mode = mode_for(status, wanted) or "{:o}".format(stat.S_IMODE(status.st_mode))
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, int(mode, 8))
        finally:
            os.close(descriptor)


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
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
        places = [line.split(" ")[4] for line in stream]
    return [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), place) for place in places]


def mounts_below(root):
    """The places below a directory where something is mounted, relative to it."""
    prefix = os.path.realpath(root).rstrip("/") + "/"
    return [place[len(prefix) :] for place in _mounts() if place.startswith(prefix)]


def remove(root, relative):
    """Removes what's at a path, with everything below it."""
    path = os.path.join(root, relative)
    if stat.S_ISDIR(os.lstat(path).st_mode):
        import shutil

        shutil.rmtree(path)
    else:
        os.unlink(path)
