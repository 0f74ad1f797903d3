"""Observes and applies directories that an archive is unpacked to."""

import contextlib
import json
import os
import shutil
import stat
import tempfile

from cdconf.agent import archives, fetch, files
from cdconf.agent.base import Failed, Missing
from cdconf.agent.tree import sha256_file

MARKER = ".cdconf-archive"


def observe(fields):
    """The SHA-256 of the archive that was unpacked, owner, group and mode; None when nothing is unpacked."""
    path = fields["path"]
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        status = None
    wanted = None if fields.get("absent") else _digest(fields)
    if status is None:
        # What it creates may be elsewhere, and the directory gone again: nothing is to be done then.
        is_done = not fields.get("absent") and "creates" in fields and os.path.lexists(fields["creates"])
        return dict(fields) if is_done else None
    if not stat.S_ISDIR(status.st_mode):
        raise Failed("'{}' exists, but isn't a directory".format(path))
    if fields.get("absent"):
        return None if _marker(path) is None else {}
    state = files.ownership(status, fields)
    if "creates" in fields:
        if not os.path.lexists(fields["creates"]):
            return None
        state["sha256"] = fields["sha256"]
        return state
    marker = _marker(path)
    if marker is None:
        return None
    state["sha256"] = fields["sha256"] if marker["sha256"] == wanted else marker["sha256"]
    damage = _damage(path, marker)
    if marker["strip"] != fields["strip"]:
        state["sha256"] += ", unpacked with strip: {}".format(marker["strip"])
    elif damage:
        state["sha256"] += ", but {}".format(damage)
    return state


def _digest(fields):
    """The SHA-256 that is wanted: given, or that of the archive on the host."""
    if "file" not in fields:
        return fields["sha256"]
    if not os.path.isfile(fields["file"]):
        raise Missing("file", fields["file"])
    if "creates" in fields and os.path.lexists(fields["creates"]):
        return None
    found = sha256_file(fields["file"])
    if not fields["sha256"].startswith("that of ") and fields["sha256"] != found:
        raise Failed("the SHA-256 of '{}' is {}, not {}".format(fields["file"], found, fields["sha256"]))
    return found


def _marker(path):
    """`{"sha256", "strip", "members": {path: size, or None for what has none}}` of the last one unpacked, or None."""
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as stream:
            marker = json.load(stream)
            return marker if isinstance(marker["members"], dict) else None
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return {"sha256": "(damaged)", "strip": None, "members": {}}


def _damage(path, marker):
    wrong = []
    for relative, size in marker["members"].items():
        try:
            status = os.lstat(os.path.join(path, relative))
        except OSError:
            wrong.append("{} is missing".format(relative))
            continue
        if size is not None and (not stat.S_ISREG(status.st_mode) or status.st_size != size):
            wrong.append("{} was changed".format(relative))
    more = " and {} more".format(len(wrong) - 3) if len(wrong) > 3 else ""
    return ", ".join(sorted(wrong)[:3]) + more


def apply(fields, difference):
    """Unpacks it beside the directory and moves it in; or removes it, or only changes owner and mode."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        _remove(path, (_marker(path) or {"members": {}})["members"], ())
        with contextlib.suppress(OSError):
            os.rmdir(path)
        return
    files.check_owners(difference)
    if "exists" in difference or "sha256" in difference:
        _unpack(fields)
    wanted = {name: (None, fields[name]) for name in ("owner", "group", "mode") if name in fields}
    if wanted:
        files.set_ownership(path, wanted)
    if "owner" in difference or "group" in difference:
        _give(path, (_marker(path) or {"members": {}})["members"], fields)


def _unpack(fields):
    path = fields["path"]
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise Missing("directory", folder)
    with tempfile.TemporaryDirectory(prefix=files.TEMPORARY_PREFIX, dir=folder) as work:
        archive = _archive(fields, os.path.join(work, "archive"))
        digest = sha256_file(archive)
        tree = os.path.join(work, "tree")
        os.mkdir(tree, 0o755)
        with archives.opened(archive, fields["strip"]) as members:
            archives.unpack(members, tree)
            sizes = {one.path: _size(os.path.join(tree, one.path)) for one in members}
        _give(tree, sizes, fields)
        old = (_marker(path) or {"members": {}})["members"]
        if not os.path.isdir(path):
            os.mkdir(path, 0o755)
        # Without its marker a directory counts as not unpacked, until all is in its place.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(path, MARKER))
        _move(tree, path)
        _remove(path, old, sizes)
    text = json.dumps({"sha256": digest, "strip": fields["strip"], "members": sizes}, sort_keys=True)
    if "creates" in fields and not os.path.lexists(fields["creates"]):
        raise Failed("it was unpacked, but there's no '{}'".format(fields["creates"]))
    files.write_atomic(
        os.path.join(path, MARKER), text.encode("utf-8"), "root" if os.geteuid() == 0 else None, mode="0600"
    )


def _archive(fields, place):
    if "file" in fields:
        return fields["file"]
    with open(place, "wb") as stream:
        if "data" in fields:
            stream.write(fields["data"])
        else:
            fetch.fetch(
                fields["url"], stream, fields["sha256"], fields.get("headers"), fields["timeout"], fields.get("proxy")
            )
    return place


def _size(path):
    status = os.lstat(path)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _move(tree, path):
    """Puts every member in its place by a rename; never through a link that is there."""
    for folder, names, others in os.walk(tree):
        relative = os.path.relpath(folder, tree)
        target = path if relative == "." else os.path.join(path, relative)
        if not os.path.lexists(target):
            os.mkdir(target, 0o755)
            shutil.copystat(folder, target)
            status = os.lstat(folder)
            os.chown(target, status.st_uid, status.st_gid)
        elif not stat.S_ISDIR(os.lstat(target).st_mode):
            raise Failed("'{}' is in the way of a directory of the archive".format(target))
        links = [name for name in names if os.path.islink(os.path.join(folder, name))]
        for name in others + links:
            place = os.path.join(target, name)
            if os.path.isdir(place) and not os.path.islink(place):
                raise Failed("the directory '{}' is in the way of a file of the archive".format(place))
            os.rename(os.path.join(folder, name), place)


def _give(root, members, fields):
    uid = files.uid_of(fields["owner"]) if "owner" in fields else -1
    gid = files.gid_of(fields["group"]) if "group" in fields else -1
    if (uid, gid) == (-1, -1):
        return
    folders = set()
    for relative in members:
        above = os.path.dirname(relative)
        while above:
            folders.add(above)
            above = os.path.dirname(above)
    for relative in folders.union(members):
        with contextlib.suppress(FileNotFoundError):
            os.chown(os.path.join(root, relative), uid, gid, follow_symlinks=False)


def _remove(path, old, new):
    """Removes what was unpacked and is no longer wanted, the deepest first; directories only when they're empty."""
    kept = set(new)
    folders = set()
    for relative in sorted(set(old) - kept, reverse=True):
        place = os.path.join(path, relative)
        above = os.path.dirname(relative)
        while above:
            folders.add(above)
            above = os.path.dirname(above)
        if os.path.isdir(place) and not os.path.islink(place):
            folders.add(relative)
        else:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(place)
    for relative in sorted(folders, reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(path, relative))
    if not new:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(path, MARKER))
