"""The attacks: what is put in the place of what.

A row says which paths matter, its *points*: those above the target, the target, those below it. Each attack takes one
point, and has a decoy in the stash that is exchanged for it.
"""

import os
import shutil
import stat

import place
import sources
from attacker import UID


class Attack(object):
    """One attack of a row.

    Attributes:
        name: What the table calls it.
        point: The path that's exchanged; None: whatever new name root makes.
        before: Whether it's only tried before the agent begins, since it needs no race.
        lease: Whether the attacker holds a lease on the decoy.
    """

    def __init__(self, name, point, build, before=False, beside=False, lease=False):
        self.name, self.point, self.build, self.before, self.lease = name, point, build, before, lease
        # A directory of root's can't leave the directory that it's in: it's renamed there.
        self.decoy = point + ".beside" if beside else os.path.join(place.STASH, "decoy")


def _link(target, owner=UID):
    def build(decoy, row):
        os.symlink(target, decoy)
        os.lchown(decoy, owner, owner)

    return build


def _hard(target):
    # It was made when the kernel still let users do so (fs.protected_hardlinks), or by another program.
    def build(decoy, row):
        os.link(target, decoy, follow_symlinks=False)

    return build


def _fifo(decoy, row):
    os.mkfifo(decoy, 0o666)
    os.chown(decoy, UID, UID)


def _sparse(decoy, row):
    with open(decoy, "wb") as stream:
        stream.truncate(1 << 36)
    os.chown(decoy, UID, UID)


def _setuid(decoy, row):
    shutil.copyfile("/bin/true", decoy)
    os.chown(decoy, UID, UID)
    os.chmod(decoy, 0o6755)


def _file_with_acl(decoy, row):
    _planted("a\n")(decoy, row)
    place.allow(decoy, 4)


def _folder_with_acl(decoy, row):
    _own(decoy)
    place.allow(decoy, 7, "default")


def _hostile_tree(decoy, row):
    """Names and depths that programs stumble over."""
    _own(decoy)
    for name in ("new\nline", os.fsdecode(b"\xff\xfe"), "n" * 255, "-rf", " ", "*", "$(id)", "..."):
        _own(os.path.join(decoy, name))
    place.deep(decoy, 2000)


def _own(path):
    os.mkdir(path, 0o755)
    os.chown(path, UID, UID)


def _twin(mirror, how):
    """A directory of the attacker's with the same names in it, each leading to the victim's."""

    def build(decoy, row):
        _own(decoy)
        for name in sorted(os.listdir(mirror)):
            there, here = os.path.join(mirror, name), os.path.join(decoy, name)
            is_folder = stat.S_ISDIR(os.lstat(there).st_mode)
            if how == "mount":
                os.mkdir(here) if is_folder else open(here, "w").close()
                place.bind(there, here)
            elif how == "hard" and not is_folder:
                os.link(there, here)
            else:
                os.symlink(there, here)
                os.lchown(here, UID, UID)

    return build


def _roots(mirror):
    """A directory of root's own with root's own links in it, which the attacker can only rename."""

    def build(decoy, row):
        os.mkdir(decoy, 0o755)
        for name in sorted(os.listdir(mirror)):
            os.symlink(os.path.join(mirror, name), os.path.join(decoy, name))

    return build


def _mounted(point, mirror):
    def build(decoy, row):
        if os.path.lexists(point) and point.startswith(place.PLACE):
            place.bind(mirror, point)

    return build


def _planted(text):
    def build(decoy, row):
        with open(decoy, "w") as stream:
            stream.write(text)
        os.chown(decoy, UID, UID)

    return build


def _new(file, directory):
    """Decoys for whatever root makes: one for a file, one for a directory."""

    def build(decoy, row):
        file(decoy + "-file", row)
        directory(decoy + "-directory", row)

    return build


def _repository(decoy, row):
    """The attacker's own repository, whose configuration names programs; they mark the victim when root runs them."""
    shutil.copytree(sources.HOSTILE, decoy, symlinks=True)
    for folder, names, others in os.walk(decoy):
        for name in [""] + names + others:
            os.lchown(os.path.join(folder, name), UID, UID)


def attacks(row):
    """The attacks that a row is open to, in the table's order."""
    target = os.path.join(place.PLACE, row["target"])
    found = []
    for point, kind in sorted(row["points"].items()):
        path, mirror = os.path.join(place.PLACE, point), os.path.join(place.VICTIM, point.lstrip("/"))
        if path != target and target.startswith(path + "/"):
            found += _above(path, mirror, row.get("kind") == "directory")
        elif kind == "directory":
            found += _directory(path, mirror, path == target, row.get("removes"))
        else:
            found += _file(path, mirror, path == target)
    shadow, folder = os.path.join(place.VICTIM, "shadow"), os.path.join(place.VICTIM, os.path.dirname(row["target"]))
    found += [
        Attack("temporary name swapped for a link", None, _new(_link(shadow), _link(folder))),
        Attack("temporary name swapped for a hard link", None, _new(_hard(shadow), _twin(folder, "hard"))),
        Attack("temporary name swapped for a FIFO", None, _new(_fifo, _twin(folder, "mount"))),
    ]
    if "repository" in row:
        found.append(Attack("swapped for the user's own repository", target, _repository))
    if row.get("into_mounts"):
        found = [one for one in found if "bind mount" not in one.name]
    for name, (path, text) in sorted(row.get("planted", {}).items()):
        found.append(Attack(name, os.path.join(place.PLACE, path), _planted(text), before=True))
    return found


def _above(path, mirror, is_for_directory):
    empty = os.path.join(place.VICTIM, "empty")
    found = [
        Attack("link in a parent", path, _link(mirror)),
        Attack("link in a parent to an empty directory", path, _link(empty)),
        Attack("root's own link moved to a parent", path, _link(mirror, 0)),
        Attack("parent swapped for a directory with links", path, _twin(mirror, "link")),
        Attack("parent swapped for a directory of root's with links", path, _roots(mirror), beside=True),
        Attack("parent swapped for a directory with hard links", path, _twin(mirror, "hard")),
        Attack("parent swapped for a directory with an ACL", path, _folder_with_acl, before=True),
    ]
    # A directory's own path may be a mount: that's how volumes come to where an app has its data.
    if not is_for_directory:
        found.append(Attack("parent swapped for a directory with bind mounts", path, _twin(mirror, "mount")))
    return found


def _directory(path, mirror, is_target, removes):
    found = [
        Attack("final link" if is_target else "directory swapped for a link", path, _link(mirror)),
        Attack("directory swapped for one with links", path, _twin(mirror, "link")),
        Attack("directory swapped for one with hard links", path, _twin(mirror, "hard")),
        Attack("directory swapped for one with bind mounts", path, _twin(mirror, "mount")),
    ]
    # A mount on the target itself is what root made of that path, unless the target is to be removed.
    if not is_target or removes:
        found.append(Attack("bind mount", path, _mounted(path, mirror), before=True))
    if is_target:
        found.append(Attack("swapped for a tree of hostile names", path, _hostile_tree, before=True))
        found.append(Attack("FIFO", path, _fifo))
        found.append(Attack("root's own link moved to the end", path, _link(mirror, 0)))
        found.append(Attack("dangling final link", path, _link(os.path.join(place.VICTIM, "empty/made"))))
    return found


def _file(path, mirror, is_target):
    where = "final" if is_target else "inner"
    found = [
        Attack("{} link".format(where), path, _link(mirror)),
        Attack("hard link" if is_target else "inner hard link", path, _hard(mirror)),
        Attack("FIFO" if is_target else "inner FIFO", path, _fifo),
        Attack("{} setuid program".format(where), path, _setuid),
        Attack("{} file with a lease".format(where), path, _planted("a\n"), before=True, lease=True),
        Attack("{} file with an ACL".format(where), path, _file_with_acl, before=True),
    ]
    if is_target:
        found.append(Attack("root's own link moved to the end", path, _link(mirror, 0)))
        found.append(Attack("dangling final link", path, _link(os.path.join(place.VICTIM, "empty/made"))))
        found.append(Attack("sparse file of 64 GiB", path, _sparse, before=True))
    return found
