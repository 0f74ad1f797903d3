"""What a line of the history's journal says of a run; `journal_file` is where it lies."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdconf.events import RunResult
from cdconf.git_command import git_command
from cdconf.history.worktree import KEPT, Changes
from cdconf.user import user_name

DIFFERENCE = "clock_difference_s"  # what is added to a run's own times to have its hosts' or the store's
PROVEN = ("procedure", "isolated")  # the procedure's digest; whether the commit's own code couldn't reach any key
DETAILS = ("command_line", "unpinned", "detail")  # what a run was about, among the verbs' own keys

PASSED = ("override", "overridden", "statement")  # how it passed gates, and what it proved


@dataclass(frozen=True)
class Origin:
    """Where a run came from.

    Attributes:
        checkout: The checkout's id.
        environment_of: The same, where the environment's hosts are this checkout's own: another one may have an
            environment of the same name. None where the hosts are the same from everywhere.
        changes: What no commit has; None where git says nothing.
    """

    checkout: str
    environment_of: str | None = None
    changes: Changes | None = None


def entry(
    result: RunResult, started_at: float, root: Path, run: str | None = None, origin: Origin | None = None
) -> dict[str, Any]:
    """What the history remembers of a run.

    Args:
        result: The run's result.
        started_at: Seconds since 1970.
        root: The project, for the commit it's at.
        run: The id by which hosts know it, if it asked for their leases.
        origin: Where it came from.
    """
    return {
        "id": new_id(started_at),
        "run": run,
        "command": result.command,
        "environment": result.environment,
        "started_at": started_at,
        "duration_s": round(result.duration_s, 3),
        "exit_code": result.exit_code,
        "user": user_name(),
        "controller": socket.gethostname(),
        "commit": head(root),
        "app": result.extra.get("app"),
        "version": result.extra.get("version"),
        "artifact": result.extra.get("artifact"),
        "detail": next((result.extra[key] for key in DETAILS if result.extra.get(key)), _migrated(result)),
        "error": result.error["message"] if result.error else None,
        **{name: result.extra[name] for name in PASSED if result.extra.get(name)},
        "hosts": {
            name: {"status": host.status, "ok": host.ok, "changed": host.changed, "failed": host.failed}
            for name, host in result.hosts.items()
        },
        **{name: result.extra[name] for name in PROVEN if result.extra.get(name) is not None},
        **(_told(origin) if origin is not None else {}),
    }


def new_id(started_at: float) -> str:
    """The id of a run's row: when it began, in milliseconds, and something random."""
    return f"{int(started_at * 1000):012x}-{os.urandom(6).hex()}"


def _told(origin: Origin) -> dict[str, Any]:
    changes = origin.changes
    about: dict[str, Any] = {"checkout": origin.checkout, "environment_of": origin.environment_of}
    if changes is not None:
        about |= {"dirty": changes.dirty, "dirty_files": list(changes.files[:KEPT]), "dirty_count": len(changes.files)}
    return {name: value for name, value in about.items() if value is not None}


def placed(fences: Mapping[str, int], difference: float | None) -> dict[str, Any]:
    """What tells a run's place among others, whatever the clock says of the machine that it ran on.

    Args:
        fences: Host -> the run's fencing number there.
        difference: Seconds that are added to this machine's time to have the hosts' or the store's; None: unknown.
    """
    about: dict[str, Any] = {"fences": dict(fences)} if fences else {}
    return about | ({DIFFERENCE: difference} if difference else {})


def _migrated(result: RunResult) -> str | None:
    """What a run did to a database: `expand 2.0 on web1`, `expand 2.0 failed on web1`."""
    for name, host in result.hosts.items():
        for resource in host.resources:
            if resource.type == "migration" and resource.status in ("changed", "failed"):
                return f"{resource.title}{' failed' if resource.status == 'failed' else ''} on {name}"
    return None


def head(root: Path) -> str | None:
    """The commit that the project is at, None outside of git. Reads git's files: a process would take longer."""
    folder = root / ".git"
    try:
        text = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if not text.startswith("ref: "):
            return text
        loose = folder / text[5:]
        if loose.is_file():
            return loose.read_text(encoding="utf-8").strip()
    except OSError:
        pass
    command = git_command(root, "rev-parse", "--verify", "-q", "HEAD")
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git here, and a run needs none
        return None
    return result.stdout.strip() or None


def now() -> float:
    """Seconds since 1970."""
    return time.time()
