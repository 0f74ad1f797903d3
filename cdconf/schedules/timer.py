"""A schedule's systemd timer and service: their text, and the calls that start and end them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cdconf.errors import CdconfError
from cdconf.pipeline.watch.install import is_own, unit_folder, write_unit
from cdconf.pipeline.watch.unit import FOR_ALL, FOR_THE_SYSTEM, escaped, quoted
from cdconf.schedules.period import Period

MARK = "# Written by `cdconf schedule install`"
_RUNS = Path("/run/systemd/system")  # sd_booted(3)
_LATE = 180  # seconds that a run has beyond its limit, to end in order
_PATIENCE = 60  # seconds for systemctl


def is_here() -> bool:
    """Whether systemd runs this machine."""
    return _RUNS.is_dir() and shutil.which("systemctl") is not None


def service(what: str, root: Path, command: Sequence[str], limit: int, *, is_system: bool) -> str:
    """The service's text.

    Args:
        what: For people: `drift of production`.
        root: Where it works.
        command: What it starts, as an argument list.
        limit: Seconds that a run may take.
        is_system: Whether it's the system's; else it's a user's.
    """
    network = "Wants=network-online.target\nAfter=network-online.target\n" if is_system else ""
    return f"""\
{MARK}; written anew by it, removed by `cdconf schedule remove`.
[Unit]
Description=cdconf {escaped(what)}
{network}
[Service]
Type=oneshot
WorkingDirectory={escaped(str(root))}
ExecStart={" ".join(quoted(one).replace("$", "$$") for one in command)}
# The run ends itself after {limit} s; this ends one that can't.
TimeoutStartSec={limit + _LATE}
KillMode=mixed
TimeoutStopSec=90
# Differences were found: that's what it looks for, and the exit code says so.
SuccessExitStatus=2
{FOR_ALL}{FOR_THE_SYSTEM if is_system else ""}"""


def timer(what: str, root: Path, period: Period) -> str:
    """The timer's text; see `service`."""
    return f"""\
{MARK}; written anew by it, removed by `cdconf schedule remove`.
# WorkingDirectory={escaped(str(root))}
[Unit]
Description=cdconf {escaped(what)}, every {period.text}

[Timer]
OnCalendar={period.calendar()}
RandomizedDelaySec={period.jitter}
AccuracySec=1
# A run that was due while the machine was off is made up for.
Persistent=true

[Install]
WantedBy=timers.target
"""


class Units:
    """The two units of one schedule.

    Args:
        name: Without their ends.
        root: The checkout that they're of.
        is_system: Whether they're the system's; else they're this user's.
    """

    def __init__(self, name: str, root: Path, *, is_system: bool) -> None:
        folder = unit_folder(is_system=is_system)
        self.timer, self.service = folder / f"{name}.timer", folder / f"{name}.service"
        self._root = root
        self._manager = ["systemctl"] if is_system else ["systemctl", "--user"]

    def others(self) -> Path | None:
        """A unit of that name that isn't this checkout's; None where there's none."""
        return next((path for path in (self.service, self.timer) if not is_own(path, MARK, self._root)), None)

    def install(self, timer_text: str, service_text: str) -> None:
        """Writes both, and lets the timer begin.

        Raises:
            CdconfError: They can't be written, or systemd refuses.
        """
        write_unit(self.service, service_text)
        write_unit(self.timer, timer_text)
        self._call("daemon-reload")
        self._call("enable", self.timer.name)
        self._call("restart", self.timer.name)  # one that was there already takes its new times

    def remove(self) -> list[str]:
        """Ends the timer and removes both; returns the files that were there.

        Raises:
            CdconfError: They can't be removed, or systemd refuses.
        """
        there = [path for path in (self.timer, self.service) if path.exists()]
        if self.timer in there and is_here():
            self._call("disable", "--now", self.timer.name)
        for path in there:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise CdconfError(f"{path} can't be removed: {error.strerror}") from error
        if there and is_here():
            self._call("daemon-reload")
        return [str(path) for path in there]

    def absent(self) -> str | None:
        """Why nothing starts the schedule; None where the timer is at work."""
        for path in (self.timer, self.service):
            if not path.exists():
                return f"{path} is gone"
        done = self._run("is-active", self.timer.name)
        state = done.stdout.strip() or done.stderr.strip().partition("\n")[0]
        return (
            None if state in ("active", "activating") else f"{self.timer.name} isn't started ({state or 'no answer'})"
        )

    def _call(self, *words: str) -> None:
        done = self._run(*words)
        if done.returncode:
            said = done.stderr.strip().partition("\n")[0] or f"exit status {done.returncode}"
            command = " ".join([*self._manager, *words])
            hint = "a user's timers need a login with systemd: `loginctl enable-linger`; or use --cron"
            raise CdconfError(f"`{command}` failed: {said}", hint=hint if len(self._manager) > 1 else None)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._manager, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CdconfError(
                f"systemctl can't be asked: {error}", hint="use --cron where there's no systemd"
            ) from error
