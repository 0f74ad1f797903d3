"""A schedule's line in the user's crontab. All other lines stay as they are, byte by byte."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from cdconf.errors import CdconfError

MARK = "# cdconf schedule "
LONGEST = 990  # characters: cron reads no more of a line
_PATIENCE = 60  # seconds
_NONE = "no crontab for"  # what `crontab -l` says where there's none, in English or C


def is_here() -> bool:
    """Whether this machine has a crontab."""
    return shutil.which("crontab") is not None


def line(when: str, command: Sequence[str], what: str, key: str) -> str:
    """The line.

    Args:
        when: The five fields.
        command: An argument list.
        what: For people: `drift of production`.
        key: Tells the schedule of this checkout from all others.

    Raises:
        CdconfError: cron couldn't read it.
    """
    words = shlex.join(command).replace("%", "\\%")  # crontab(5): else the command would end there
    text = f"{when} {words} {MARK}{key} ({what})"
    if "\n" in text or "\r" in text or "\0" in text:
        raise CdconfError("cron can't run a path that contains a line break")
    if len(text) > LONGEST:
        hint = "install cdconf, or check out the project, at a shorter path; or use a systemd timer"
        raise CdconfError(f"the line for cron has {len(text)} characters, and cron reads {LONGEST}", hint=hint)
    return text


def with_line(crontab: str, key: str, new: str | None) -> str:
    """The crontab with a schedule's line in the place of its old one, or at the end; without it where it's None."""
    mine = f" {MARK}{key} "
    lines = crontab.split("\n")
    if not lines[-1]:
        lines.pop()
    at = next((place for place, one in enumerate(lines) if mine in one), len(lines))
    kept = [one for one in lines if mine not in one]
    if new is not None:
        kept.insert(at, new)
    return "".join(f"{one}\n" for one in kept)


def has_line(crontab: str, key: str) -> bool:
    """Whether the schedule's line is there, and nobody has made a comment of it."""
    return any(f" {MARK}{key} " in one and not one.lstrip().startswith("#") for one in crontab.split("\n"))


def read() -> str:
    """This user's crontab; empty where there's none.

    Raises:
        CdconfError: The user may have none.
    """
    done = _call(["crontab", "-l"], None)
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "surrogateescape")
    said = done.stderr.decode("utf-8", "replace").strip()
    if _NONE in said or not said:
        return ""
    raise CdconfError(f"the crontab can't be read: {said.splitlines()[-1]}")


def write(text: str) -> None:
    """Replaces this user's crontab; one without lines is removed.

    Raises:
        CdconfError: cron refuses it.
    """
    command = ["crontab", "-"] if text else ["crontab", "-r"]
    done = _call(command, text.encode("utf-8", "surrogateescape"))
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise CdconfError(f"the crontab can't be written: {said.splitlines()[-1] if said else 'no reason given'}")


def _call(command: list[str], data: bytes | None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            input=data or b"",
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CdconfError(f"`crontab` can't be asked: {error}") from error
