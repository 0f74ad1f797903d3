"""The process in which an environment's texts are rendered: a fork of the run, that can do nothing but answer it.

It has the run's rights, but none of its open files: an agent on a host ends when its connection does, not when this
process does. It's no wall against code; project files can't have any run here. It's what can be killed.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import IO, TYPE_CHECKING, Any, NoReturn

from cdconf.errors import CdconfError
from cdconf.facts.carried import Carried, Lacking, Reads
from cdconf.secrets import Mask, Secret, SecretStore

if TYPE_CHECKING:
    from cdconf.catalog.meter import Meter
    from cdconf.catalog.rendering import Renders


@dataclass(frozen=True)
class RenderingQuestion:
    """A question: what's to be called, and with what."""

    function: Callable[..., Any]
    facts: Carried
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class FromStore:
    """Asks the run for a secret; for one that's to be made, of `length`."""

    name: str
    length: int | None = None


@dataclass(frozen=True)
class FromTypes:
    """Asks the process of the project's own types, which is the run's."""

    request: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """The run's answer: a secret, None when there's none, or what the types say; or the error that it was."""

    value: Any
    error: Any = None


@dataclass
class Answer:
    """What the process says of a question; `learned` are the secrets that were read for it."""

    reads: Reads = field(default_factory=Reads)
    learned: list[str] = field(default_factory=list)


@dataclass
class Rendered(Answer):
    """The result, pickled."""

    result: bytes = b""


@dataclass
class Needs(Answer):
    """There's no result without the facts of these groups."""

    groups: tuple[str, ...] = ()


@dataclass
class RenderingFailure(Answer):
    """The error that was raised; `trace` is its traceback when it's a bug."""

    error: Any = None
    trace: str | None = None


class Carrier:
    """An error on its way: pickled, it becomes the error. cdconf's own take arguments that pickle knows nothing of."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self.error), self.error.args, self.error.__dict__)


def _again(kind: type[BaseException], arguments: tuple[Any, ...], about: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(about)
    return error


class _SecretsOfRun:
    """The run's secrets: it's asked for each, once, and keeps what's made."""

    def __init__(self, store: SecretStore, connection: Connection) -> None:
        self._store = store
        self._connection = connection
        self._read: dict[str, Secret | None] = {}
        self._made: set[str] = set()

    def names(self) -> list[str]:
        return sorted({*self._store.names(), *self._made})

    def source(self, name: str) -> str:
        return self._store.source(name)

    def get(self, name: str) -> Secret | None:
        if name not in self._read:
            self._read[name] = self._asked(FromStore(name))
        return self._read[name]

    def generate(self, name: str, length: int) -> Secret:
        value = self._asked(FromStore(name, length))
        self._made.add(name)
        self._read[name] = value
        return value  # type: ignore[return-value]  # the run has made it

    def _asked(self, message: FromStore) -> Secret | None:
        value: Secret | None = ask(self._connection, message)
        return value


def ask(connection: Connection, message: FromStore | FromTypes) -> Any:
    """Asks the run for what only it has; raises what it says was an error."""
    connection.send_bytes(pickle.dumps(message))
    answer: Reply = pickle.loads(connection.recv_bytes())  # noqa: S301  the run's own
    if answer.error is not None:
        raise answer.error
    return answer.value


class _Learning(Mask):
    """Keeps what it's told, for the run's mask."""

    def __init__(self, known: Mask) -> None:
        super().__init__()
        self.learn(known.known())
        self._told: set[str] = set()
        self.fresh: list[str] = []

    def add(self, value: str) -> None:
        if value not in self._told:
            self._told.add(value)
            self.fresh.append(value)
            super().add(value)


def answer_all(renders: Renders, meter: Meter, connection: Connection, trace: IO[bytes]) -> NoReturn:
    """What the fork does until the run ends, or closes the connection."""
    try:
        gc.freeze()  # nothing of the run's is collected, and closed, here; first, since its finalizers may import
        _forget_imports_of_others()
        _close_but({0, 1, 2, connection.fileno(), trace.fileno()})
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for of_run in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C and a closed terminal are the run's
            signal.signal(of_run, signal.SIG_IGN)
        meter.start()
        mask = _Learning(renders.mask)
        mask.spare(renders.mask.spared)
        if renders.elsewhere is not None:
            renders.elsewhere.go_through(lambda request: ask(connection, FromTypes(request)))
        renders.move(meter, _SecretsOfRun(renders.secrets, connection), mask)
        while True:
            connection.send_bytes(_answer(renders, meter, mask, connection.recv_bytes()))
    except (EOFError, OSError):  # the run has what it wanted
        os._exit(0)
    except Exception as error:  # noqa: BLE001  a bug, which the run reports
        connection.send_bytes(pickle.dumps(_bug(error)))
    finally:
        os._exit(1)


def _forget_imports_of_others() -> None:
    """Forgets modules that other threads of the run were importing: in the fork, nobody frees their locks."""
    locks: dict[str, Any] = vars(importlib._bootstrap)["_module_locks"]
    locks.clear()
    for name, module in list(sys.modules.items()):
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            del sys.modules[name]


def _close_but(kept: Iterable[int]) -> None:
    last = -1
    for one in sorted(kept):
        if one > last + 1:  # of no files at all, it closes all
            os.closerange(last + 1, one)
        last = one
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))


def _answer(renders: Renders, meter: Meter, mask: _Learning, question: bytes) -> bytes:
    asked: RenderingQuestion = pickle.loads(question)  # noqa: S301  the run's own
    reads = Reads()
    meter.begin_host()
    try:
        result = asked.function(renders, asked.facts.unpacked(reads), *asked.arguments)
        answer: Answer = Rendered(result=pickle.dumps(result))
    except Lacking as lacking:
        answer = Needs(groups=lacking.groups)
    except CdconfError as error:
        answer = RenderingFailure(error=Carrier(error))
    except MemoryError:
        answer = RenderingFailure(error=Carrier(meter.without_memory()))
    except Exception as error:  # noqa: BLE001  a bug, which the run reports
        answer = RenderingFailure(error=Carrier(error), trace=traceback.format_exc())
    meter.end_host()
    answer.reads, answer.learned = reads, mask.fresh
    mask.fresh = []
    try:
        return pickle.dumps(answer)
    except Exception as error:  # noqa: BLE001  an error that can't be sent
        return pickle.dumps(_bug(error))


def _bug(error: Exception) -> RenderingFailure:
    return RenderingFailure(error=RuntimeError(f"{type(error).__name__}: {error}"), trace=traceback.format_exc())
