"""Reads a git repository's files without starting git: HEAD, refs, the configured URL, the index.

Formats: gitrepository-layout(5), git-config(1), gitformat-index(5).
"""

import binascii
import os
import re
import stat
import struct

from cdconf.agent import files, texts
from cdconf.agent.edit.edit_ini import Editor
from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    _Tracked = tuple[str, int, str, int, int, int, int]  # see `index`

COMMIT = re.compile(r"[0-9a-f]{40}\Z")


class NeedsGit(Exception):
    """Only git itself can tell."""


def _read(path: "str") -> "str | None":
    status = files.lstat(path)
    if status is None or stat.S_ISDIR(status.st_mode):
        return None
    data = files.read(path)
    return None if data is None else data.decode("utf-8", "surrogateescape")


def find(tree: "str") -> "str | None":
    """The repository of a working tree; None when there's none. `.git` may be a file that names it."""
    path = os.path.join(tree, ".git")
    text = _read(path)
    if text is not None and text.startswith("gitdir: "):
        path = os.path.join(tree, texts.strip(text[len("gitdir: ") :]))
    return path if os.path.isdir(path) else None


def head(repository: "str") -> "str | None":
    """The commit that's checked out; None in an empty repository."""
    name = texts.strip(_read(os.path.join(repository, "HEAD")) or "")
    for _ in range(5):
        if COMMIT.match(name):
            return name
        if not name.startswith("ref: "):
            return None
        ref = name[len("ref: ") :]
        name = texts.strip(_read(os.path.join(repository, ref)) or _packed(repository, ref))
    return None


def _packed(repository: "str", ref: "str") -> "str":
    for line in texts.lines(_read(os.path.join(repository, "packed-refs")) or ""):
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""


def url(repository: "str") -> "str | None":
    """What `origin` is; None when it's none."""
    text = _read(os.path.join(repository, "config")) or ""
    values = Editor(text, 'remote "origin"', "url").values()
    return values[-1] if values else None


def index(repository: "str") -> "list[_Tracked]":
    """(path, mode, object id, mtime in s and ns, size, flags) of each tracked file.

    Raises:
        NeedsGit: It's of a version, or has extensions, that aren't read here.
    """
    return _index(repository)[0]


def _index(repository: "str") -> "tuple[list[_Tracked], bytes]":
    """(the entries, the extensions behind them) of the index."""
    data = files.read(os.path.join(repository, "index"))
    if data is None:
        return [], b""
    if data[:4] != b"DIRC":
        raise Failed("'{}/index' is damaged".format(repository))
    version, count = struct.unpack(">II", data[4:12])
    if version not in (2, 3):
        raise NeedsGit
    entries: "list[_Tracked]" = []
    at = 12
    for _ in range(count):
        fields = struct.unpack(">10I20sH", data[at : at + 62])
        start = at + 62 + (2 if version == 3 and fields[11] & 0x4000 else 0)
        end = data.index(b"\0", start)
        identifier = binascii.hexlify(fields[10]).decode("ascii")
        entries.append(
            (os.fsdecode(data[start:end]), fields[6], identifier, fields[2], fields[3], fields[9], fields[11])
        )
        at += (end - at + 8) // 8 * 8
    if b"link" in (data[at : at + 4], data[-28:-24]):
        raise NeedsGit  # a split index holds only a part
    return entries, data[at:-20]


def check_nothing_staged(repository: "str", commit: "str") -> "None":
    """Compares the index's tree, as far as it's known without making it, with that of the commit that's checked out.

    Raises:
        NeedsGit: They aren't the same, or one of them isn't easily known.
    """
    extensions = _index(repository)[1]
    while len(extensions) >= 8 and extensions[:4] != b"TREE":
        extensions = extensions[8 + struct.unpack(">I", extensions[4:8])[0] :]
    found = re.match(rb"\0[0-9]+ [0-9]+\n(.{20})", extensions[8:], re.DOTALL)
    if found is None or binascii.hexlify(found.group(1)) != _tree(repository, commit):
        raise NeedsGit


def _tree(repository: "str", commit: "str") -> "bytes | None":
    """The tree of a commit that's a file of its own."""
    import zlib

    packed = files.read(os.path.join(repository, "objects", commit[:2], commit[2:]))
    try:
        text = zlib.decompressobj().decompress(packed or b"", 4096)
    except zlib.error:
        raise NeedsGit
    found = re.match(rb"commit [0-9]+\0tree ([0-9a-f]{40})\n", text)
    return found.group(1) if found else None


def submodules(tree: "str", repository: "str") -> "Iterator[tuple[str, str, str | None]]":
    """(path, commit of the index, repository or None) of each submodule."""
    for path, mode, commit, _, _, _, _ in index(repository):
        if mode == 0o160000 and not path.startswith("/") and ".." not in path.split("/"):
            yield path, commit, find(os.path.join(tree, path))


def suspects(tree: "str", repository: "str") -> "list[str]":
    """Tracked files that may have been changed, since their size or time differs from the index's.

    Raises:
        NeedsGit: See `index`; or a file was changed in the very second in which the index was written.
    """
    found = []
    for path, mode, _, seconds, nanos, size, flags in index(repository):
        if flags & 0x3000:
            raise NeedsGit  # an unmerged file
        if mode == 0o160000:
            continue
        try:
            status = os.lstat(os.path.join(tree, path))
        except (FileNotFoundError, NotADirectoryError):
            found.append(path)
            continue
        same_kind = stat.S_IFMT(status.st_mode) == mode & 0o170000
        same_mode = not stat.S_ISREG(status.st_mode) or bool(mode & 0o100) == bool(status.st_mode & 0o100)
        same_time = (status.st_mtime_ns // 10**9 & 0xFFFFFFFF, status.st_mtime_ns % 10**9) == (seconds, nanos)
        if not (same_kind and same_mode and same_time and status.st_size & 0xFFFFFFFF == size):
            found.append(path)
    return found


def submodules_behind(tree: "str", repository: "str") -> "list[str]":
    """The submodules whose checked-out commit isn't the one that the index names."""
    found = submodules(tree, repository)
    return [path for path, commit, inner in found if inner is None or head(inner) != commit]
