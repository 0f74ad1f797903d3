"""What cdconf remembers of the archives that it has unpacked, for root alone, and not in their directories.

`/var/lib/cdconf/.archives/` has a file for each directory: `{"path", "sha256", "strip", "members"}`, these being
`{relative path: size, or null for what has none}`. Earlier releases kept it in the directory itself, where its owner
could change it: such a marker only says that there may be something to adopt.
"""

import contextlib
import hashlib
import os

from cdconf.agent import files, wire
from cdconf.agent.files import trees
from cdconf.agent.records import store as state

FOLDER = ".archives"
MARKER = ".cdconf-archive"
LIMIT = 256 * 1024 * 1024


def _store():
    return state.HostStore("archives", os.path.join(state.root(), FOLDER))


def _name(path):
    return "archive-{}.json".format(hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:32])


def read(path):
    """The record of a directory; None when nothing is known of it."""
    return _store().read(_name(path))


def write(path, sha256, strip, members):
    """Replaces the record of a directory."""
    _store().write(_name(path), {"path": path, "sha256": sha256, "strip": strip, "members": members})


def forget(path):
    """Removes the record of a directory, and an earlier release's marker in it."""
    _store().remove(_name(path))
    files.remove(os.path.join(path, MARKER))


@contextlib.contextmanager
def work():
    """The `Folder` of a fresh directory, for root alone; it's removed at the end."""
    store = _store()
    store.prepare()
    with files.hold(store.folder) as folder, trees.work(folder) as made:
        yield made


def marker(path):
    """What an earlier release left in a directory, in the form of a record; None for what it can't have written."""
    place = os.path.join(path, MARKER)
    status = files.lstat(place)
    if status is None or status.st_uid != os.geteuid() or status.st_nlink != 1:
        return None
    descriptor = files.open_file(place)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        if os.fstat(descriptor).st_uid != os.geteuid():
            return None
        try:
            found = wire.loads(stream.read(LIMIT))
            members = {name: size for name, size in found["members"].items() if _is_below(name)}
            return {"sha256": str(found["sha256"]), "strip": found["strip"], "members": members}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"sha256": "(damaged)", "strip": None, "members": {}}


def _is_below(name):
    return not any(part in ("", ".", "..") for part in name.split("/")) and "\0" not in name


def damage(path, members):
    """Which members aren't on the disk as they were unpacked, in words; empty when all is well."""
    wrong = []
    with files.hold(path) as top, trees.Inside(top) as inside:
        for relative, size in sorted(members.items()):
            try:
                folder, name = inside.at(relative)
                status = folder.lstat(name)
            except OSError:
                status = None
            if status is None:
                wrong.append("{} is missing".format(relative))
            elif size is not None and (not files.is_regular(status) or status.st_size != size):
                wrong.append("{} was changed".format(relative))
    more = " and {} more".format(len(wrong) - 3) if len(wrong) > 3 else ""
    return ", ".join(sorted(wrong)[:3]) + more
