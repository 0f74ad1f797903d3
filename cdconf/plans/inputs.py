"""Whether anything that a host's catalog is made of differs between two revisions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.inventory import Host, Project

_SHARED = ("cdconf.yml", "templates", "files", "resources")


class Inputs:
    """Digests of a revision's files, each read once.

    Args:
        project: The project at the revision.
        environments: The environment's name, and those that it copies.
    """

    def __init__(self, project: Project, environments: tuple[str, ...]) -> None:
        self._project = project
        self._shared = (*_SHARED, *(project.shown_folder(name) for name in environments))
        self._digests: dict[str, str] = {}

    def of(self, host: Host) -> tuple[str, ...]:
        """The same for the same inputs: those of all hosts, and the host's roles."""
        roles = dict.fromkeys(role for group in host.groups for role in self._project.groups[group])
        return tuple(map(self._digest, (*self._shared, *(f"roles/{role}" for role in roles))))

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            whole = hashlib.sha256(path.encode())
            for name, content in _files(self._project.root / path, path, ()):
                whole.update(b"%d " % len(name) + name + content)
            self._digests[path] = whole.hexdigest()
        return self._digests[path]


def _files(path: Path, name: str, above: tuple[Path, ...]) -> Iterator[tuple[bytes, bytes]]:
    """Name and digest of each file below a path, through links; nothing for what can't be read."""
    if path.is_dir():
        real = path.resolve()
        if real not in above:
            for child in sorted(path.iterdir()):
                yield from _files(child, f"{name}/{child.name}", (*above, real))
    elif path.is_file():
        executable = "x" if path.stat().st_mode & 0o100 else "-"
        with suppress(OSError), path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
            yield f"{executable}{name}".encode("utf-8", "surrogateescape"), digest
