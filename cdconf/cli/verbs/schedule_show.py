"""`cdconf schedule list` and `cdconf schedule status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from datetime import datetime

    from cdconf.inventory import Project
    from cdconf.schedules.schedule import Name, Schedule
    from cdconf.schedules.standing import ScheduleState


@click.command("list")
@project_options
@output_options
def list_command(**flags: Any) -> None:
    """List this checkout's schedules for all environments.

    Example: cdconf schedule list
    """
    from cdconf.cli.show.tables import show
    from cdconf.schedules.schedule import names

    with run_of("schedule", None, flags) as run:
        found = [_looked_at(run.project, name) for name in names(run.project)]
        run.extra["schedules"] = [_document(*one) for one in found]
        if not run.flags.as_json:
            show(["environment", "run", "every", "by", "last", "state"], [_row(*one) for one in found])


@click.command("status")
@environment_argument(metavar="[ENV]")
@project_options
@output_options
def status_command(environment: str | None, **flags: Any) -> None:
    """Show each schedule's last run, its last successful run, how long it took, and its next run.

    Exit code 1: at least two runs were missed or failed, or the timer or crontab line is gone.

    Example: cdconf schedule status production
    """
    from cdconf.errors import FAILED, UsageError
    from cdconf.schedules.schedule import names
    from cdconf.schedules.silence import tell

    with run_of("schedule", None, flags) as run:
        there = names(run.project)
        wanted = [name for name in there if environment in (None, name.environment)]
        if not wanted:
            what = f"no schedule of '{environment}'" if environment else "no schedule in this checkout"
            hint = (
                f"there are: {', '.join(name.text for name in there)}"
                if there
                else "see `cdconf schedule install --help`"
            )
            raise UsageError(f"there is {what}", hint=hint)
        found = [_looked_at(run.project, name) for name in wanted]
        run.extra["schedules"] = [_document(*one) for one in found]
        tell(run.project)
        run.code = FAILED if any(standing is None or standing.problem for _, _, standing, _ in found) else 0
        if not run.flags.as_json:
            for one in found:
                click.echo("\n".join(_lines(*one)))


_Looked = tuple["Name", "Schedule | None", "ScheduleState | None", str]


def _looked_at(project: Project, name: Name) -> _Looked:
    """A schedule, how it stands, and why its file can't be read."""
    import time

    from cdconf.errors import CdconfError
    from cdconf.schedules import runs
    from cdconf.schedules.installing import absent
    from cdconf.schedules.schedule import load
    from cdconf.schedules.standing import standing

    try:
        schedule = load(project, name)
    except CdconfError as error:
        return name, None, None, error.message
    if schedule is None:
        return name, None, None, "it was removed just now"
    found = standing(schedule, runs.read(project.data, name), time.time(), absent(project, schedule))
    return name, schedule, found, ""


def _row(name: Name, schedule: Schedule | None, found: ScheduleState | None, problem: str) -> list[str]:
    if schedule is None or found is None:
        return [name.environment or "", name.what, "", "", "", problem]
    last = _ago(found.last.began_at) if found.last else "never"
    by = {"system": "systemd", "user": "systemd --user", "cron": "cron"}[schedule.by]
    return [name.environment or "", name.what, schedule.period.text, by, last, found.problem or "ok"]


def _lines(name: Name, schedule: Schedule | None, found: ScheduleState | None, problem: str) -> list[str]:
    from cdconf.facts import age_text
    from cdconf.schedules.standing import ending

    if schedule is None or found is None:
        return [f"{name.text}: {problem}"]
    lines = [f"{name.text}, every {schedule.period.text}: {found.problem or 'ok'}"]
    for word, run in (("last run", found.last), ("last success", found.success)):
        took = f", took {age_text(run.took)}" if run and run.took is not None else ""
        lines.append(f"  {word}: {_ago(run.began_at)}: it {ending(run)}{took}" if run else f"  {word}: never")
    return [*lines, f"  next run: {_next(schedule):%Y-%m-%d %H:%M:%S}"]


def _ago(moment: float) -> str:
    import time

    from cdconf.facts import age_text

    return f"{age_text(max(0.0, time.time() - moment))} ago"


def _next(schedule: Schedule) -> datetime:
    """By this machine's own clock and zone, as cron and systemd's calendar have it."""
    from datetime import datetime

    return schedule.period.next(datetime.now().astimezone().replace(tzinfo=None), schedule.offset)


def _document(name: Name, schedule: Schedule | None, found: ScheduleState | None, problem: str) -> dict[str, Any]:
    import dataclasses

    about: dict[str, Any] = {"environment": name.environment, "run": name.what, "problem": problem or None}
    if schedule is None or found is None:
        return about
    about |= {
        "every_s": schedule.every,
        "within_s": schedule.limit,
        "by": schedule.by,
        "options": list(schedule.options),
    }
    about |= {"missed": found.missed, "problem": found.problem, "next_at": _next(schedule).timestamp()}
    for word, run in (("last", found.last), ("last_success", found.success)):
        about[word] = dataclasses.asdict(run) if run else None
    return about
