"""The record of the pipeline's runs: what they do, object by object, in the artifact store.

pipeline-PROJECT-COMMIT-RUN-NUMBER.jsonl    lines of `entries`, created exclusively; NUMBER says their order
pipelog-DIGEST.txt                          a stage's log; DIGEST is its SHA-256

PROJECT is a digest of the project's name, RUN a random id. A run that has ended is one object, of the number `WHOLE`,
and its others are removed: 10,000 commits are about 10,000 objects. Records are for people and other runners. Nobody
has signed them, so they prove nothing: what a stage has proven are its statements.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from cdconf.pipeline import entries, store_lease
from cdconf.pipeline.entries import Entry, RunBegan, RunEnded, StageNoted, UnreadableEntry
from cdconf.pipeline.store_lease import LeaseHolder

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.store_files import StoreFile as Listed

PREFIX, LOG = "pipeline-", "pipelog-"
WHOLE = 99999999
LARGEST = 4 * 1024 * 1024  # bytes of an object
_TRIES = 3
_NAME = re.compile(
    r"pipeline-(?P<project>[0-9a-f]{16})-(?P<commit>[0-9a-f]{40,64})-(?P<run>[0-9a-f]{16})-(?P<number>[0-9]{8})\.jsonl"
)


@dataclass(frozen=True)
class RunRecord:
    """One run of the pipeline, as its record says.

    Attributes:
        id: The run's.
        commit: The commit's full id, by the objects' names.
        seen: When the store got the last object.
        entries: In their order.
        holder: Who works on the commit now, if anybody does: the last lease. It may be another run.
        now: The store's time when it was read.
    """

    id: str
    commit: str
    seen: float
    entries: tuple[Entry, ...]
    holder: LeaseHolder | None
    now: float

    @cached_property
    def began(self) -> RunBegan | None:
        """How it began; None where that can't be read."""
        return next((entry for entry in self.entries if isinstance(entry, RunBegan)), None)

    @cached_property
    def ended(self) -> RunEnded | None:
        """How it ended; None: it's at work, or was killed."""
        return next((entry for entry in reversed(self.entries) if isinstance(entry, RunEnded)), None)

    @property
    def is_at_work(self) -> bool:
        """Whether its runner is alive."""
        return self.ended is None and self.holder is not None and self.holder.is_alive(self.now)

    @property
    def is_dead(self) -> bool:
        """Whether its runner was killed or cut off before it had ended."""
        return self.ended is None and not self.is_at_work

    @cached_property
    def stages(self) -> Mapping[str, StageNoted]:
        """Stage -> the state that it came into last, `at` being since when; of a dead run, what ran is interrupted."""
        found: dict[str, StageNoted] = {}
        for entry in self.entries:
            if isinstance(entry, StageNoted):
                known = found.get(entry.stage)
                same = known is not None and known.state == entry.state
                found[entry.stage] = replace(entry, at=known.at) if known is not None and same else entry
        if self.is_dead:
            for name, entry in found.items():
                if entry.state in ("running", "waiting"):
                    found[name] = replace(entry, state="interrupted", why=entries.GONE)
        return found


class RunRecorder:
    """Writes one run's record.

    Args:
        place: The store.
        project: The project's name.
        commit: The commit's full id.
        clock: Gives the store's time.

    Attributes:
        run: The run's id.
    """

    def __init__(self, place: Backend, project: str, commit: str, clock: Callable[[], float] = time.time) -> None:
        self.run = os.urandom(8).hex()
        self._place = place
        self._prefix = f"{PREFIX}{project_key(project)}-{commit}-{self.run}-"
        self._clock = clock
        self._lines: list[str] = []
        self._names: list[str] = []

    def now(self) -> float:
        """The store's time."""
        return round(self._clock(), 3)

    def note(self, entry: Entry) -> None:
        """Writes an entry down; raises `ArtifactError` where the store can't be written to."""
        self._lines.append(entries.line(entry))
        name = f"{self._prefix}{len(self._names) + 1:08d}.jsonl"
        self._place.create(name, f"{self._lines[-1]}\n".encode())
        self._names.append(name)

    def end(self, entry: RunEnded) -> None:
        """Writes the last entry, and the whole record as one object in place of the others."""
        self._lines.append(entries.line(entry))
        self._place.create(f"{self._prefix}{WHOLE:08d}.jsonl", "".join(f"{line}\n" for line in self._lines).encode())
        for name in self._names:
            self._place.delete(name)


def read_runs(
    place: Backend,
    project: str,
    now: float,
    *,
    commit: str | None = None,
    newest: int | None = None,
    known: Collection[str] = (),
    skip: Callable[[str, str], None] = lambda name, why: None,
) -> list[RunRecord]:
    """The runs that the store has a record of, those that were last seen first.

    Args:
        place: The store.
        project: The project's name.
        now: The store's time, see `artifacts.store_clock`.
        commit: Only runs of this one, by its full id.
        newest: Only so many.
        known: Runs that aren't read.
        skip: Gets the name of each object that can't be read, and why.

    Raises:
        ArtifactError: The store can't be read.
    """
    prefix = f"{PREFIX}{project_key(project)}-{f'{commit}-' if commit else ''}"
    for _ in range(_TRIES):
        by_run: dict[tuple[str, str], list[Listed]] = {}
        for entry in place.entries(prefix, ".jsonl"):
            match = _NAME.fullmatch(entry.name)
            if match is not None and entry.size <= LARGEST and match["run"] not in known:
                by_run.setdefault((match["commit"], match["run"]), []).append(entry)
        chosen = sorted(by_run.items(), key=lambda pair: max(file.modified for file in pair[1]), reverse=True)[:newest]
        wanted = {key: _needed(objects) for key, objects in chosen}
        names = [file.name for objects in wanted.values() for file in objects]
        read = place.read(names)
        if all(one in read for one in names):  # else a run has ended in between, and its record is one object now
            break
    held = store_lease.holders(store_lease.listed(place))
    return [
        RunRecord(
            id=run,
            commit=found,
            seen=max(file.modified for file in objects),
            entries=tuple(_entries([file.name for file in objects], read, skip)),
            holder=held.get(commit_key(project, found)),
            now=now,
        )
        for (found, run), objects in wanted.items()
    ]


def close_dead(place: Backend, project: str, record: RunRecord) -> None:
    """Ends the record of a run whose runner is dead; raises `ArtifactError` where the store can't be written to.

    Only whoever has the commit's lease may do so: of several runs of a commit, one is at work.
    """
    end = RunEnded(round(record.now, 3), "interrupted", 130, "its runner was killed or cut off")
    prefix = f"{PREFIX}{project_key(project)}-{record.commit}-{record.id}-"
    names = [entry.name for entry in place.entries(prefix, ".jsonl")]
    lines = [entries.line(one) for one in (*_interrupted(record), end)]
    place.create(f"{prefix}{WHOLE:08d}.jsonl", "".join(f"{line}\n" for line in lines).encode())
    for name in names:
        if not name.endswith(f"-{WHOLE:08d}.jsonl"):
            place.delete(name)


def _interrupted(record: RunRecord) -> Iterable[Entry]:
    yield from record.entries
    for stage in record.stages.values():
        if stage.state == "interrupted":
            yield replace(stage, at=round(record.now, 3))


def _needed(objects: Iterable[Listed]) -> list[Listed]:
    """Of a run's objects: the whole, where there's one."""
    found = sorted(objects, key=lambda file: file.name)
    return found[-1:] if found[-1].name.endswith(f"-{WHOLE:08d}.jsonl") else found


def _entries(
    names: Iterable[str], read: Mapping[str, bytes | OSError], skip: Callable[[str, str], None]
) -> Iterable[Entry]:
    for name in names:
        data = read.get(name)
        if not isinstance(data, bytes):
            skip(name, "it can't be read")
            continue
        told = set()  # whoever can write to the store can write a million lines
        for text in data.decode("utf-8", "replace").splitlines():
            try:
                yield entries.read(text)
            except UnreadableEntry as error:
                why = str(error)
                if why not in told:
                    told.add(why)
                    skip(name, f"it {why}")


def project_key(project: str) -> str:
    """What stands for a project in names of objects."""
    return hashlib.sha256(f"pipeline\0{project}".encode()).hexdigest()[:16]


def commit_key(project: str, commit: str) -> str:
    """The lease of whoever takes a commit through the pipeline."""
    return store_lease.key_of("commit", project, commit)


def stage_key(project: str, stage: str) -> str:
    """The lease of the commit that's in a stage."""
    return store_lease.key_of("stage", project, stage)
