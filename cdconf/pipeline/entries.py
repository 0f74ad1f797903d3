"""What a run of the pipeline writes down, as data, and as lines of JSON.

Times are in seconds since 1970, by the store's clock. A field that a newer version has added is left alone; a line of a
newer `v` is refused by its number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from cdconf.own_files import parsed

VERSION = 1
GONE = "its runner is gone"  # why a stage whose runner was killed is interrupted
State = Literal["waiting", "running", "passed", "failed", "blocked", "superseded", "interrupted"]
Verdict = Literal["passed", "failed", "stopped", "superseded", "interrupted"]
_OF_TIME = ("window", "freeze", "soak")  # how the names of such links begin


class UnreadableEntry(Exception):
    """A line that this version can't read; the message says why, after "it"."""


@dataclass(frozen=True)
class StageShape:
    """A stage as cdconf.yml of the commit has it, as far as a board shows it."""

    name: str
    needs: tuple[str, ...] = ()
    environment: str | None = None
    copy_of: str | None = None


@dataclass(frozen=True)
class BuiltArtifact:
    """An artifact of the commit; `archive` is its SHA-256, in hex."""

    app: str
    version: str
    archive: str


@dataclass(frozen=True)
class MissingRequirement:
    """One thing that a gate asks for and that isn't there; `command` brings it."""

    name: str
    why: str
    command: str | None = None


@dataclass(frozen=True)
class RunBegan:
    """A run takes up a commit; always its first line.

    Attributes:
        at: When.
        commit: The commit's full id.
        branch: The branch of which it was the last commit; None: of none.
        subject: The first line of the commit's message.
        author: `Name <address>` of the commit.
        by: `user@host` of the runner.
        stages: In the pipeline's order.
    """

    at: float
    commit: str
    branch: str | None
    subject: str
    author: str
    by: str
    stages: tuple[StageShape, ...]


@dataclass(frozen=True)
class StageNoted:
    """A stage has come into a state, or goes on in it: `step` or `artifacts` are new.

    Attributes:
        at: When.
        stage: Its name.
        state: `waiting`: for its turn, after another commit. `blocked`: a gate is closed, until a person or time opens
            it. `interrupted`: it isn't red, and may be run again.
        why: What it waits for, why it's red or blocked; one line.
        step: Of one that's running: `run`, `build`, `provision`, `deploy shop@1.4`, `batch 2 of 3: web2`, ….
        artifacts: The commit's artifacts, once they're known.
        runs: The ids by which hosts and history know what was run.
        log: The object of the store that has the log, once the stage has ended.
        missing: Of one that's blocked.
        superseded_by: The full id of the commit that goes in its place.
    """

    at: float
    stage: str
    state: State
    why: str = ""
    step: str | None = None
    artifacts: tuple[BuiltArtifact, ...] = ()
    runs: tuple[str, ...] = ()
    log: str | None = None
    missing: tuple[MissingRequirement, ...] = ()
    superseded_by: str | None = None

    @property
    def opens_by_itself(self) -> bool:
        """Whether it's blocked by nothing but time, so that nobody has to do anything."""
        return bool(self.missing) and all(
            requirement.name.partition(" ")[0] in _OF_TIME for requirement in self.missing
        )


@dataclass(frozen=True)
class RunEnded:
    """The run has ended in order; always its last line. `code` is the exit code, `why` one line."""

    at: float
    verdict: Verdict
    code: int
    why: str = ""


Entry = RunBegan | StageNoted | RunEnded
_KINDS: dict[str, type[Entry]] = {"run": RunBegan, "stage": StageNoted, "ended": RunEnded}
_MEMBERS: dict[str, type] = {"stages": StageShape, "artifacts": BuiltArtifact, "missing": MissingRequirement}
_TEXTS = ("needs", "runs")
_NULLABLE = ("branch", "step", "log", "superseded_by", "environment", "copy_of", "command")


def line(entry: Entry) -> str:
    """An entry as one line of JSON, without its end."""
    kind = next(name for name, one in _KINDS.items() if isinstance(entry, one))
    return json.dumps({"v": VERSION, "kind": kind, **asdict(entry)}, sort_keys=True, separators=(",", ":"))


def read(text: str) -> Entry:
    """The entry of a line.

    Raises:
        Unreadable: It's none that this version can read.
    """
    try:
        found = parsed(text)
        if found["v"] != VERSION:
            raise UnreadableEntry(f"is of version {str(found['v'])[:20]}, as of a newer cdconf")
        made: Entry = _made(_KINDS[found["kind"]], found)
        _check(made)
        return made
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnreadableEntry(f"is no entry of a pipeline's run: {str(error)[:80]}") from error


def _made(kind: type, found: Mapping[str, Any]) -> Any:
    return kind(**{field.name: _value(field.name, found[field.name]) for field in fields(kind) if field.name in found})


def _value(name: str, value: Any) -> Any:
    if name in _MEMBERS:
        return tuple(_made(_MEMBERS[name], one) for one in _list(value))
    if name in _TEXTS:
        return tuple(_text(one) for one in _list(value))
    if name == "at":
        return _number(value)
    if name == "code":
        return int(_number(value))
    return None if value is None and name in _NULLABLE else _text(value)


def _check(entry: Entry) -> None:
    if isinstance(entry, StageNoted) and entry.state not in get_args(State):
        raise ValueError("state")
    if isinstance(entry, RunEnded) and entry.verdict not in get_args(Verdict):
        raise ValueError("verdict")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e12:
        raise TypeError("a number")
    return float(value)
