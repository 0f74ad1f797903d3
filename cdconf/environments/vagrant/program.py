"""Runs `vagrant`: bounded in time, its progress told while it works, ended together with the run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cdconf.environments.vagrant.output import OutputLine, failure, line_of
from cdconf.errors import ProviderError
from cdconf.no_code import check_code

if TYPE_CHECKING:
    from pathlib import Path

QUICK = 120.0  # seconds for what only asks
LONG = 3600.0  # seconds for making machines: a box may have to be downloaded
_GRACE = 30.0  # seconds in which Vagrant, once interrupted, may take back what it has half made
_ELSEWHERE = ("VAGRANT_CWD", "VAGRANT_VAGRANTFILE")  # would make it read another project's file


class Vagrant:
    """The program, for one environment of one project.

    Args:
        root: The project's root, where the Vagrantfile is.
        environment: The environment's name; the Vagrantfile reads it from CDCONF_ENVIRONMENT.
    """

    def __init__(self, root: Path, environment: str) -> None:
        self._root = root
        self._environment = environment

    def check(self) -> None:
        """Whether it could run at all.

        Raises:
            ProviderError: Vagrant isn't installed, or the project has no Vagrantfile.
        """
        if shutil.which("vagrant") is None:
            hint = "apt-get install vagrant, or see https://developer.hashicorp.com/vagrant/install"
            raise ProviderError("the machines are made by Vagrant, which isn't installed", hint=hint)
        if not (self._root / "Vagrantfile").is_file():
            hint = "`cdconf init` writes one into a new project: copy it from there"
            raise ProviderError(f"{self._root} has no Vagrantfile, by which Vagrant knows its machines", hint=hint)

    def run(
        self, *arguments: str, limit: float = QUICK, hear: Callable[[OutputLine], None] = lambda line: None
    ) -> list[OutputLine]:
        """Runs `vagrant ARGUMENTS` and returns all that it printed.

        Args:
            arguments: The command and its arguments.
            limit: Seconds that it may take.
            hear: Gets each line while it's printed, from another thread.

        Raises:
            CodeRefused: Nothing of the project's may run.
            ProviderError: It can't be run, failed, or took too long.
            GateClosed: Another Vagrant works on the machines.
        """
        self.check()
        check_code("the Vagrantfile", "Vagrantfile")
        process = subprocess.Popen(
            ["vagrant", *arguments, "--machine-readable"],
            cwd=self._root,
            env={
                **{name: value for name, value in os.environ.items() if name not in _ELSEWHERE},
                "CDCONF_ENVIRONMENT": self._environment,
                "VAGRANT_CHECKPOINT_DISABLE": "1",  # it would ask the network for newer versions
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is passed on by `_end`, once
        )
        lines: list[OutputLine] = []
        reader = threading.Thread(target=_read, args=(process, lines, hear), daemon=True)
        try:
            reader.start()
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            _end(process)
            reader.join(5)
            said = failure(arguments, 0, lines).detail
            message = f"`vagrant {arguments[0]}` didn't end within {limit:g} s"
            raise ProviderError(message, detail=said) from None
        except BaseException:  # Ctrl-C
            _end(process)
            if reader.ident is not None:
                reader.join(5)
            raise
        reader.join(5)  # what it has left running may keep the pipe open
        if status != 0:
            raise failure(arguments, status, lines)
        return lines


def _read(process: subprocess.Popen[str], lines: list[OutputLine], hear: Callable[[OutputLine], None]) -> None:
    assert process.stdout is not None  # noqa: S101  it's a pipe
    with process.stdout as stream:
        for text in stream:
            line = line_of(text.rstrip("\r\n"))
            lines.append(line)
            hear(line)


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupts Vagrant, which takes back what it has half made; kills it when that takes too long."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(_GRACE)
    except ProcessLookupError:
        process.wait()
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):  # a second Ctrl-C
            raise
