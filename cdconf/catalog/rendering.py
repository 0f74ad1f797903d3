"""Has an environment's texts rendered by a process of their own; `cdconf.catalog.rendered` is what that process does.

A template can need any time and any memory, in one call of a filter that nobody can break off. So texts are rendered in
a fork of the run, which may be killed: for the whole compilation of a host there's one question and one answer.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import signal
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, TYPE_CHECKING, Any, Protocol

from cdconf.catalog.ended_process import innermost, why
from cdconf.catalog.meter import SHARED, Meter, Place, is_of_all, place_of, template_of
from cdconf.catalog.rendered import (
    Answer,
    Carrier,
    FromStore,
    FromTypes,
    Needs,
    Rendered,
    RenderingFailure,
    RenderingQuestion,
    Reply,
    answer_all,
)
from cdconf.errors import CdconfError
from cdconf.facts.carried import Luggage
from cdconf.own_files import obstacle, reason

if TYPE_CHECKING:
    from cdconf.resources.elsewhere import Elsewhere
    from cdconf.secrets import Mask, SecretStore

DEAF = 30  # seconds in which the process uses no processor, while it's waited for


class _Hangs(Exception):
    """The process waits for a lock that another thread held when it was forked."""


class Renders(Protocol):
    """What renders: a compiler, which is the same in both processes when the fork is made.

    Attributes:
        mask: Learns the secrets that are read.
        secrets: Where they're read.
        elsewhere: Where the project's own types run.
    """

    mask: Mask
    secrets: SecretStore

    @property
    def elsewhere(self) -> Elsewhere | None: ...

    def move(self, meter: Meter, secrets: Any, mask: Mask) -> None:
        """Called in the process that renders, before anything is: these are to be used there."""


@dataclass
class _Process:
    """A fork, and what's shared with it."""

    pid: int
    owner: int
    connection: Connection
    shared: mmap.mmap
    trace: IO[bytes]
    end: Callable[[], int] = field(default=lambda: 0)


class Rendering:
    """The process of one compiler; it's forked when it's first needed. Safe for threads, which wait for each other.

    A fork of the run gets a process of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._refused: dict[Place, str] = {}
        self._needed: dict[str, set[str]] = {}

    def call(
        self, renders: Renders, function: Callable[..., Any], facts: Mapping[str, Any], *arguments: Any, name: str = ""
    ) -> bytes:
        """Calls a function in the process: `function(renders, facts, *arguments)`.

        Args:
            renders: The compiler.
            function: One of a module.
            facts: What templates get as `facts`. Those that are fetched are fetched here, and the function is called
                again with them.
            arguments: Plain data.
            name: The host's, to know which of its facts will be needed.

        Returns:
            The result, pickled.

        Raises:
            CdconfError: What the function raises; a text takes more than it may.
        """
        luggage = Luggage(facts)
        needed = self._needed.get(name)
        if needed:
            luggage.fetch(sorted(needed))
        while True:
            with self._lock:
                reply = self._reply(renders, RenderingQuestion(function, luggage.packed(), arguments))
            luggage.note(reply.reads)
            for value in reply.learned:
                renders.mask.add(value)
            if isinstance(reply, Rendered):
                return reply.result
            if isinstance(reply, RenderingFailure):
                raise reply.error from (RuntimeError(reply.trace) if reply.trace else None)
            assert isinstance(reply, Needs)  # noqa: S101  there are no more answers
            self._needed.setdefault(name, set()).update(reply.groups)
            luggage.fetch(reply.groups)

    def _reply(self, renders: Renders, asked: RenderingQuestion) -> Answer:
        for is_last in (False, True):
            process = self._begun(renders)
            try:
                with renders.elsewhere.held() if renders.elsewhere is not None else contextlib.nullcontext():
                    return self._conversation(process, renders, asked)
            except _Hangs:  # the next fork is made at another moment
                self._process = None
                process.end()
                if is_last:
                    message = f"the process that renders has done nothing for {DEAF} s, twice"
                    raise CdconfError(
                        message, hint="run it again; `py-spy dump` shows where such a process hangs"
                    ) from None
            except (EOFError, OSError):
                self._process = None
                error = self._ended(process)
                if is_last or error is not None:
                    raise error or CdconfError("the process that renders has ended by itself") from None
            except BaseException:  # a Ctrl-C between question and answer: the next question must not get this answer
                self._process = None
                process.end()
                raise
        raise AssertionError

    def _conversation(self, process: _Process, renders: Renders, asked: RenderingQuestion) -> Answer:
        process.connection.send_bytes(pickle.dumps(asked))
        while True:
            _wait(process)
            message: Answer | FromStore | FromTypes = pickle.loads(process.connection.recv_bytes())  # noqa: S301  a fork of ours
            if isinstance(message, Answer):
                return message
            process.connection.send_bytes(pickle.dumps(_told(renders, message)))

    def _ended(self, process: _Process) -> CdconfError | None:
        """Why a process has ended; None for one that was at no text: another one does as well."""
        asked, inner = place_of(process.shared), innermost(process.trace) or template_of(process.shared)
        error = why(process.end(), asked, inner, of_all=is_of_all(process.shared))
        if asked is not None:
            self._refused[asked] = error.message
        return error if asked is not None else None

    def _begun(self, renders: Renders) -> _Process:
        if self._process is not None and self._process.owner != os.getpid():
            self._process.end()
            self._process = None
        if self._process is None:
            self._process = self._forked(renders)
        return self._process

    def _forked(self, renders: Renders) -> _Process:
        here, there = Pipe()
        shared, trace = mmap.mmap(-1, SHARED), tempfile.TemporaryFile()  # noqa: SIM115  it's closed by `_end`
        with warnings.catch_warnings():
            # Other threads may hold locks for ever in the fork: it uses none of theirs, see `Renders.move`.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            answer_all(renders, Meter(shared, trace, self._refused), there, trace)  # doesn't return
        there.close()
        process = _Process(pid, os.getpid(), here, shared, trace)
        end = weakref.finalize(self, _end, pid, os.getpid(), here, trace)
        process.end = lambda: end() or 0
        return process


def _end(pid: int, owner: int, connection: Connection, trace: IO[bytes]) -> int:
    """Ends a process, if it's this one that has forked it; returns what `os.waitpid` says of it."""
    connection.close()
    trace.close()
    if owner != os.getpid():
        return 0
    with contextlib.suppress(ChildProcessError):
        for _ in range(50):  # one that has ended by itself says why
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return status
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]
    return 0


def _wait(process: _Process) -> None:
    """Waits for the process as long as it works; one that does nothing hangs in a lock of another thread's.

    Raises:
        _Hangs: It does nothing.
    """
    used = _used(process.pid)
    while not process.connection.poll(DEAF):
        now = _used(process.pid)
        if now == used:
            raise _Hangs
        used = now


def _used(pid: int) -> float:
    """Seconds of processor time that a process has used; the wall's where only Linux could tell."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)
    except OSError:
        return time.monotonic()


def _told(renders: Renders, asked: FromStore | FromTypes) -> Reply:
    try:
        if isinstance(asked, FromTypes):
            return Reply(renders.elsewhere.answer(asked.request) if renders.elsewhere is not None else {})
        if asked.length is not None:
            return Reply(renders.secrets.generate(asked.name, asked.length))
        return Reply(renders.secrets.get(asked.name))
    except CdconfError as error:
        return Reply(None, Carrier(error))
    except OSError as error:  # this end's own: the process that asks is well
        about = CdconfError(f"{error.filename or 'a secret'}: {reason(error)}")
        return Reply(None, Carrier(obstacle(error) or about))
