"""The project: each environment's files, and the directory that cdconf keeps for itself."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdconf.doctor.check import Check
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project

_ROOM = 512 * 1024 * 1024  # bytes: an artifact, and the history


def readable(project: Project) -> tuple[list[Environment], list[Check]]:
    """The environments that can be read, and a finding for each."""
    found, checks = [], []
    for name in project.environments():
        try:
            environment = load_environment(project, name)
        except CdconfError as error:
            checks.append(Check(f"environment {name}", "problem", str(error), error.hint or "cdconf lint"))
            continue
        found.append(environment)
        hosts = "1 host" if len(environment.hosts) == 1 else f"{len(environment.hosts)} hosts"
        checks.append(Check(f"environment {name}", "ok", f"{hosts}, provider {environment.provider}"))
    return found, checks


def project_checks(project: Project) -> Iterator[Check]:
    """What's wrong with `.cdconf/`: who owns it, who can write to it, and how much room is there."""
    data = project.data_if_any
    try:
        status = data.lstat()
    except FileNotFoundError:
        yield Check(".cdconf", "ok", "isn't there yet; the first run makes it")
        return
    except OSError as error:
        yield Check(".cdconf", "problem", f"can't be read: {error.strerror}")
        return
    if status.st_uid not in (os.geteuid(), 0) or not os.access(data, os.W_OK):
        hint = f"chown -R {os.geteuid()} {data}"
        yield Check(".cdconf", "problem", f"belongs to user {status.st_uid}, and you are {os.geteuid()}", hint)
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not stat.S_ISLNK(status.st_mode):
        yield Check(".cdconf", "problem", "others can write to it", f"chmod go-w {data}")
    else:
        yield _room(project)


def _room(project: Project) -> Check:
    free = shutil.disk_usage(project.data_if_any).free
    said = f"{free // 1024**2} MiB are free"
    if free < _ROOM:
        return Check(".cdconf", "warning", said, "`cdconf artifact gc` removes artifacts that nothing needs")
    return Check(".cdconf", "ok", said)
