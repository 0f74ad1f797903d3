"""What a host says itself, asked with the key that can only look: behind pages, one host at a time, and seldom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, Unreachable

if TYPE_CHECKING:
    from cdconf.inventory import Host

LASTS = 30.0  # seconds for which an answer counts
OPEN = 3  # times as long, a page counts as open
_MOST = 500
Answer = dict[str, Any]


class Looks:
    """Answers of hosts.

    Args:
        ask: Asks one host with a key, and gets what it said last; raises `CdconfError` when it doesn't answer.
        changed: Called when an answer has come.
    """

    def __init__(
        self, ask: Callable[[str, Host, Path, Answer], dict[str, Any]], changed: Callable[[], None] = lambda: None
    ) -> None:
        self._ask, self._changed = ask, changed
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._busy: set[tuple[str, str]] = set()
        self._wanted: dict[tuple[str, str], tuple[float, Host, Path]] = {}
        self._one = threading.Semaphore(4)

    def of(self, environment: str, host: Host, key: Path) -> dict[str, Any]:
        """The last answer, for a page; another one is asked for behind the page when that's old."""
        name = (environment, host.name)
        with self._lock:
            self._wanted[name] = (time.time(), host, key)
            found = self._answers.get(name)
            self._ask_if_old(name)
        return {"asked": True, "answer": found}

    def go_on(self) -> None:
        """Asks hosts again whose pages are open: each answer has open pages ask for themselves again."""
        with self._lock:
            for name, (at, _, _) in list(self._wanted.items()):
                if time.time() - at > OPEN * LASTS:
                    del self._wanted[name]
                else:
                    self._ask_if_old(name)

    def _ask_if_old(self, name: tuple[str, str]) -> None:
        _, host, key = self._wanted[name]
        found = self._answers.get(name)
        is_old = found is None or time.time() - found["at"] > LASTS
        if is_old and name not in self._busy and len(self._busy) < _MOST:
            self._busy.add(name)
            threading.Thread(target=self._look, args=(name[0], host, key), daemon=True).start()

    def _look(self, environment: str, host: Host, key: Path) -> None:
        name = (environment, host.name)
        try:
            with self._one:
                answer = self._answer(environment, host, key)
        except BaseException:
            with self._lock:
                self._busy.discard(name)  # a later page tries again
            raise
        with self._lock:
            self._busy.discard(name)
            self._answers.pop(name, None)
            self._answers[name] = answer
            while len(self._answers) > _MOST:
                self._answers.pop(next(iter(self._answers)))
        self._changed()

    def _answer(self, environment: str, host: Host, key: Path) -> dict[str, Any]:
        before, began = self._answers.get((environment, host.name)) or {}, time.time()
        try:
            said = self._ask(environment, host, key, before.get("said") or {})
        except Exception as error:  # noqa: BLE001 - without an answer, each page would ask the host once more
            state = "silent" if isinstance(error, (Unreachable, OSError)) else "unknown"
            since = before.get("since") or began
            why = error.message if isinstance(error, CdconfError) else f"{type(error).__name__}: {error}"
            known = {one: before.get(one) for one in ("said", "said_at")}  # the last that it said
            return {"state": state, "at": time.time(), "since": since, "why": why, **known}
        return {"state": "ok", "at": time.time(), "since": None, "said_at": began, "said": said}
