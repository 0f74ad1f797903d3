"""Answers that take long are kept: a page gets the last one at once, and a newer one is looked for behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_MOST = 200  # answers that are kept


@dataclass
class Answer:
    """An answer: what it was made of, when, and why it couldn't be made."""

    version: object
    at: float
    value: Any = None
    error: Exception | None = None


@dataclass
class Kept:
    """Keeps answers.

    Attributes:
        version: What an answer is made of; another one is looked for when it's another.
        now: Seconds, on a clock that only goes forward.
    """

    version: Callable[[], object]
    now: Callable[[], float] = time.monotonic
    _answers: dict[str, Answer] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str, make: Callable[[], Any], lasts: float = 60.0, young: float = 1.0) -> Any:
        """The answer by that name; only the first one is waited for.

        Args:
            name: Its name.
            make: Makes it, in a thread of its own once there's one already.
            lasts: Seconds after which it's made anew, whatever it was made of.
            young: Seconds before which it isn't, whatever has changed.

        Raises:
            Exception: What `make` raised.
        """
        version, now = self.version(), self.now()
        with self._lock:
            found = self._answers.get(name)
            age = now - found.at if found is not None else 0.0
            is_old = found is not None and (age > lasts or (found.version != version and age > young))
            begins = is_old and name not in self._busy
            if begins:
                self._busy.add(name)
        if found is None:
            found = self._make(name, make, version)
        elif begins:
            threading.Thread(target=self._renew, args=(name, make, version), daemon=True).start()
        if found.error is not None:
            raise found.error
        return found.value

    def _renew(self, name: str, make: Callable[[], Any], version: object) -> None:
        try:
            self._make(name, make, version)
        finally:
            with self._lock:
                self._busy.discard(name)

    def _make(self, name: str, make: Callable[[], Any], version: object) -> Answer:
        try:
            found = Answer(version, self.now(), make())
        except Exception as error:  # noqa: BLE001  the page that asks gets it
            found = Answer(version, self.now(), error=error)
        with self._lock:
            self._answers.pop(name, None)
            self._answers[name] = found
            while len(self._answers) > _MOST:
                self._answers.pop(next(iter(self._answers)))
        return found
