"""What archives hold, in one form for all formats: tar (plain, gzip, bzip2, xz, zstd), zip, wheel, or one file.

The name decides (`.tar.zst`, `.whl`, …); of names that tell nothing, the content decides whether it's a tar. Anything
else, a binary or a .jar, is one file.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from cdconf.errors import ArtifactError

Kind = Literal["file", "directory", "link", "other"]
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ZSTD = (".tar.zst", ".tzst")
ZIPS = (".zip", ".whl")
# What can't be read as the format that it should be: tarfile and zipfile let their decompressors' errors through.
DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError, RuntimeError),
)
_LONGEST_READ = 16 * 1024 * 1024
_LONGEST_LINK = 4096
_UNIX = 3


@dataclass(frozen=True)
class Member:
    """One member: `size` is what the archive says of it, `target` is a link's."""

    name: str
    kind: Kind
    size: int
    executable: bool
    target: str
    open: Callable[[], IO[bytes] | None]


@contextmanager
def members_of(archive: Path, name: str, limit: int) -> Iterator[Iterator[Member]]:
    """The members of an archive, one by one, so that the reader can stop at the first bad one.

    Args:
        archive: The file.
        name: Its own name, which isn't the one that it has in the store.
        limit: How many bytes a decompressed tar may have at most, where it has to be written to disk.

    Raises:
        ArtifactError: It's encrypted, too large, or needs a library that isn't installed.
    """
    lower = name.lower()
    if lower.endswith(ZIPS):
        with zipfile.ZipFile(archive) as opened:
            yield _of_zip(opened)
    elif lower.endswith(ZSTD):
        with _without_zstd(archive, limit) as plain, tarfile.open(fileobj=_Careful(plain), mode="r:") as tar:
            yield _of_tar(tar, limit)
    elif lower.endswith(TARS) or _is_tar(archive):
        with _tar(archive) as tar:
            yield _of_tar(tar, limit)
    else:
        yield iter([_single(archive, name)])


@contextmanager
def _tar(archive: Path) -> Iterator[tarfile.TarFile]:
    with (
        archive.open("rb") as stream,
        _without_compression(stream) as plain,
        tarfile.open(fileobj=_Careful(plain), mode="r:") as tar,
    ):
        yield tar


def _is_tar(archive: Path) -> bool:
    try:
        with _tar(archive):
            return True
    except DAMAGED:
        return False


class _Careful(io.RawIOBase):
    """A stream that refuses long reads: tarfile reads an extended header at once, as long as it claims to be."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _LONGEST_READ:
            raise ArtifactError("the artifact has a header of many megabytes: it's damaged, or made to do harm")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


@contextmanager
def _without_compression(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    start = stream.read(6)
    stream.seek(0)
    if start.startswith(b"\x1f\x8b"):
        import gzip

        with gzip.open(stream) as plain:
            yield cast("IO[bytes]", plain)
    elif start.startswith(b"BZh"):
        import bz2

        with bz2.open(stream) as plain:
            yield cast("IO[bytes]", plain)
    elif start.startswith(b"\xfd7zXZ\x00"):
        with lzma.open(stream) as plain:
            yield cast("IO[bytes]", plain)
    else:
        yield stream


@contextmanager
def _without_zstd(archive: Path, limit: int) -> Iterator[IO[bytes]]:
    """The decompressed tar in a temporary file, since zstd's streams can't go back."""
    try:
        import zstandard
    except ImportError as error:
        raise ArtifactError(
            "archives of zstd need the zstandard library, which isn't installed", hint="pip install 'cdconf[zstd]'"
        ) from error
    with tempfile.TemporaryFile() as plain:
        with archive.open("rb") as stream:
            reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
            try:
                while block := reader.read(1024 * 1024):
                    plain.write(block)
                    if plain.tell() > limit:
                        raise too_large(limit)
            except zstandard.ZstdError as error:
                raise tarfile.ReadError(str(error)) from error
        plain.seek(0)
        yield plain


def too_large(limit: int) -> ArtifactError:
    """The error for an archive that holds more than so many bytes."""
    whole = (f"{limit >> bits} {unit}" for unit, bits in (("GiB", 30), ("MiB", 20)) if limit % (1 << bits) == 0)
    shown = next(whole, f"{limit} bytes")
    return ArtifactError(
        f"the artifact unpacks to more than {shown}", hint="`max_size` of its app in cdconf.yml is the limit"
    )


def _of_tar(tar: tarfile.TarFile, limit: int) -> Iterator[Member]:
    files: dict[str, tarfile.TarInfo] = {}
    for one in tar:
        if one.islnk():  # a file once more, which becomes a file of its own
            if one.linkname not in files:
                text = f"the artifact's hard link '{one.name}' -> '{one.linkname}' isn't to a file that comes before it"
                raise ArtifactError(text)
            source = files[one.linkname]
        else:
            source = one
        kind: Kind = "file" if source.isfile() else "directory" if one.isdir() else "link" if one.issym() else "other"
        if kind == "file":
            files[one.name] = source

        def opener(source: tarfile.TarInfo = source) -> IO[bytes] | None:
            return tar.extractfile(source)

        yield Member(one.name, kind, source.size, bool(source.mode & stat.S_IXUSR), one.linkname, opener)
    _read_to_the_end(cast("IO[bytes]", tar.fileobj), limit)


def _read_to_the_end(stream: IO[bytes], limit: int) -> None:
    """A tar ends before its compressed stream does, which tells only at its own end whether it's whole."""
    while block := stream.read(1024 * 1024):
        limit -= len(block)
        if limit < 0:
            raise ArtifactError("the artifact has data after its last member: it's damaged, or made to do harm")


def _of_zip(opened: zipfile.ZipFile) -> Iterator[Member]:
    for one in opened.infolist():
        if one.flag_bits & 1:
            raise ArtifactError(f"the artifact's member '{one.filename}' is encrypted")
        mode = one.external_attr >> 16 if one.create_system == _UNIX else 0
        kind = _kind_in_zip(one, mode)
        target = ""
        if kind == "link":
            if one.file_size > _LONGEST_LINK:
                raise ArtifactError(f"the artifact's link '{one.filename}' has a target of {one.file_size} bytes")
            target = opened.read(one).decode("utf-8", "surrogateescape")

        def opener(one: zipfile.ZipInfo = one) -> IO[bytes]:
            return opened.open(one)

        # `filename` ends at a NUL; the original shows it.
        yield Member(one.orig_filename, kind, one.file_size, bool(mode & stat.S_IXUSR), target, opener)


def _kind_in_zip(one: zipfile.ZipInfo, mode: int) -> Kind:
    if one.is_dir():
        return "directory"
    kinds: dict[int, Kind] = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "other", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")


def _single(archive: Path, name: str) -> Member:
    """A program (ELF, or with a `#!` line) is executable: the file's own mode wouldn't survive the store."""
    with archive.open("rb") as stream:
        start = stream.read(4)
    executable = start == b"\x7fELF" or start[:2] == b"#!"
    return Member(name, "file", archive.stat().st_size, executable, "", lambda: archive.open("rb"))


def copy(source: IO[bytes], target: IO[bytes], most: int) -> int:
    """Copies at most `most` bytes, and returns how many; one more tells that there would have been more."""
    copied = 0
    while block := source.read(min(1024 * 1024, most + 1 - copied)):
        target.write(block)
        copied += len(block)
    return copied


__all__ = ["DAMAGED", "Member", "copy", "members_of", "too_large"]
