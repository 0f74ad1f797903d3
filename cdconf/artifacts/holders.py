"""Which hosts may hold an artifact, written down in the store by those who bring it there; and how gc minds that.

reservation-ARCHIVE-RUN.json       a run is about to bring the artifact to hosts; goes when the run ends
holder-ARCHIVE-WHO-RUN.json        hosts of an environment may hold it; WHO is a digest of checkout and environment
removal-ARCHIVE-RUN.json           `artifact gc` is about to remove it

A run writes its reservation, then looks for removals; gc writes its removal, then looks for reservations. Whichever
comes second sees the other, so that an artifact is never removed from under a run. Hosts that gc can ask tell
themselves what they hold; for others, holders do: hosts that another checkout's provider made, or of an environment
that only another branch has.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.artifacts import store_clock
from cdconf.errors import ArtifactError, GateClosed
from cdconf.events import Emit, Notice, Step
from cdconf.own_files import parsed
from cdconf.user import user_name

if TYPE_CHECKING:
    from cdconf.artifacts.artifact import Artifact
    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.store_files import StoreFile
    from cdconf.inventory import Environment, Project

VERSION = 1
RESERVATION, HOLDER, REMOVAL = "reservation-", "holder-", "removal-"
LONGEST_RUN = 7 * 86400.0  # seconds: a reservation that's older belongs to a run that was killed
LONGEST_REMOVAL = 3600.0
_PATIENCE = 30.0  # seconds for which a run waits for a removal to end
_PAUSE = 0.5
_NAME = re.compile(r"(?P<kind>[a-z]+-)(?P<archive>[0-9a-f]{64})-(?P<rest>[0-9a-f-]+)\.json")


@dataclass(frozen=True)
class HoldingHosts:
    """Hosts of one environment that may hold an artifact; `at` is in seconds since 1970, by its writer's clock."""

    archive: str
    checkout: str
    environment: str
    provider: str
    by: str
    at: float

    @property
    def where(self) -> str:
        """How people name it: `1a2b3c4d/staging`."""
        return f"{self.checkout}/{self.environment}"


@dataclass(frozen=True)
class Uses:
    """What the store says of uses.

    Attributes:
        reserved: The archives that runs are about to bring to hosts.
        holders: Object's name -> holder; None when it can't be read, so that it may be anybody's.
    """

    reserved: frozenset[str]
    holders: Mapping[str, HoldingHosts | None]


@contextmanager
def reserved(
    project: Project, place: Backend, artifact: Artifact, environment: Environment, emit: Emit
) -> Iterator[None]:
    """Keeps an artifact in the store while it's brought to an environment's hosts, and notes that they may hold it.

    Where the store can't be written to, the run goes on, and says that nothing keeps the artifact.

    Raises:
        ArtifactError: It isn't in the store any more, or the store can't be read.
        GateClosed: `artifact gc` is removing it.
    """
    run = os.urandom(8).hex()
    mine = f"{RESERVATION}{artifact.archive}-{run}.json"
    now = time.time()
    try:
        now = _note(project, place, artifact, environment, run, emit)
    except ArtifactError as error:
        text = f"{artifact.label} couldn't be reserved, so `artifact gc` elsewhere may remove it: {error.message}"
        emit(Notice(text, warning=True))
    try:
        _wait_for_removals(place, artifact, emit, now)
        if not place.read([f"{artifact.label}.json", f"{artifact.archive}.json"]):
            raise ArtifactError(
                f"{artifact.label} isn't in the artifact store any more",
                hint="`cdconf artifact gc` has removed it meanwhile; `cdconf artifact list` shows what's there",
            )
        yield
    finally:
        with contextlib.suppress(ArtifactError):
            place.delete(mine)


def _note(
    project: Project, place: Backend, artifact: Artifact, environment: Environment, run: str, emit: Emit
) -> float:
    """Writes both down; returns the store's time."""
    about = {
        "version": VERSION,
        "checkout": project.checkout,
        "environment": environment.name,
        "provider": environment.provider,
        "by": f"{user_name()}@{socket.gethostname()}",
        "at": round(time.time(), 3),
    }
    data = json.dumps(about, sort_keys=True).encode("utf-8")
    now = store_clock.create(place, f"{RESERVATION}{artifact.archive}-{run}.json", data, emit)
    prefix = f"{HOLDER}{artifact.archive}-{_who(project.checkout, environment.name)}-"
    before = place.entries(prefix)
    place.create(f"{prefix}{run}.json", data)
    for file in before:
        place.delete(file.name)
    return now


def _who(checkout: str, environment: str) -> str:
    return hashlib.sha256(f"{checkout}\0{environment}".encode()).hexdigest()[:16]


def _wait_for_removals(place: Backend, artifact: Artifact, emit: Emit, now: float) -> None:
    waits = False
    deadline = time.monotonic() + _PATIENCE
    while _are_any(place.entries(f"{REMOVAL}{artifact.archive}-"), now - LONGEST_REMOVAL):
        if not waits:
            emit(Step(f"waiting for an `artifact gc` that looks at {artifact.label}"))
            waits = True
        if time.monotonic() > deadline:
            raise GateClosed(
                f"`cdconf artifact gc` is removing {artifact.label} from the store",
                hint="deploy another one; if that gc was killed, this ends an hour after it began",
            )
        time.sleep(_PAUSE)


def _are_any(entries: list[StoreFile], since: float) -> bool:
    """Whether one of them isn't left over from a process that was killed: whether it's younger than this."""
    return any(entry.modified > since for entry in entries)


def uses(place: Backend, now: float | None = None) -> Uses:
    """What the store says now of who uses what; `now` is the store's time, this machine's if not given."""
    since = (time.time() if now is None else now) - LONGEST_RUN
    at_work = [entry for entry in place.entries(RESERVATION) if entry.modified > since]
    found = place.read([entry.name for entry in place.entries(HOLDER)])
    holders = {name: _holder(name, data) for name, data in found.items()}
    return Uses(frozenset(filter(None, (archive_of(file.name) for file in at_work))), holders)


def archive_of(name: str) -> str | None:
    """Which archive a reservation, a holder or a removal is about; None for any other object."""
    match = _NAME.fullmatch(name)
    return match["archive"] if match and match["kind"] in (RESERVATION, HOLDER, REMOVAL) else None


def _holder(name: str, data: bytes | OSError) -> HoldingHosts | None:
    archive = archive_of(name)
    try:
        about = parsed(data) if isinstance(data, bytes) else {}
        if archive is None or about["version"] != VERSION:
            return None
        words = {key: str(about[key]) for key in ("checkout", "environment", "provider", "by")}
        return HoldingHosts(archive, **words, at=float(about["at"]))
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def free(place: Backend, artifact: Artifact, seen: Uses, now: float) -> bool:
    """Whether nobody has begun to use an artifact since `seen`; asked while a removal of ours stands.

    Args:
        place: Where the store lies.
        artifact: What is about to be removed.
        seen: What the store said before hosts were asked.
        now: The store's time.
    """
    if _are_any(place.entries(f"{RESERVATION}{artifact.archive}-"), now - LONGEST_RUN):
        return False
    return all(entry.name in seen.holders for entry in place.entries(f"{HOLDER}{artifact.archive}-"))


@contextmanager
def removing(place: Backend, artifact: Artifact, emit: Emit = lambda event: None) -> Iterator[float]:
    """Tells runs that an artifact is about to be removed; gives the store's time."""
    name = f"{REMOVAL}{artifact.archive}-{os.urandom(8).hex()}.json"
    now = store_clock.create(place, name, b"{}", emit)
    try:
        yield now
    finally:
        place.delete(name)


def forget(project: Project, place: Backend, environment: str, checkout: str | None = None) -> int:
    """Removes what says that an environment's hosts hold anything, since they're gone; returns how many objects."""
    who = _who(checkout or project.checkout, environment)
    gone = [entry for entry in place.entries(HOLDER) if f"-{who}-" in entry.name]
    for file in gone:
        place.delete(file.name)
    return len(gone)
