"""One message on its way: the process that brings it to its receiver, as whoever has started that sees it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, get_args

from cdconf.notify.detached import environment
from cdconf.notify.digest import Parcel
from cdconf.notify.receiver import UNANSWERED, Outcome

LONGEST = 120.0  # seconds of a process, its start included, on a machine that's slow
_LARGEST = 64 * 1024  # bytes of its answer


class Delivery:
    """A process that brings something to a receiver.

    Args:
        request: See `receiver`.

    Raises:
        OSError: It can't be started.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        command = [sys.executable, "-P", "-m", "cdconf.notify.receiver"]
        streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, **streams, env=environment(), cwd="/")
        self._ends = time.monotonic() + LONGEST
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode())
            self._process.stdin.close()

    def is_over(self) -> bool:
        """Whether it has ended; never waits. One that takes too long is ended."""
        if self._process.poll() is None and time.monotonic() > self._ends:
            self._process.kill()
            self._process.wait()
        return self._process.returncode is not None

    def result(self) -> tuple[Outcome, str]:
        """What came of it; waits until it's over."""
        while not self.is_over():
            time.sleep(0.02)
        assert self._process.stdout is not None  # noqa: S101
        with self._process.stdout as stream:
            answer = os.read(stream.fileno(), _LARGEST)
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        return _read(self._process.returncode, answer)


def _read(code: int, answer: bytes) -> tuple[Outcome, str]:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(answer)
        if found["outcome"] in get_args(Outcome):
            return found["outcome"], str(found["why"])
    if code == -signal.SIGALRM:
        return "unanswered", UNANSWERED
    return "unanswered", f"the process that sent it ended with {code}"


def request_of(parcel: Parcel, url: str) -> dict[str, str]:
    """What the process is asked to do."""
    return {"url": url, "title": parcel.title, "body": parcel.body, "severity": parcel.severity}
