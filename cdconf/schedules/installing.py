"""Installs a schedule on this machine, and takes it away: a systemd timer, or a line of the crontab."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, UsageError
from cdconf.pipeline.watch.unit import PASSED_ON
from cdconf.schedules import crontab, timer
from cdconf.schedules.schedule import By, DamagedFile, Name, Schedule, load, path_of, save

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.schedules.period import Period

# What a login has and cron doesn't: they name files, or say how something is run. None is a secret itself.
_PASSED_ON = (*PASSED_ON, "CDCONF_NO_CODE", "HOME", "LANG", "XDG_CONFIG_HOME", "DOCKER_HOST", "SSL_CERT_FILE")
_MOST = 3600  # seconds that a run may take, unless its period is shorter or `--within` says more


@dataclass(frozen=True)
class ScheduleRequest:
    """What `schedule install` was asked for.

    Attributes:
        name: Which schedule.
        period: How often.
        limit: Seconds that a run may take; None for the default.
        options: The command's own.
        cron: Use the crontab where there's systemd, too.
        look_only: The private key of `--look-only`.
    """

    name: Name
    period: Period
    limit: int | None
    options: tuple[str, ...]
    cron: bool = False
    look_only: str | None = None


@dataclass(frozen=True)
class WrittenSchedule:
    """What was written: where, and the text."""

    schedule: Schedule
    files: dict[str, str]


def starter(*, cron: bool) -> By:
    """What starts schedules on this machine.

    Raises:
        CdconfError: Nothing that's here can.
    """
    if not cron and timer.is_here():
        return "system" if os.geteuid() == 0 else "user"
    if crontab.is_here():
        return "cron"
    if cron:
        raise CdconfError("there is no `crontab` on this machine", hint="install cron, or leave --cron away")
    raise CdconfError("this machine has neither systemd nor cron", hint="install cron there")


def install(project: Project, wish: ScheduleRequest) -> WrittenSchedule:
    """Writes the schedule down, and what starts it; what was there of the same schedule is replaced.

    Raises:
        UsageError: Another checkout's schedule has the name.
        CdconfError: Something can't be written, or systemd or cron refuses.
    """
    by = starter(cron=wish.cron)
    variables = {one: os.environ[one] for one in _PASSED_ON if os.environ.get(one)}
    limit = wish.limit or min(_MOST, max(wish.period.seconds, 60))
    schedule = Schedule(
        *(wish.name, wish.period.seconds, limit, by, wish.options, variables, str(Path.cwd()), time.time()),
        wish.look_only,
        wish.period.offset(f"{os.uname().nodename} {wish.name.key(project.root)}") if by == "cron" else 0,
    )
    before = _before(project, wish.name)
    if before is not None and replace(before, installed_at=schedule.installed_at) == schedule:
        schedule = before  # installing it again is no reason to wait longer for a run that's late
    texts = _texts(project, schedule)
    save(project, schedule)
    if by == "cron":
        _remove_units(project, wish.name)
        _write_line(schedule.name.key(project.root), texts["crontab"])
    else:
        units = _units(project, wish.name, is_system=by == "system")
        if units.others() is not None:
            raise UsageError(
                f"{units.others()} is there already, and isn't that of this checkout's schedule",
                hint="remove it, or install the schedule from the checkout that it names",
            )
        _remove_line(project, wish.name)
        units.install(texts[str(units.timer)], texts[str(units.service)])
    return WrittenSchedule(schedule, texts)


def _before(project: Project, name: Name) -> Schedule | None:
    try:
        return load(project, name)
    except DamagedFile:
        return None  # it's written anew


def _texts(project: Project, schedule: Schedule) -> dict[str, str]:
    """File -> text of all that starts a schedule."""
    name = schedule.name
    command = [
        sys.executable,
        "-P",
        "-m",
        "cdconf",
        "schedule",
        "run",
        *([name.environment] if name.environment else []),
    ]
    command += ["--run", name.what, "--project", str(project.root)]
    what = f"{name.text} ({project.name})"
    if schedule.by == "cron":
        line = crontab.line(schedule.period.cron(schedule.offset), command, name.text, name.key(project.root))
        return {"crontab": line}
    is_system = schedule.by == "system"
    units = _units(project, name, is_system=is_system)
    try:
        service = timer.service(what, project.root, command, schedule.limit, is_system=is_system)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return {str(units.timer): timer.timer(what, project.root, schedule.period), str(units.service): service}


def remove(project: Project, name: Name) -> list[str]:
    """Takes away what `install` wrote, whether or not all of it is still there; returns what was removed.

    Raises:
        CdconfError: Something can't be removed.
    """
    removed = _remove_units(project, name) + _remove_line(project, name)
    for end in (".json", ".runs.json", ".lock"):
        path = path_of(project.data, name, end)
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CdconfError(f"{path} can't be removed: {error.strerror}") from error
        removed += [str(path)] if end == ".json" else []
    return removed


def absent(project: Project, schedule: Schedule) -> str | None:
    """Why nothing starts a schedule; None where its timer is at work, or its line in the crontab."""
    try:
        if schedule.by != "cron":
            return _units(project, schedule.name, is_system=schedule.by == "system").absent()
        is_there = crontab.has_line(crontab.read(), schedule.name.key(project.root))
    except CdconfError as error:
        return error.message
    return None if is_there else "its line in the crontab is gone"


def _units(project: Project, name: Name, *, is_system: bool) -> timer.Units:
    return timer.Units(name.unit(project.name), project.root, is_system=is_system)


def _remove_units(project: Project, name: Name) -> list[str]:
    units = _units(project, name, is_system=os.geteuid() == 0)
    return units.remove() if units.others() is None else []


def _write_line(key: str, line: str) -> None:
    text = crontab.read()
    wanted = crontab.with_line(text, key, line)
    if wanted != text:
        crontab.write(wanted)


def _remove_line(project: Project, name: Name) -> list[str]:
    if shutil.which("crontab") is None:
        return []
    text = crontab.read()
    wanted = crontab.with_line(text, name.key(project.root), None)
    if wanted == text or not crontab.has_line(text, name.key(project.root)):
        return []
    crontab.write(wanted)
    return ["a line of the crontab"]
