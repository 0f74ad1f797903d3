"""User ids that nobody has, one for each run of the commit's own code, and the end of all that ran under one.

They're of the range that systemd's documentation of user ids leaves unused. A file, locked while a run has it, says
that an id is taken.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cdconf.isolation.guarding import GuardProcess

IDS = range(60578, 60706)
_PLACES = (Path("/run/cdconf-users"), Path("/var/tmp/cdconf-users"))  # noqa: S108  checked: root's alone
# See capabilities(7).
_RIGHTS = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}
_PATIENCE = 5.0  # seconds


def lacking(proc: Path = Path("/proc/self")) -> str | None:
    """What root lacks here for running something as another user, as it may in a container; None: nothing.

    Args:
        proc: Where the kernel tells of this process.
    """
    status = dict(line.split(":\t", 1) for line in _status(str(proc)) if ":\t" in line)
    have = int(status["CapEff"], 16)
    missing = [name for name, bit in _RIGHTS.items() if not have >> bit & 1]
    if missing:
        return f"root lacks {', '.join(missing)} here"
    for name in ("uid_map", "gid_map"):
        ranges = [tuple(map(int, line.split())) for line in (proc / name).read_text("ascii").splitlines()]
        if not any(first <= IDS.start and IDS.stop <= first + count for first, _, count in ranges):
            return f"there are no user ids {IDS.start} to {IDS.stop - 1} here"
    return None


@contextlib.contextmanager
def free_user() -> Iterator[int | None]:
    """A user id for this run alone; None when there's none, or no place to say so."""
    with contextlib.ExitStack() as stack:
        place = next((path for path in _PLACES if _is_ours(path)), None)
        for number in IDS if place is not None else ():
            with contextlib.suppress(KeyError):
                pwd.getpwuid(number)
                continue
            descriptor = os.open(place / str(number), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)  # type: ignore[operator]
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                continue
            stack.callback(os.close, descriptor)
            end_all(number)  # of a run that was killed
            stack.enter_context(GuardProcess(number, descriptor))
            yield number
            return
        yield None


def end_all(user: int) -> None:
    """Kills every process of a user, whatever it does against that.

    Raises:
        TimeoutError: Some can't be killed.
    """
    deadline = time.monotonic() + _PATIENCE
    while found := _processes(user):
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        # Faster than any process can fork: the kernel signals all that this user may signal at once.
        subprocess.run(["/bin/sh", "-c", "kill -9 -1"], user=user, group=user, extra_groups=[], check=False)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of user {user} can't be killed: {', '.join(map(str, found))}")


def _processes(user: int) -> list[int]:
    """Those that live; a process can hide its owner in /proc from `stat`, and not from its status."""
    try:
        os.getpriority(os.PRIO_USER, user)
    except ProcessLookupError:  # there are none; to look through /proc takes much longer
        return []
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = dict(line.split(":\t", 1) for line in _status(entry.path) if ":\t" in line)
                if str(user) in fields["Uid"].split() and fields["State"][0] not in "ZX":
                    found.append(int(entry.name))
    return found


def _status(path: str) -> list[str]:
    return Path(path, "status").read_text(encoding="utf-8", errors="replace").splitlines()


def _is_ours(place: Path) -> bool:
    """Makes a directory for root alone; False when it can't be, or somebody else has made it."""
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        status = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not stat.S_IMODE(status.st_mode) & 0o077
