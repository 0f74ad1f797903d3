"""Answers that take long are kept: a page waits for a newer one only shortly, gets the last one, and is told later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_MOST = 200  # answers that are kept
PATIENCE = 0.1  # seconds for which a page waits for newer answers, all of them together


@dataclass
class KeptAnswer:
    """An answer: what it was made of, when, and why it couldn't be made."""

    version: object
    at: float
    value: Any = None
    error: Exception | None = None


@dataclass
class _Making:
    """An answer that's being made; `is_awaited` by a page that has gone without it."""

    done: threading.Event = field(default_factory=threading.Event)
    is_awaited: bool = False


@dataclass
class AnswerCache:
    """Keeps answers.

    Attributes:
        version: What an answer is made of; another one is made when it's another.
        now: Seconds, on a clock that only goes forward.
        late: How many answers were made after pages had gone without them.
    """

    version: Callable[[], object]
    now: Callable[[], float] = time.monotonic
    late: int = 0
    _due: float | None = None
    _answers: dict[str, KeptAnswer] = field(default_factory=dict)
    _making: dict[str, _Making] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _page: threading.local = field(default_factory=threading.local)

    def begin(self) -> None:
        """A page begins in this thread: it waits so long for newer answers, however many it asks for."""
        self._page.until = self.now() + PATIENCE

    def patience(self) -> float:
        """For how many seconds this thread's page still waits."""
        until = getattr(self._page, "until", None)
        return PATIENCE if until is None else max(0.0, until - self.now())

    def get(self, name: str, make: Callable[[], Any], lasts: float = 60.0, young: float = 1.0) -> Any:
        """The answer by that name; only the first one is waited for as long as it takes.

        Args:
            name: Its name.
            make: Makes it, in a thread of its own.
            lasts: Seconds after which it's made anew, whatever it was made of.
            young: Seconds before which it isn't, whatever has changed.

        Raises:
            Exception: What `make` raised.
        """
        version, now = self.version(), self.now()
        with self._lock:
            found = self._answers.get(name)
            age = now - found.at if found is not None else 0.0
            is_new = found is not None and age <= lasts and (found.version == version or age <= young)
            if is_new and found is not None and found.version != version:
                self._due = min(self._due or now + young, found.at + young)
            making = None if is_new else self._making.get(name)
            if not is_new and making is None:
                making = self._making[name] = _Making()
                threading.Thread(target=self._make, args=(name, make, version, making), daemon=True).start()
        if making is not None:
            in_time = making.done.wait(None if found is None else self.patience())
            with self._lock:
                found = self._answers.get(name, found)
                making.is_awaited |= not in_time
        if found is None:
            raise RuntimeError(f"{name} was made and thrown away at once")
        if found.error is not None:
            raise found.error
        return found.value

    def is_due(self) -> bool:
        """Whether an answer that was too young to be made anew may be by now; said once."""
        with self._lock:
            is_over = self._due is not None and self.now() > self._due
            self._due = None if is_over else self._due
            return is_over

    def _make(self, name: str, make: Callable[[], Any], version: object, making: _Making) -> None:
        try:
            answer = KeptAnswer(version, self.now(), make())
        except Exception as error:  # noqa: BLE001  the page that asks gets it
            answer = KeptAnswer(version, self.now(), error=error)
        with self._lock:
            del self._making[name]
            self._answers.pop(name, None)
            self._answers[name] = answer
            while len(self._answers) > _MOST:
                self._answers.pop(next(iter(self._answers)))
            self.late += making.is_awaited
            making.done.set()
