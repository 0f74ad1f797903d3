"""Unpacks an archive into an empty directory, and refuses whatever could leave it."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path, PurePosixPath

from cdconf.errors import ArtifactError

MEMBERS = 200_000
TOTAL = 4 * 1024**3


def unpack(archive: Path, target: Path, name: str) -> None:
    """Unpacks a tar, tar.gz, tar.bz2 or tar.xz.

    A single directory at the top that is named like the archive (`shop-1.2/` in shop-1.2.tar.gz) is left out.
    Owners, times and setuid bits aren't kept.

    Args:
        archive: The file.
        target: An empty directory.
        name: The archive's own file name, which isn't the one that it has in the store.

    Raises:
        ArtifactError: It isn't such an archive; a member has an absolute path or `..`, a name of several lines, is a
            device, goes through a link, links out of the tree, or is there twice; there are too many members or bytes.
    """
    try:
        with tarfile.open(archive, "r:*") as tar:
            members = _checked(tar)
            prefix = _common_prefix(members, name)
            total = 0
            links: dict[PurePosixPath, str] = {}
            for path, member in members.items():
                relative = path.relative_to(prefix) if prefix else path
                if relative == PurePosixPath("."):
                    continue
                total += _extract(tar, member, relative, target, links)
                if total > TOTAL:
                    raise ArtifactError(f"the artifact unpacks to more than {TOTAL >> 30} GiB")
            _check_links(target, links)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArtifactError(f"'{name}' can't be unpacked: {error}") from error


def _checked(tar: tarfile.TarFile) -> dict[PurePosixPath, tarfile.TarInfo]:
    members: dict[PurePosixPath, tarfile.TarInfo] = {}
    for member in tar:
        path = PurePosixPath(member.name)
        _check_member(member, path)
        if path in members and not (member.isdir() and members[path].isdir()):
            raise ArtifactError(f"the artifact's member '{member.name}' is there twice")
        members[path] = member
        if len(members) > MEMBERS:
            raise ArtifactError(f"the artifact has more than {MEMBERS} members")
    for path in members:
        for parent in path.parents:
            if parent in members and not members[parent].isdir():
                raise ArtifactError(f"the artifact's member '{path}' goes through '{parent}', which isn't a directory")
    if not members:
        raise ArtifactError("the artifact is empty")
    return members


def _check_member(member: tarfile.TarInfo, path: PurePosixPath) -> None:
    if "\0" in member.name or "\n" in member.name:
        raise ArtifactError(f"the artifact's member {member.name!r} has a line break or a NUL in its name")
    if path.is_absolute() or ".." in path.parts:
        raise ArtifactError(f"the artifact's member '{member.name}' would leave its directory")
    if not (member.isfile() or member.isdir() or member.issym()):
        raise ArtifactError(f"the artifact's member '{member.name}' is neither a file, a directory nor a link")


def _common_prefix(members: dict[PurePosixPath, tarfile.TarInfo], archive: str) -> PurePosixPath | None:
    tops = {path.parts[0] for path in members if path.parts}
    if len(tops) != 1:
        return None
    top = PurePosixPath(tops.pop())
    is_folder = all(members[path].isdir() for path in members if path == top)
    return top if is_folder and archive.startswith(f"{top}.") else None


def _extract(
    tar: tarfile.TarFile, member: tarfile.TarInfo, path: PurePosixPath, target: Path, links: dict[PurePosixPath, str]
) -> int:
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        place.mkdir(exist_ok=True)
        return 0
    if member.issym():
        links[path] = member.linkname
        place.symlink_to(member.linkname)
        return 0
    source = tar.extractfile(member)
    if source is None:
        raise ArtifactError(f"the artifact's member '{member.name}' has no content")
    if member.size > TOTAL:
        raise ArtifactError(f"the artifact's member '{member.name}' is too large")
    with place.open("xb") as stream:
        while block := source.read(1024 * 1024):
            stream.write(block)
    place.chmod(0o755 if member.mode & stat.S_IXUSR else 0o644)
    return member.size


def _check_links(target: Path, links: dict[PurePosixPath, str]) -> None:
    """Every link must end inside the tree, however many links it goes through."""
    root = os.path.realpath(target)
    for path, destination in links.items():
        resolved = os.path.realpath(target / path)
        if destination.startswith("/") or not (resolved == root or resolved.startswith(root + os.sep)):
            raise ArtifactError(f"the artifact's link '{path}' -> '{destination}' leaves its directory")
