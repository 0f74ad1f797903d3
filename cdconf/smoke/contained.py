"""Runs of smoke tests in a container, where nothing is imported yet that could be forked."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cdconf.isolation import Account
from cdconf.smoke.output import OutputPipe

_LATE = 2  # what pytest ends with when it was interrupted
# As `python -m pytest`, but for modules of the project that have the name of one that pytest itself imports.
_PYTEST = "import os, sys, pytest, testinfra.host; sys.path.insert(0, os.getcwd()); sys.exit(pytest.main())"


def run_in_container(
    tester: Account, arguments: Sequence[str], cwd: Path, variables: dict[str, str], timeout: float
) -> tuple[int, str]:
    """Runs pytest.

    Args:
        tester: Who runs it; it has a container.
        arguments: Of pytest.
        cwd: Its directory.
        variables: What's added to what the account's processes know.
        timeout: Seconds; then it's killed.

    Returns:
        The exit status, and what it printed. A process that took too long has status 2.
    """
    # -P: what lies in the current directory isn't what's imported.
    command = [sys.executable, "-P", "-c", _PYTEST, *arguments]
    with contextlib.closing(OutputPipe()) as output:
        options = {"stdin": subprocess.DEVNULL, "stdout": output.writing, "stderr": subprocess.STDOUT}
        process = tester.start(command, cwd, variables, **options)
        output.given()
        try:
            in_time = output.until_ended(process, timeout)
        finally:
            tester.end()  # the engine's program ends with what it waits for
            process.wait()
        text = output.text()
    return (process.returncode, text) if in_time else (_LATE, f"{text}\nstill running after {timeout} s, killed")
