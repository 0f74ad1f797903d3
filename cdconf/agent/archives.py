"""Reads tar and zip archives member by member, and refuses whatever could leave the directory it's unpacked to."""

import contextlib
import lzma
import os
import posixpath
import stat
import tarfile
import zipfile
import zlib

from cdconf.agent.base import Failed

MEMBERS = 500000
BLOCK = 1024 * 1024


class Member(object):
    """One member: `path` (relative), `kind` (`file`, `directory`, `link`, `hard`), `mode`, `target`, `open`."""

    def __init__(self, path, kind, mode, target, opener):
        self.path, self.kind, self.mode, self.target, self.open = path, kind, mode, target, opener


def _refused(name, why):
    return Failed("the archive's member '{}' {}".format(name, why))


def _relative(name, strip):
    """The member's path without its first directories; None when nothing is left of it."""
    if name.startswith("/") or ".." in name.split("/") or "\0" in name or "\\" in name:
        raise _refused(name, "would leave its directory")
    parts = [part for part in name.split("/") if part not in ("", ".")][strip:]
    return "/".join(parts) or None


@contextlib.contextmanager
def opened(path, strip):
    """The members of an archive, in its order, those that `strip` leaves nothing of left out; readable in the block.

    Args:
        path: The archive: zip, or tar with or without gzip, bzip2 or xz.
        strip: How many directories at the beginning of each member's path are left out.

    Raises:
        Failed: It isn't such an archive, or has members that mustn't be unpacked.
    """
    # Tar is asked for first: a tar whose last member is a zip looks like one from behind.
    is_zip = not tarfile.is_tarfile(path) and zipfile.is_zipfile(path)
    try:
        with zipfile.ZipFile(path) if is_zip else tarfile.open(path, "r:*") as archive:
            yield _checked((_zip_members if is_zip else _tar_members)(archive, strip), strip)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise Failed("the archive can't be read: {}".format(error))


def _checked(found, strip):
    members = {}
    for member in found:
        if member.path is None:
            continue
        known = members.get(member.path)
        if known is not None and not known.kind == member.kind == "directory":
            raise _refused(member.path, "is there twice")
        members[member.path] = member
        if len(members) > MEMBERS:
            raise Failed("the archive has more than {} members".format(MEMBERS))
    if not members:
        raise Failed("the archive is empty" if not strip else "`strip: {}` leaves nothing of the archive".format(strip))
    for path in members:
        _check(members, path)
    return list(members.values())


def _check(members, path):
    above = posixpath.dirname(path)
    while above:
        if above in members and members[above].kind != "directory":
            raise _refused(path, "goes through '{}', which isn't a directory".format(above))
        above = posixpath.dirname(above)
    member = members[path]
    if member.kind == "link":
        parts = [part for part in member.target.split("/") if part not in ("", ".")]
        up = len([part for part in parts if part == ".."])
        # `..` behind another link's name could lead anywhere; at the beginning it only leads up from real directories.
        if member.target.startswith("/") or ".." in parts[up:] or up > path.count("/"):
            raise _refused(path, "links to '{}', out of its directory".format(member.target))
    if member.kind == "hard" and (member.target not in members or members[member.target].kind != "file"):
        raise _refused(path, "is a hard link to '{}', which isn't a file of the archive".format(member.target))


def _tar_members(tar, strip):
    for one in tar:
        name = _relative(one.name, strip)
        mode = one.mode & 0o755
        if one.isdir():
            yield Member(name, "directory", 0o755, None, None)
        elif one.isfile():
            yield Member(name, "file", mode | 0o600, None, lambda one=one: tar.extractfile(one))
        elif one.issym():
            yield Member(name, "link", None, one.linkname, None)
        elif one.islnk():
            yield Member(name, "hard", None, _relative(one.linkname, strip), None)
        else:
            raise _refused(one.name, "is a device or a pipe")


def _zip_members(archive, strip):
    for one in archive.infolist():
        name = _relative(_zip_name(one), strip)
        bits = one.external_attr >> 16
        if one.flag_bits & 1:
            raise _refused(one.filename, "is encrypted")
        if one.filename.endswith("/"):
            yield Member(name, "directory", 0o755, None, None)
        elif stat.S_ISLNK(bits):
            yield Member(name, "link", None, archive.read(one).decode("utf-8", "surrogateescape"), None)
        else:
            mode = (bits & 0o755 | 0o600) if bits & 0o777 else 0o644
            yield Member(name, "file", mode, None, lambda one=one: archive.open(one))


def _zip_name(one):
    """A member's name; Info-ZIP writes UTF-8 without the flag that says so where its locale isn't of UTF-8."""
    if one.create_system != 3 or one.flag_bits & 0x800:
        return one.filename
    try:
        return one.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return one.filename


def unpack(members, root):
    """Unpacks members into a directory that nobody else writes to.

    Links are made last, so that nothing is ever written through one.
    """
    for member in members:
        place = os.path.join(root, member.path)
        if member.kind == "directory":
            os.makedirs(place, 0o755, exist_ok=True)
        elif member.kind == "file":
            os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
            _copy(member, place)
    for member in members:
        place = os.path.join(root, member.path)
        if member.kind in ("link", "hard"):
            os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
        if member.kind == "link":
            os.symlink(member.target, place)
        elif member.kind == "hard":
            os.link(os.path.join(root, member.target), place)


def _copy(member, place):
    with member.open() as source, open(place, "xb") as stream:
        for block in iter(lambda: source.read(BLOCK), b""):
            stream.write(block)
        os.fchmod(stream.fileno(), member.mode)
