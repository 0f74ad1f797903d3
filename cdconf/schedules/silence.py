"""Tells people of schedules that have missed their runs: each run of one looks at all of a checkout's."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.notify.schedules import schedule_state
from cdconf.schedules import runs
from cdconf.schedules.schedule import load, names
from cdconf.schedules.standing import TOO_MANY, standing

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.schedules.schedule import Name


def tell(project: Project) -> None:
    """Tells of each schedule once that it is silent, and once that it runs again; see `schedule_state`."""
    for name in names(project):
        with contextlib.suppress(CdconfError):  # a damaged file is named by `schedule status`
            _tell(project, name)


def _tell(project: Project, name: Name) -> None:
    schedule = load(project, name)
    if schedule is None:
        return
    found = standing(schedule, runs.read(project.data, name), time.time(), None)
    last = found.success.began_at if found.success is not None else 0.0
    said = f"it should run every {schedule.period.text}: `cdconf schedule status` says more"
    schedule_state(project, name.environment or "", name.what, last if found.missed >= TOO_MANY else None, said)
