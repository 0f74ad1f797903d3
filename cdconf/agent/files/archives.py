"""Reads tar and zip archives member by member, and refuses whatever could leave the directory it's unpacked to."""

import contextlib
import lzma
import os
import posixpath
import stat
import tarfile
import zipfile
import zlib

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.files import trees

MEMBERS = 500000
BLOCK = 1024 * 1024


class ArchiveMember(object):
    """One member: `path` (relative), `kind` (`file`, `directory`, `link`, `hard`), `mode`, `target`, `open`, `size`."""

    def __init__(self, path, kind, mode, target, opener, size=None):
        self.path, self.kind, self.mode, self.target, self.open = path, kind, mode, target, opener
        self.size = size


def _refused(name, why):
    return Failed("the archive's member '{}' {}".format(name, why))


def _relative(name, strip):
    """The member's path without its first directories; None when nothing is left of it."""
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise _refused(name, "would leave its directory")
    parts = [part for part in name.split("/") if part not in ("", ".")][strip:]
    return "/".join(parts) or None


@contextlib.contextmanager
def opened(archive, strip, links=None):
    """The members of an archive, in its order, those that `strip` leaves nothing of left out; readable in the block.

    Args:
        archive: A stream of it, or its path: zip, or tar with or without gzip, bzip2 or xz.
        strip: How many directories at the beginning of each member's path are left out.
        links: `any`: symbolic links may lead anywhere; they're made after all else, so nothing is written through them.

    Raises:
        Failed: It isn't such an archive, or has members that mustn't be unpacked.
    """
    if isinstance(archive, str):
        with os.fdopen(files.open_file(archive, follow=True), "rb") as stream, opened(stream, strip, links) as members:
            yield members
        return
    try:
        with _open(archive) as found:
            is_zip = isinstance(found, zipfile.ZipFile)
            yield _checked((_zip_members if is_zip else _tar_members)(found, strip), strip, links)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise Failed("the archive can't be read: {}".format(error))


def _open(stream):
    # Tar is asked for first: a tar whose last member is a zip looks like one from behind.
    try:
        return tarfile.open(fileobj=stream, mode="r:*")
    except tarfile.TarError:
        if not zipfile.is_zipfile(stream):
            raise
    stream.seek(0)
    return zipfile.ZipFile(stream)


def sizes(members):
    """`{path: size, or None for what has none}` as they're on a disk once they're unpacked."""
    by_path = {member.path: member.size for member in members}
    return {member.path: by_path[member.target] if member.kind == "hard" else member.size for member in members}


def _checked(found, strip, links):
    members, twice = {}, set()
    for member in found:
        if member.path is None:
            continue
        if member.path in members:
            if member.kind == "hard" and member.target == member.path:
                continue  # how tar writes a file that it's given twice
            twice.add(member.path)
        members[member.path] = member  # the last one counts, as tar unpacks it
        if len(members) > MEMBERS:
            raise Failed("the archive has more than {} members".format(MEMBERS))
    if not members:
        raise Failed("the archive is empty" if not strip else "`strip: {}` leaves nothing of the archive".format(strip))
    for path, member in members.items():
        _check(members, path, links)
        if member.kind == "hard" and member.target in twice:
            raise _refused(path, "is a hard link to '{}', which is there twice".format(member.target))
    return list(members.values())


def _check(members, path, links):
    above = posixpath.dirname(path)
    while above:
        if above in members and members[above].kind != "directory":
            raise _refused(path, "goes through '{}', which isn't a directory".format(above))
        above = posixpath.dirname(above)
    member = members[path]
    if member.kind == "link" and links != "any":
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
            yield ArchiveMember(name, "directory", _directory_mode(one.mode), None, None)
        elif one.isfile():
            yield ArchiveMember(name, "file", mode | 0o600, None, lambda one=one: tar.extractfile(one), one.size)
        elif one.issym():
            yield ArchiveMember(name, "link", None, one.linkname, None)
        elif one.islnk():
            yield ArchiveMember(name, "hard", None, _relative(one.linkname, strip), None)
        else:
            raise _refused(one.name, "is a device or a pipe")


def _directory_mode(bits):
    """As the archive has it, but writable for others only with a sticky bit, as /tmp is."""
    return bits & (0o1777 if bits & 0o1000 else 0o755) | 0o700


def _zip_members(archive, strip):
    for one in archive.infolist():
        whole = _zip_name(one)
        name = _relative(whole, strip)
        bits = one.external_attr >> 16
        if one.flag_bits & 1:
            raise _refused(one.filename, "is encrypted")
        if whole.endswith("/"):
            yield ArchiveMember(name, "directory", _directory_mode(bits) if bits & 0o777 else 0o755, None, None)
        elif stat.S_ISLNK(bits):
            yield ArchiveMember(name, "link", None, archive.read(one).decode("utf-8", "surrogateescape"), None)
        else:
            mode = (bits & 0o755 | 0o600) if bits & 0o777 else 0o644
            yield ArchiveMember(name, "file", mode, None, lambda one=one: archive.open(one), one.file_size)


def _zip_name(one):
    """A member's name; Info-ZIP writes UTF-8 without the flag that says so where its locale isn't of UTF-8.

    In what was made on Windows a backslash without any slash separates directories, as unzip(1) reads it; elsewhere
    it's a character of a name as any other.
    """
    if one.create_system == 0 and "/" not in one.filename:
        return one.filename.replace("\\", "/")
    if one.create_system != 3 or one.flag_bits & 0x800:
        return one.filename
    try:
        return one.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return one.filename


def unpack(members, root):
    """Unpacks members into a directory that nobody else writes to: a `Folder`, or its path.

    Links are made last, so that nothing is ever written through one; a directory gets its mode at the very end.
    """
    if isinstance(root, str):
        with files.hold(root) as top:
            unpack(members, top)
        return
    with trees.Inside(root) as inside:
        for member in members:
            if member.kind == "directory":
                inside.directory(member.path)
            elif member.kind == "file":
                folder, name = inside.at(member.path, make=True)
                _copy(member, folder, name)
        for member in members:
            if member.kind in ("link", "hard"):
                _link(member, root, *inside.at(member.path, make=True))
        for member in members:
            if member.kind == "directory":
                os.fchmod(inside.directory(member.path).descriptor, member.mode)


def _link(member, root, folder, name):
    if member.kind == "link":
        os.symlink(member.target, name, dir_fd=folder.descriptor)
        return
    with trees.Inside(root) as inside:
        source, known = inside.at(member.target)
        os.link(known, name, src_dir_fd=source.descriptor, dst_dir_fd=folder.descriptor)


def _copy(member, folder, name):
    with member.open() as source, trees.create(folder, name) as stream:
        for block in iter(lambda: source.read(BLOCK), b""):
            stream.write(block)
        os.fchmod(stream.fileno(), member.mode)
