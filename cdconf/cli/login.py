"""Gives a person's terminal to a program that logs in to a host."""

from __future__ import annotations

import signal
import subprocess

SSH_FAILED = 255  # ssh(1), EXIT STATUS


def call(arguments: list[str]) -> int:
    """Runs a program on this terminal; Ctrl-C is the program's to handle."""
    from cdconf.errors import CdconfError

    # A function, not SIG_IGN: the program would inherit that.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        with subprocess.Popen(arguments) as process:
            try:
                return process.wait()
            except BaseException:
                process.terminate()
                raise
    except FileNotFoundError as error:
        package = "openssh-client" if arguments[0] == "ssh" else arguments[0]
        raise CdconfError(f"there is no {arguments[0]} program here", hint=f"apt-get install {package}") from error
    finally:
        signal.signal(signal.SIGINT, before)
