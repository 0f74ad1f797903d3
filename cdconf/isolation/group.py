"""Ends a command with all of its process group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any

GRACE = 5.0  # seconds between asking a process group to end, and ending it


def end_group(process: subprocess.Popen[Any]) -> None:
    """Ends a process, which leads a group of its own, and that group: asked first, then at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
