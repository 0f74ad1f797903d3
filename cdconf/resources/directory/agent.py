"""Observes and applies directories."""

import os
import stat

from cdconf.agent import files
from cdconf.agent.errors import Failed, Missing, in_the_way
from cdconf.agent.files import walk


def observe(fields):
    """Owner, group and mode, and the paths below that aren't as wanted; None when there's nothing."""
    path = fields["path"]
    status = files.lstat(path)
    if status is None:
        if fields.get("must_exist"):
            raise Missing("directory", path)
        return dict(fields, note="isn't there") if "must_exist" in fields else None
    if not stat.S_ISDIR(status.st_mode):
        raise in_the_way(path, "a {}, not a directory".format("link" if stat.S_ISLNK(status.st_mode) else "file"))
    state = files.ownership(status, fields)
    if "recursive" in fields:
        wrong = [(relative, walk.wrong(one, fields)) for relative, one in walk.walk(path)]
        state["recursive"] = ["{} ({})".format(relative, words) for relative, words in wrong if words]
    if "source" in fields:
        state["source"] = ["{} ({})".format(*one) for one in _differing(fields)]
    if "purge" in fields:
        state["purge"] = _unmanaged(fields)
    return state


def _unmanaged(fields):
    """The paths below that neither the source nor another resource manages, under whatever name of theirs."""
    path, managed = fields["path"], fields["managed"]
    paths, trees = managed["paths"] + sorted(fields.get("tree", {})), managed["trees"]
    found = walk.unmanaged(path, paths, trees)
    if found:
        paths = paths + walk.led_here(path, managed.get("paths_elsewhere", ()))
        trees = trees + walk.led_here(path, managed.get("trees_elsewhere", ()))
        found = walk.unmanaged(path, paths, trees)
    return found


def _differing(fields):
    """(path, why) of the source's files that aren't there as they should be."""
    for relative, entry in sorted(fields["tree"].items()):
        path = os.path.join(fields["path"], relative)
        status = files.lstat(path)
        if status is None:
            yield relative, "missing"
            continue
        if not stat.S_ISREG(status.st_mode):
            yield relative, "not a file"
        elif status.st_size != len(_data(entry)) or files.read(path, fields.get("owner")) != _data(entry):
            yield relative, "content"
        else:
            words = walk.wrong(status, _dress(fields, entry))
            if words:
                yield relative, words


def _dress(fields, entry):
    wanted = {name: fields[name] for name in ("owner", "group") if name in fields}
    wanted["file_mode"] = fields.get("file_mode", "0755" if entry["executable"] else "0644")
    return wanted


def _data(entry):
    data = entry["data"]
    return data if isinstance(data, bytes) else data.encode("utf-8")


def apply(fields, difference):
    """Makes, changes or removes it, then what's below."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        _remove(path, fields.get("force", False))
        return
    if "exists" in difference and "must_exist" in fields:
        raise Missing("directory", path)
    # Owner and group must exist before anything is made.
    files.check_owners(difference)
    if "exists" in difference:
        with files.make_directories(os.path.dirname(path)) as folder:
            wanted = {name: difference[name][1] for name in ("owner", "group", "mode") if name in difference}
            files.new_directory(folder, os.path.basename(path), wanted)
            folder.sync()
    else:
        files.set_ownership(path, difference)
    if "source" in difference:
        _copy(fields)
    if "recursive" in difference:
        walk.set_all(path, fields)
    for relative in (difference["purge"][0] or []) if "purge" in difference else []:
        walk.remove(path, relative)


def _copy(fields):
    for relative, _ in list(_differing(fields)):
        entry = fields["tree"][relative]
        wanted = _dress(fields, entry)
        _make_folders(fields, os.path.dirname(relative))
        path = os.path.join(fields["path"], relative)
        files.write_atomic(path, _data(entry), wanted.get("owner"), wanted.get("group"), wanted["file_mode"])


def _make_folders(fields, relative):
    """The directories above a copied file, owned like it; a link in their place is never followed."""
    path = fields["path"]
    wanted = {name: fields[name] for name in ("owner", "group", "mode") if name in fields}
    for name in relative.split("/") if relative else []:
        path = os.path.join(path, name)
        with files.parent(path) as (folder, _):
            try:
                files.new_directory(folder, name, wanted)
            except FileExistsError:
                if not files.is_directory(path):
                    raise Failed("'{}' is in the way of a directory that is copied".format(path))


def _remove(path, force):
    if force:
        walk.check_removal(path)
        files.remove_tree(path)
        return
    try:
        files.remove_directory(path)
    except OSError as error:
        raise Failed("can't remove '{}': {}; `force: true` removes what's in it".format(path, error.strerror))
