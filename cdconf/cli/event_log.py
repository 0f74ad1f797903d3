"""Writes down what a run tells, so that the history can replay it, and knows of one that was killed."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from cdconf.events import Event, RunStarted
from cdconf.history import journal
from cdconf.history.event_told import told_of
from cdconf.history.run_events import RunEventWriter
from cdconf.user import user_name

if TYPE_CHECKING:
    from cdconf.cli.context import Run

_EARLY = 200  # events that are kept of a run of which isn't known yet whether the history remembers it
_KNOWN = ("app", "version", "artifact", *journal.PROVEN)


class Telling:
    """What one run tells.

    Args:
        run: The run.

    Attributes:
        id: The run's row in the history.
    """

    def __init__(self, run: Run) -> None:
        self.id = journal.new_id(run.started_at)
        self._run = run
        self._told: RunEventWriter | None = None
        self._early: list[dict[str, Any]] = []

    def heard(self, event: Event) -> None:
        """Writes an event down; its texts are masked already."""
        self.begin()
        found = told_of(event)
        if found is not None:
            self._tell(found)
        if isinstance(event, RunStarted):
            self._tell({"event": "about", **self._about()})

    def _tell(self, event: dict[str, Any]) -> None:
        if self._told is not None:
            self._told.tell(event)
        elif len(self._early) < _EARLY:
            self._early.append(event)

    def begin(self) -> None:
        """From here on it's known when the run is killed, if it's one that the history remembers."""
        if self._told is not None or not self._run.recorded:
            return
        run = self._run
        own = run.is_own_environment
        self._told = RunEventWriter(
            run.project.data,
            self.id,
            {
                "command": run.recorded_as or run.command,
                "environment": run.environment_name,
                "started_at": run.started_at,
                "user": user_name(),
                "controller": socket.gethostname(),
                "commit": journal.head(run.project.root),
                "checkout": run.project.checkout,
                **({"environment_of": run.project.checkout} if own else {}),
            },
        )
        for event in self._early:
            self._told.tell(event)
        self._early = []

    def _about(self) -> dict[str, Any]:
        """What the run knows of itself when it begins its work."""
        run = self._run
        extra = {name: run.extra[name] for name in _KNOWN if isinstance(run.extra.get(name), (str, bool))}
        detail = next((run.extra[name] for name in journal.DETAILS if run.extra.get(name)), None)
        return extra | run.noted | ({"detail": run.mask(str(detail))} if detail else {})

    def end(self) -> None:
        """The run has ended, and its line stands in the journal if it's one that the history remembers."""
        if self._told is not None:
            self._told.end() if self._run.recorded else self._told.forget()
            self._told = None

    def forget(self) -> None:
        """The run has ended, and the history doesn't remember it."""
        if self._told is not None:
            self._told.forget()
            self._told = None


def end_of(text: str, size: int) -> str:
    """The last lines of a text, whole ones: a mask can't know half a secret."""
    if len(text) <= size:
        return text
    return text[-size:].partition("\n")[2] or text.rpartition("\n")[2]
