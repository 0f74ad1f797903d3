"""One run of a schedule: alone, within its time, written down before it begins and once it has ended."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import FAILED, CdconfError, LeaseHeld
from cdconf.own_files import damaged, own_bytes
from cdconf.schedules import runs
from cdconf.schedules.runs import ScheduledRun
from cdconf.schedules.schedule import Name, Schedule, load, path_of
from cdconf.schedules.silence import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.inventory import Project

IN_ORDER = 60.0  # seconds that a run has to end, after it was asked to
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LARGEST = 256 * 1024


def run(project: Project, name: Name, environ: Mapping[str, str]) -> int:
    """Runs a schedule's command once; returns its exit code.

    Args:
        project: The project.
        name: Which schedule.
        environ: Environment variables, cron's bare ones perhaps.

    Raises:
        CdconfError: It isn't installed, can't be started, or was ended since it took too long.
        LeaseHeld: The run before is still at work.
    """
    schedule = load(project, name)
    if schedule is None:
        path = path_of(project.data, name)
        raise CdconfError(f"{path} is gone: it said what to run", hint="`cdconf schedule install` writes it anew")
    variables = {**environ, **schedule.variables, **secret_variables(project), "CDCONF_SCHEDULED": "1"}
    with runs.alone(project.data, name) as is_alone:
        if not is_alone:
            text = f"the run before is still at work: {name.text}"
            raise LeaseHeld(text, hint="`cdconf schedule status` says since when; a longer --every leaves it more time")
        ran = ScheduledRun(time.time())
        runs.write(project.data, name, ran)
        began = time.monotonic()
        code, why = FAILED, "it was ended by a signal"
        try:
            code, why = _child(schedule, project.root, variables)
        finally:
            runs.write(project.data, name, replace(ran, took=time.monotonic() - began, code=code, why=why or None))
    tell(project)
    if why:
        raise CdconfError(f"{name.text}: {why}", hint="`--within` of `cdconf schedule install` gives it more time")
    return code


def _child(schedule: Schedule, root: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    """The exit code, and why the command was ended."""
    if not Path(schedule.folder).is_dir():
        raise CdconfError(f"the directory {schedule.folder} is gone, in which the schedule was installed")
    command = [sys.executable, "-P", "-m", "cdconf", *schedule.command(root)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=schedule.folder, env=variables)
    try:
        code = child.wait(schedule.limit)
    except subprocess.TimeoutExpired:
        _end(child)
        return FAILED, f"it was ended after {schedule.limit} s"
    except BaseException:  # a signal: systemd's, or a person's
        _end(child)
        raise
    if code < 0:
        return 128 - code, f"signal {-code} ended it"
    return code, ""


def _end(child: subprocess.Popen[bytes]) -> None:
    """It takes back what it was at; one that can't is killed."""
    child.terminate()
    try:
        child.wait(IN_ORDER)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def secrets_file(project: Project) -> Path:
    """Where variables stand that are secrets, `NAME=value` a line: such as those of a bucket."""
    return Path("~").expanduser() / ".config/cdconf" / f"schedule-{project.name}.env"


def secret_variables(project: Project) -> dict[str, str]:
    """What that file says; nothing where there's none.

    Raises:
        DamagedFile: Somebody else could have written it, or a line is none.
    """
    path = secrets_file(project)
    found = {}
    try:
        for line in own_bytes(path, _LARGEST).decode("utf-8").split("\n"):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name, separator, value = line.partition("=")
            if not separator or not _VARIABLE.match(name):
                raise ValueError("a line isn't NAME=value")
            found[name] = value
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise damaged(path, error, "the schedules' variables", "look at its lines, its owner and its mode") from error
    return found


__all__ = ["run", "secret_variables", "secrets_file"]
