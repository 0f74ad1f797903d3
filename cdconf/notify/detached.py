"""Starts the sender as a process of its own, which the run neither waits for nor gives anything to."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

# All that the sender has of the run's environment: no lease, no agent's socket, no key of a cloud.
KEPT = (
    *("HOME", "PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy", "ALL_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CDCONF_NOTIFY"),
)
PATIENCE = 3.0  # seconds for systemd


def environment() -> dict[str, str]:
    """The variables that a process which sends has."""
    return {name: os.environ[name] for name in KEPT if name in os.environ}


def command(data: Path, project: str) -> list[str]:
    """The sender's argument list."""
    return [sys.executable, "-P", "-m", "cdconf.notify.sender", str(data.resolve()), project]


def start(data: Path, project: str) -> None:
    """Starts a sender; one that finds another at work ends at once.

    It's in a session of its own and nobody's child, has no descriptor of the run, and `/` as its directory. systemd
    ends all that a service leaves behind, so in a service it becomes a unit of its own.

    Args:
        data: The project's `.cdconf/`.
        project: The project's name.

    Raises:
        OSError: It can't be started.
    """
    arguments = command(data, project)
    if _is_service() and _as_unit(arguments):
        return
    null = subprocess.DEVNULL
    # The shell ends at once, and so the sender is nobody's child.
    subprocess.run(
        ["/bin/sh", "-c", '"$@" &', "sh", *arguments],
        stdin=null,
        stdout=null,
        stderr=null,
        cwd="/",
        env=environment(),
        start_new_session=True,
        close_fds=True,
        check=False,
    )


def _is_service() -> bool:
    """Whether this process belongs to a service of systemd's."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        return any(line.endswith(".service") for line in lines) and Path("/run/systemd/system").is_dir()
    return False


def _as_unit(arguments: list[str]) -> bool:
    program = shutil.which("systemd-run")
    if program is None:
        return False
    # Others can read an argument, and a proxy's URL may hold a password.
    variables = [f"--setenv={name}={value}" for name, value in environment().items() if "@" not in value]
    manager = ["--user"] if os.geteuid() else []
    words = [program, *manager, "--quiet", "--collect", "--no-ask-password", *variables, "--", *arguments]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False).returncode == 0
    return False
