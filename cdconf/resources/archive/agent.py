"""Observes and applies directories that an archive is unpacked to."""

import contextlib
import io
import os
import stat

from cdconf.agent import files
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed, Missing, in_the_way
from cdconf.agent.files import archives, fetch, trees
from cdconf.agent.records import unpacked
from cdconf.agent.release.tree import sha256_of

BUSY = "(half-unpacked)"
BLOCK = 1024 * 1024  # bytes
ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878, 3.1.1


def observe(fields):
    """The SHA-256 of the archive that was unpacked, owner, group and mode; None when nothing is unpacked."""
    path = fields["path"]
    status = files.lstat(path)
    wanted = None if fields.get("absent") else _digest(fields)
    if status is None:
        # What it creates may be elsewhere, and the directory gone again: nothing is to be done then.
        is_done = not fields.get("absent") and "creates" in fields and _creates(fields)
        return dict(fields) if is_done else None
    if not stat.S_ISDIR(status.st_mode):
        raise in_the_way(path, "no directory")
    if fields.get("absent"):
        return None if _known(path) is None else {}
    state = files.ownership(status, fields)
    if "creates" in fields:
        if not _creates(fields):
            return None
        state["sha256"] = fields["sha256"]
        return state
    record = _adopted(fields, wanted)
    if record is None:
        return None
    state["sha256"] = fields["sha256"] if record["sha256"] == wanted else record["sha256"]
    damage = unpacked.damage(path, record["members"])
    if record["strip"] != fields["strip"]:
        state["sha256"] += ", unpacked with strip: {}".format(record["strip"])
    elif damage:
        state["sha256"] += ", but {}".format(damage)
    return state


def _creates(fields):
    return files.lstat(fields["creates"]) is not None


def _known(path):
    """What is known of a directory: the record, or what an earlier release left in it."""
    return unpacked.read(path) or unpacked.marker(path)


def _adopted(fields, wanted):
    """The record; where an earlier release has unpacked this very archive, a new one by the archive's own list."""
    path = fields["path"]
    record = unpacked.read(path)
    if record is not None:
        return record
    marker = unpacked.marker(path)
    if marker is None or (marker["sha256"], marker["strip"]) != (wanted, fields["strip"]):
        return marker
    try:
        with unpacked.work() as here, _archive(fields, here) as archive:
            if sha256_of(archive) != wanted:
                return dict(marker, sha256="unknown: the archive is another one by now")
            archive.seek(0)
            with archives.opened(archive, fields["strip"], fields.get("links")) as members:
                sizes = archives.sizes(members)
    except (Failed, OSError) as error:
        return dict(marker, sha256="unknown, since the archive can't be compared: {}".format(error))
    if not unpacked.damage(path, sizes):
        unpacked.write(path, wanted, fields["strip"], sizes)
    return dict(marker, members=sizes)


def _digest(fields):
    """The SHA-256 that is wanted: given, or that of the archive on the host."""
    if "file" not in fields:
        return fields["sha256"]
    with _file(fields) as stream:
        if "creates" in fields and _creates(fields):
            return None
        found = sha256_of(stream)
    if not fields["sha256"].startswith("that of ") and fields["sha256"] != found:
        raise Failed("the SHA-256 of '{}' is {}, not {}".format(fields["file"], found, fields["sha256"]))
    return found


def _file(fields):
    descriptor = files.open_file(fields["file"], follow=True)
    if descriptor is None:
        raise Missing("file", fields["file"])
    return os.fdopen(descriptor, "rb")


def apply(fields, difference):
    """Unpacks it beside the directory and moves it in; or removes it, or only changes owner and mode."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        record = _known(path) or {"members": {}}
        with files.hold(path) as target:
            _remove(target, record["members"], ())
        unpacked.forget(path)
        with contextlib.suppress(OSError):
            files.remove_directory(path)
        return
    files.check_owners(difference)
    if "exists" in difference or "sha256" in difference:
        _unpack(fields)
    wanted = {name: (None, fields[name]) for name in ("owner", "group", "mode") if name in fields}
    if wanted:
        files.set_ownership(path, wanted)
    record = unpacked.read(path)
    if record is not None and ("owner" in difference or "group" in difference):
        with files.hold(path) as target:
            _give(target, record["members"], fields)


def _unpack(fields):
    path = fields["path"]
    with files.parent(path) as (folder, name), trees.work(folder) as here, _archive(fields, here) as archive:
        digest = sha256_of(archive)
        archive.seek(0)
        os.mkdir("tree", 0o755, dir_fd=here.descriptor)
        with here.down("tree") as tree:
            strip, links = fields["strip"], fields.get("links")
            with _plain(archive, fields) as plain, archives.opened(plain, strip, links) as members:
                archives.unpack(members, tree)
                sizes = archives.sizes(members)
            _dress(tree, fields)
            old = (_known(path) or {"members": {}})["members"]
            if folder.lstat(name) is None:
                os.mkdir(name, 0o755, dir_fd=folder.descriptor)
            with folder.down(name) as target:
                # Half-unpacked, and everything remembered that may be there, until all is in its place.
                unpacked.write(path, BUSY, None, dict(old, **sizes))
                target.unlink(unpacked.MARKER)
                _move(tree, target)
                _remove(target, old, sizes)
    if "creates" in fields and not _creates(fields):
        raise Failed("it was unpacked, but there's no '{}'".format(fields["creates"]))
    unpacked.write(path, digest, fields["strip"], sizes)


@contextlib.contextmanager
def _archive(fields, here):
    """A stream of the archive; what's fetched lies in a `Folder` of root's own meanwhile."""
    if "file" in fields:
        with _file(fields) as stream:
            yield stream
    elif "data" in fields:
        yield io.BytesIO(fields["data"])
    else:
        with trees.create(here, "archive") as stream:
            fetch.fetch(
                fields["url"], stream, fields["sha256"], fields.get("headers"), fields["timeout"], fields.get("proxy")
            )
            stream.seek(0)
            yield stream


@contextlib.contextmanager
def _plain(archive, fields):
    """The archive, or what zstd makes of it, in a directory of root's own."""
    is_zstd = archive.read(len(ZSTD)) == ZSTD
    archive.seek(0)
    if not is_zstd:
        yield archive
        return
    program = programs.need("zstd")
    with unpacked.work() as own:
        with trees.create(own, "packed") as stream:
            for chunk in iter(lambda: archive.read(BLOCK), b""):
                stream.write(chunk)
        run_ok([program, "-dq", own.place("packed"), "-o", own.place("plain")], timeout=fields["timeout"])
        with os.fdopen(own.open("plain"), "rb") as stream:
            yield stream


def _dress(tree, fields):
    """Gives what was just unpacked, and what nobody else can reach yet, its owner and group."""
    uid, gid = files.ids(fields)
    if (uid, gid) == (-1, -1):
        return
    for _, _, folder, name in trees.walk(tree):
        os.chown(name, uid, gid, dir_fd=folder.descriptor, follow_symlinks=False)


def _move(tree, target):
    """Puts every member in its place by a rename; never through a link that is there."""
    for name in tree.names():
        there = target.lstat(name)
        is_directory = stat.S_ISDIR(tree.lstat(name).st_mode)
        if there is None or not (is_directory or stat.S_ISDIR(there.st_mode)):
            tree.rename(name, name, target)
        elif not is_directory:
            raise Failed("the directory '{}' is in the way of a file of the archive".format(target.place(name)))
        elif not stat.S_ISDIR(there.st_mode):
            raise Failed("'{}' is in the way of a directory of the archive".format(target.place(name)))
        else:
            with tree.down(name) as one, target.down(name) as other:
                _move(one, other)


def _folders(members):
    """The directories that members lie in, relative, the deepest last."""
    found = set()
    for relative in members:
        above = os.path.dirname(relative)
        while above:
            found.add(above)
            above = os.path.dirname(above)
    return found


def _give(target, members, fields):
    wanted = {name: fields[name] for name in ("owner", "group") if name in fields}
    with trees.Inside(target) as inside:
        for relative in sorted(_folders(members).union(members)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                folder, name = inside.at(relative)
                folder.check_mount(target)
                if folder.lstat(name) is not None:
                    files.set_in(folder, name, wanted, fields.get("owner"), target.mount())


def _remove(target, old, new):
    """Removes what was unpacked and is no longer wanted, the deepest first; directories only when they're empty."""
    gone = sorted(set(old) - set(new), reverse=True)
    folders = _folders(gone)
    with trees.Inside(target) as inside:
        for relative in gone:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                folder, name = inside.at(relative)
                folder.check_mount(target)
                status = folder.lstat(name)
                if status is not None and stat.S_ISDIR(status.st_mode):
                    folders.add(relative)
                else:
                    folder.unlink(name)
        for relative in sorted(folders, reverse=True):
            with contextlib.suppress(OSError):
                folder, name = inside.at(relative)
                os.rmdir(name, dir_fd=folder.descriptor)
