"""Schedules that fell silent: whoever finds that out calls this, as often as it likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.notify.conditions import Topic, closed, opened
from cdconf.notify.kinds import Notification
from cdconf.notify.post import post

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdconf.inventory import Project
    from cdconf.notify.outbox import Outbox


def schedule_state(
    project: Project, environment: str, command: str, silent_since: float | None, said: str = ""
) -> None:
    """Tells once that a schedule has missed its runs, and once that it runs again.

    Where nobody wants notifications it does nothing. It never raises: what's wrong is a warning.

    Args:
        project: The project.
        environment: The environment that the schedule is about.
        command: What it runs: `drift`.
        silent_since: When it ran last, in seconds since 1970 (0: never), if it has missed its runs; None: it runs.
        said: What else people should know: how often it should run, how to look.
    """
    topic = Topic("schedule_silent", "schedule_heard", (environment,))
    what = f"{project.name}: {environment}: the schedule of `{command}`"

    def told(outbox: Outbox) -> Iterator[Notification]:
        if silent_since is None:
            event = closed(outbox, topic, (command,))
            if event is not None:
                yield Notification(event, "schedule_heard", f"{what} runs again", said, environment)
            return
        event = opened(outbox, topic, (command,), f"{silent_since:.0f}")
        body = f"last run: {_day(silent_since)}\n{said}".strip()
        yield Notification(event, "schedule_silent", f"{what} is silent", body, environment)

    post(project, told)


def _day(at: float) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" if at > 0 else "never"
