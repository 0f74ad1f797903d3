"""How a schedule stands, purely: from what was installed, the runs it made, and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdconf.schedules.runs import ScheduledRun
from cdconf.schedules.schedule import Schedule

TOO_MANY = 2  # missed runs


@dataclass(frozen=True)
class ScheduleState:
    """What's known of a schedule.

    Attributes:
        last: The last run.
        success: The last run that did what it's for; its exit code may be 0, 2 or 4.
        missed: How many runs since then were due, and didn't come or failed.
        problem: Why somebody must look; None when all is well.
    """

    last: ScheduledRun | None
    success: ScheduledRun | None
    missed: int
    problem: str | None


def standing(schedule: Schedule, runs: Sequence[ScheduledRun], now: float, absent: str | None) -> ScheduleState:
    """Judges a schedule.

    Args:
        schedule: As it was installed.
        runs: Its last runs, the oldest first.
        now: Seconds since 1970.
        absent: Why nothing starts it; None where its timer, or its line of the crontab, is there.
    """
    past = [run for run in runs if run.began_at <= now]  # a clock that was wrong has written down the others
    last = past[-1] if past else None
    success = next((run for run in reversed(past) if run.has_looked), None)
    since = max(success.began_at if success else 0.0, schedule.installed_at if schedule.installed_at <= now else 0.0)
    missed = schedule.period.missed(since, now)
    problem = absent
    if problem is None and missed >= TOO_MANY:
        failed = last is not None and last.began_at > since
        why = f"the last one {ending(last)}" if failed and last else "nothing has started them"
        count = f"{missed} runs were" if since else "runs were"
        problem = f"{count} missed: {why}"
    return ScheduleState(last, success, missed, problem)


def ending(ran: ScheduledRun) -> str:
    """How a run ended, behind `it`."""
    if ran.code is None:
        return "hasn't ended, or was killed"
    found = {0: "found nothing", 2: "found differences", 3: "was stopped by a gate", 4: "couldn't reach a host"}
    text = found.get(ran.code, f"failed with exit code {ran.code}")
    return f"{text}: {ran.why}" if ran.why else text
