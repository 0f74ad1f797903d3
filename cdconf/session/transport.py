"""What a session needs of a transport, and the two that are a process on this machine."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from typing import IO, TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence


WRITE_WITHIN = 120.0  # seconds for one frame
CLOSE_WITHIN = 2.0
_STEP = 0.5  # seconds between two looks whether a write should end
WORDS = 16 * 1024  # bytes of stderr that are remembered
LENT = "CDCONF_LEASE"  # the environment variable of leases that a run lends to what it starts on this machine


class TransportClosed(Exception):
    """The other end is gone. `reason` is what it, or ssh, said last."""


class TransportSilent(Exception):
    """Nothing came within the time limit; what may be to blame, where the transport knows more than its session."""


class Transport(Protocol):
    """One command's stdin and stdout on a host."""

    def write(self, data: bytes) -> None:
        """Sends all bytes; safe to call from several threads.

        Raises:
            TransportClosed: The other end is gone.
        """

    def read(self, limit: int, timeout: float) -> bytes:
        """Some bytes, at most `limit`; empty at the end of the stream.

        Raises:
            TransportSilent: Nothing came for `timeout` seconds.
        """

    def heard(self) -> str:
        """The end of what the command has written to stderr so far; doesn't wait."""

    def last_words(self) -> str:
        """The same, after waiting a moment for what's still on its way: for error messages."""

    def status(self) -> int | None:
        """The command's exit status; None while it runs, or when it's unknown."""

    def close(self) -> None:
        """Ends the command's stdin and lets go; never raises."""


class PipeTransport:
    """A child process on this machine: `docker exec -i …` or the agent itself.

    Args:
        argv: The command.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is the controller's to handle
            env={name: value for name, value in os.environ.items() if name != LENT},  # the agent may run right here
        )
        self._in = cast(IO[bytes], self._process.stdin).fileno()
        self._out = cast(IO[bytes], self._process.stdout).fileno()
        os.set_blocking(self._in, False)
        self._is_closing = False

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        ends = time.monotonic() + WRITE_WITHIN
        try:
            while view:
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(self._in, view) :]
                    continue
                select.select([], [self._in], [], _STEP)
                if self._is_closing:
                    raise TransportClosed("it was closed")
                if time.monotonic() > ends:
                    raise TransportClosed(f"it takes too long to take what it's sent: {WRITE_WITHIN:g} s")
        except (OSError, ValueError) as error:
            raise TransportClosed(self.last_words() or str(error)) from error

    def read(self, limit: int, timeout: float) -> bytes:
        ready, _, _ = select.select([self._out], [], [], timeout)
        if not ready:
            raise TransportSilent
        return os.read(self._out, limit)

    def heard(self) -> str:
        return self.last_words()

    def status(self) -> int | None:
        return self._process.poll()

    def last_words(self) -> str:
        try:
            descriptor = self._stderr.fileno()
            size = os.fstat(descriptor).st_size
            # The command writes at the same offset: a seek here would move its place, too.
            return os.pread(descriptor, WORDS, max(0, size - WORDS)).decode("utf-8", "replace").strip()
        except ValueError:
            return ""

    def close(self) -> None:
        self._is_closing = True
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        deadline = time.monotonic() + 2
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_WITHIN)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._stderr.close()
