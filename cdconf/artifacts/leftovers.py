"""Removes what belongs to no artifact any more, and what writers who were killed left behind.

Only what is older than a day goes: a writer puts the archive in place first and the metadata last.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import SIGNATURE, archive_of
from cdconf.artifacts.holders import LONGEST_RUN, REMOVAL, RESERVATION
from cdconf.artifacts.holders import archive_of as archive_of_use
from cdconf.artifacts.store_clock import PROBE
from cdconf.artifacts.store_files import TEMPORARY

if TYPE_CHECKING:
    from cdconf.artifacts.store import ArtifactStore
    from cdconf.artifacts.store_files import StoreFile
    from cdconf.inventory import Project

DAY = 86400.0
SAYING = "saying-"  # begins the name of an object by which runs take turns, see `cdconf.promotion.turns`
OF_RUNNERS = ("pipelease-", "pipebeat-")  # leases and beats of the pipeline's runs, which last a minute
_FILES = (".blob", ".log")


@dataclass(frozen=True)
class Swept:
    """What was removed, or would be: how many files and trees, and the bytes of the store's own files."""

    count: int
    size: int


def sweep(project: Project, store: ArtifactStore, *, dry_run: bool = False, grace: float = DAY) -> Swept:
    """Removes archives, logs, signatures, trees and fetched copies that no metadata names.

    While metadata in the store can't be read, what it names isn't known, and all of the store's files stay.

    Args:
        project: The project.
        store: Its store.
        dry_run: Only count.
        grace: Seconds that everything stays at least.
    """
    now = time.time() if dry_run else store.now()
    entries = store.entries()  # listed before the metadata is read: what is published in between is needed
    needed = store.needed()
    # What metadata that can't be read names isn't known.
    candidates = [] if store.unreadable() else entries
    old = [
        candidate
        for candidate in candidates
        if _is_left_over(candidate, needed, now) and candidate.modified < now - grace
    ]
    here = time.time() - grace
    local = [path for path in _local(project.data / "artifacts", needed) if path.lstat().st_mtime < here]
    if not dry_run:
        for file in old:
            store.discard(file.name)
        for path in local:
            _remove(path)
    return Swept(len(old) + len(local), sum(file.size for file in old))


def _is_left_over(entry: StoreFile, needed: set[str], now: float) -> bool:
    """Signatures and holders go with their artifacts. What else is said of artifacts stays: a stop, for one."""
    signed = archive_of(entry, SIGNATURE)
    if signed is not None:
        return f"{signed}.blob" not in needed
    used = archive_of_use(entry.name)
    if used is not None:
        is_at_work = entry.name.startswith((RESERVATION, REMOVAL))
        return entry.modified < now - LONGEST_RUN if is_at_work else f"{used}.blob" not in needed
    if entry.name.startswith((PROBE, SAYING, *OF_RUNNERS)):
        return True
    return entry.name.endswith(_FILES) and entry.name not in needed


def _local(folder: Path, needed: set[str]) -> Iterator[Path]:
    yield from folder.glob(f"{TEMPORARY}*")
    yield from (path for path in folder.glob("fetched/*") if path.name not in needed)
    yield from (path for path in folder.glob("trees/*") if path.name not in needed)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)  # another run may be removing it as well
    else:
        path.unlink(missing_ok=True)
