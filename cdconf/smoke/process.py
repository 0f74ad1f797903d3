"""Runs of smoke tests in processes of their own, forked from one that has imported pytest already."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from cdconf.isolation import scrubbed
from cdconf.smoke.output import KEPT, OutputPipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import FileIO
    from pathlib import Path
    from typing import IO

    from cdconf.isolation import Rights

_GONE = 1000  # no exit status
_LATE = 2  # what pytest ends with when it was interrupted


class Pytest:
    """The process that forks (`cdconf.smoke.ready`); it's started when it's first needed, and again if it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._said = _file()  # by the process itself, when it fails

    def start(self) -> None:
        """Starts it, unless it runs: importing pytest takes longer than most tests."""
        with self._lock:
            self._started()

    def close(self) -> None:
        """Ends it."""
        with self._lock:
            if self._process is not None and self._requests is not None:
                self._requests.close()
                self._process.wait()
                self._process = self._requests = None
            self._said.close()

    def end(self, owner: int) -> None:
        """Ends it at once, if it's this process that has started it; for the end of that."""
        if os.getpid() != owner:
            return
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            self._process.kill()  # it may still be importing
            self._process.wait()
        self._said.close()

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        timeout: float,
        rights: Rights | None = None,
    ) -> tuple[int, str]:
        """Runs pytest, in a session of its own.

        Args:
            arguments: Of pytest.
            cwd: Its directory.
            environment: Its environment, whole.
            timeout: Seconds; then it's killed.
            rights: Whose it becomes; None: this user's.

        Returns:
            The exit status, negative for a signal, and what it printed. A process that took too long has status 2.
        """
        request: dict[str, Any] = {"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}
        if rights is not None:
            request |= {"user": rights.user, "closed": rights.closed, "own": rights.own}
        told, teller = os.pipe()
        with self._lock, os.fdopen(told, "rb", buffering=0) as answers, contextlib.closing(OutputPipe()) as output:
            try:
                requests = self._started()
                line = json.dumps(request).encode() + b"\n"
                sent = socket.send_fds(requests, [line], [output.writing, teller])
                requests.sendall(line[sent:])
            except ConnectionError:
                pass  # it has died: nothing will be told
            finally:
                os.close(teller)
                output.given()
            status = _status(answers, output, timeout)
            if status == _GONE:
                if self._process is not None:
                    self._process.wait()  # else the next run might still find it
                return -signal.SIGKILL, _end_of(self._said)
            text = output.text()
        return (_LATE, f"{text}\nstill running after {timeout} s, killed") if status is None else (status, text)

    def _started(self) -> socket.socket:
        if self._process is None or self._requests is None or self._process.poll() is not None:
            if self._requests is not None:
                self._requests.close()
            self._requests, theirs = socket.socketpair()
            with theirs:
                self._process = self._launched(theirs)
        return self._requests

    def _launched(self, requests: socket.socket) -> subprocess.Popen[bytes]:
        """Starts the process, which gets its requests there."""
        # -P: what lies in the current directory isn't what's imported.
        command = [sys.executable, "-P", "-m", "cdconf.smoke.ready", str(requests.fileno())]
        return subprocess.Popen(
            command,
            env=scrubbed(os.environ),  # a fork can read what this process was started with
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            pass_fds=[requests.fileno()],
            start_new_session=True,
        )


@cache
def pytest_process() -> Pytest:
    """The one of this process, with which it ends."""
    pytest = Pytest()
    atexit.register(pytest.end, os.getpid())
    return pytest


def _file() -> IO[bytes]:
    """A file without a name; in memory where the system can, so that a full disk doesn't matter."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("cdconf-smoke"), "w+b")
    return tempfile.TemporaryFile()


def _end_of(output: IO[bytes]) -> str:
    end = output.seek(0, os.SEEK_END)
    output.seek(max(0, end - KEPT))
    return output.read().decode("utf-8", "replace")  # a test may print anything


def _status(answers: FileIO, output: OutputPipe, timeout: float) -> int | None:
    """How the tests ended; None: not in time, so they were killed; `_GONE`: nobody tells."""
    pid = b""
    try:
        pid = answers.readline()
        late = not _is_told(answers, output, timeout)
    except BaseException:
        _kill(pid or answers.readline())
        raise
    if late:
        _kill(pid)
    last = answers.readline()
    return None if late else int(last or _GONE)


def _is_told(answers: FileIO, output: OutputPipe, timeout: float) -> bool:
    """Waits until there's an answer, while the tests print; returns whether it came in time."""
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        found = select.select([answers.fileno(), *output.readable], [], [], left)[0]
        if answers.fileno() in found:
            return True
        if not found or time.monotonic() >= deadline:
            return False
        output.take()


def _kill(pid: bytes) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
