"""Unpacks an archive into an empty directory, and refuses whatever could leave it or fill the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cdconf.artifacts.members import DAMAGED, Member, copy, members_of, too_large
from cdconf.errors import ArtifactError


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to."""

    members: int = 200_000
    total: int = 4 * 1024**3


LIMITS = Limits()
_LONGEST_NAME = 255  # bytes, of a file or directory: what file systems take
_LONGEST_PATH = 2048  # bytes: a host puts its own directories before it, and Linux takes 4096


def unpack(archive: Path, target: Path, name: str, limits: Limits = LIMITS) -> None:
    """Unpacks a tar (plain, .gz, .bz2, .xz, .zst), a zip or a wheel; any other file is put there as it is.

    A single directory at the top that is named like the archive (`shop-1.2/` in shop-1.2.tar.gz) is left out.
    Owners, times and setuid bits aren't kept, and a hard link becomes a file.

    Args:
        archive: The file.
        target: An empty directory.
        name: The archive's own file name, which isn't the one that it has in the store.
        limits: How much is too much; sizes are checked as the archive tells them, before anything is written, and
            again while it's written.

    Raises:
        ArtifactError: It isn't such an archive; a member has an absolute path or `..`, a name of several lines or
            too long for a file, is a device, goes through a link, links out of the tree, or is there twice; there are
            too many members or bytes.
    """
    try:
        with members_of(archive, name, limits.total) as found:
            members = _checked(found, limits)
            prefix = _common_prefix(members, name)
            left = limits.total
            links: dict[PurePosixPath, str] = {}
            for path, member in members.items():
                relative = path.relative_to(prefix) if prefix else path
                if relative == PurePosixPath("."):
                    continue
                left -= _extract(member, relative, target, links, left)
                if left < 0:
                    raise too_large(limits.total)
            _check_links(target, links)
    except DAMAGED as error:
        raise ArtifactError(f"'{name}' can't be unpacked: {error}") from error


def _checked(found: Iterator[Member], limits: Limits) -> dict[PurePosixPath, Member]:
    members: dict[PurePosixPath, Member] = {}
    total = 0
    for member in found:
        path = PurePosixPath(member.name)
        _check_member(member, path)
        if path in members and not (member.kind == "directory" == members[path].kind):
            raise ArtifactError(f"the artifact's member '{member.name}' is there twice")
        members[path] = member
        total += member.size
        if total > limits.total:
            raise too_large(limits.total)
        if len(members) > limits.members:
            raise ArtifactError(f"the artifact has more than {limits.members} members")
    _check_parents(members)
    if not members:
        raise ArtifactError("the artifact is empty")
    return members


def _check_parents(members: Mapping[PurePosixPath, Member]) -> None:
    for path in members:
        for parent in path.parents:
            if parent in members and members[parent].kind != "directory":
                raise ArtifactError(f"the artifact's member '{path}' goes through '{parent}', which isn't a directory")


def _check_member(member: Member, path: PurePosixPath) -> None:
    if "\0" in member.name or "\n" in member.name:
        raise ArtifactError(f"the artifact's member {member.name!r} has a line break or a NUL in its name")
    name = os.fsencode(member.name)
    if len(name) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in name.split(b"/")):
        raise ArtifactError(f"the artifact's member '{member.name[:60]}…' has a name that's too long for a file")
    if path.is_absolute() or ".." in path.parts:
        raise ArtifactError(f"the artifact's member '{member.name}' would leave its directory")
    if member.kind == "other":
        raise ArtifactError(f"the artifact's member '{member.name}' is neither a file, a directory nor a link")
    if path == PurePosixPath(".") and member.kind != "directory":
        raise ArtifactError(f"the artifact's member '{member.name}' has no name of its own")


def _common_prefix(members: Mapping[PurePosixPath, Member], archive: str) -> PurePosixPath | None:
    tops = {path.parts[0] for path in members if path.parts}
    if len(tops) != 1:
        return None
    top = PurePosixPath(tops.pop())
    is_folder = all(members[path].kind == "directory" for path in members if path == top)
    return top if is_folder and archive.startswith(f"{top}.") else None


def _extract(member: Member, path: PurePosixPath, target: Path, links: dict[PurePosixPath, str], left: int) -> int:
    """Writes one member, and returns its size; one that's larger than `left` isn't written to its end."""
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if member.kind == "directory":
        place.mkdir(exist_ok=True)
        return 0
    if member.kind == "link":
        if not member.target or "\0" in member.target or len(os.fsencode(member.target)) > _LONGEST_PATH:
            raise ArtifactError(f"the artifact's link '{path}' has no proper target")
        links[path] = member.target
        place.symlink_to(member.target)
        return 0
    source = member.open()
    if source is None:
        raise ArtifactError(f"the artifact's member '{member.name}' has no content")
    with source, place.open("xb") as stream:
        size = copy(source, stream, left)
    place.chmod(0o755 if member.executable else 0o644)
    return size


def _check_links(target: Path, links: Mapping[PurePosixPath, str]) -> None:
    """Every link must end inside the tree, however many links it goes through."""
    root = os.path.realpath(target)
    for path, destination in links.items():
        resolved = os.path.realpath(target / path)
        if destination.startswith("/") or not (resolved == root or resolved.startswith(root + os.sep)):
            raise ArtifactError(f"the artifact's link '{path}' -> '{destination}' leaves its directory")
