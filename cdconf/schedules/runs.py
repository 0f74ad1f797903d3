"""The last runs of a schedule, as each of them writes itself down: before it begins, and when it has ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdconf.atomic import write_private
from cdconf.errors import DIFFERENT, GATED, OK, UNREACHABLE, CdconfError
from cdconf.file_lock import held_if_free, is_held
from cdconf.own_files import parsed, read_bytes
from cdconf.schedules.schedule import Name, path_of

KEPT = 50  # runs
_LARGEST = 256 * 1024
_LOOKED = (OK, DIFFERENT, GATED, UNREACHABLE)  # the run came to an end, whatever it found


@dataclass(frozen=True)
class ScheduledRun:
    """One run.

    Attributes:
        began_at: Seconds since 1970.
        took: Seconds; None while it's at work, or where it was killed.
        code: Its exit code.
        why: Why it was ended, if it was.
    """

    began_at: float
    took: float | None = None
    code: int | None = None
    why: str | None = None

    @property
    def has_looked(self) -> bool:
        """Whether it did what it's for; one that failed, or was killed, is as good as missed."""
        return self.code in _LOOKED


def read(data: Path, name: Name) -> list[ScheduledRun]:
    """The last runs, the oldest first. What can't be read counts as no run, so that somebody looks."""
    try:
        about = parsed(read_bytes(path_of(data, name, ".runs.json"), _LARGEST))
        return [ScheduledRun(**one) for one in about["runs"] if _is_one(one)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def _is_one(about: dict[str, object]) -> bool:
    numbers = (about.get("took"), about.get("code"))
    return isinstance(about["began_at"], (int, float)) and all(
        isinstance(number, (int, float, type(None))) for number in numbers
    )


def write(data: Path, name: Name, ran: ScheduledRun) -> None:
    """Writes a run down, in place of what it has written before.

    Raises:
        CdconfError: It can't be written, so that `schedule status` would call the run missed.
    """
    path = path_of(data, name, ".runs.json")
    runs = [run for run in read(data, name) if run.began_at != ran.began_at]
    text = json.dumps({"version": 1, "runs": [dataclasses.asdict(run) for run in [*runs, ran][-KEPT:]]}, indent=1)
    try:
        write_private(path, text + "\n")
    except OSError as error:
        raise CdconfError(f"{path} can't be written: {error.strerror}") from error


@contextlib.contextmanager
def alone(data: Path, name: Name) -> Iterator[bool]:
    """Keeps a second run of the schedule away; false where one is at work already."""
    path = path_of(data, name, ".lock")
    with contextlib.ExitStack() as held:
        try:
            is_alone = held.enter_context(held_if_free(path))
        except OSError as error:
            raise CdconfError(f"{path} can't be locked: {error.strerror}") from error
        yield is_alone


def at_work(data: Path, name: Name) -> bool:
    """Whether a run is at work now; nothing is waited for, or made."""
    return is_held(path_of(data, name, ".lock"))
