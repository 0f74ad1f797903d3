"""What a host says itself, asked with the key that can only look: behind pages, one host at a time, and seldom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError
from cdconf.web.reading.project import elsewhere

if TYPE_CHECKING:
    from cdconf.inventory import Host
    from cdconf.web.reading.sources import Sources

LASTS = 30.0  # seconds for which an answer counts
_MOST = 500


class Looks:
    """Answers of hosts.

    Args:
        ask: Asks one host with a key; raises `CdconfError` when it doesn't answer.
        changed: Called when an answer has come.
    """

    def __init__(
        self, ask: Callable[[str, Host, Path], dict[str, Any]], changed: Callable[[], None] = lambda: None
    ) -> None:
        self._ask, self._changed = ask, changed
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._busy: set[tuple[str, str]] = set()
        self._one = threading.Semaphore(4)

    def of(self, environment: str, host: Host, key: Path) -> dict[str, Any]:
        """The last answer; another one is asked for behind the page when that's old."""
        name = (environment, host.name)
        with self._lock:
            found = self._answers.get(name)
            is_old = found is None or time.time() - found["at"] > LASTS
            if is_old and name not in self._busy and len(self._busy) < _MOST:
                self._busy.add(name)
                threading.Thread(target=self._look, args=(environment, host, key), daemon=True).start()
        return {"asked": True, "answer": found}

    def _look(self, environment: str, host: Host, key: Path) -> None:
        name = (environment, host.name)
        began = time.time()
        try:
            with self._one:
                answer = {"state": "ok", "at": time.time(), "silent_since": None, **self._ask(environment, host, key)}
        except (CdconfError, OSError) as error:
            before = self._answers.get(name) or {}
            since = before.get("silent_since") or began
            why = error.message if isinstance(error, CdconfError) else str(error)
            answer = {"state": "silent", "at": time.time(), "silent_since": since, "why": why}
        with self._lock:
            self._busy.discard(name)
            self._answers.pop(name, None)
            self._answers[name] = answer
            while len(self._answers) > _MOST:
                self._answers.pop(next(iter(self._answers)))
        self._changed()


def asking(sources: Sources, folder: Path) -> Callable[[str, Host, Path], dict[str, Any]]:
    """Asks a host's look-only agent over SSH what it says of its apps' releases.

    Args:
        sources: The project and its environments.
        folder: The dashboard's own directory, which gets what the project's `.cdconf/` would.
    """

    def ask(name: str, host: Host, key: Path) -> dict[str, Any]:
        from cdconf.environments import provider_for
        from cdconf.session import Connector

        project, environment = elsewhere(sources.project, folder), sources.environment(name)
        located = provider_for(sources.project, environment).locate([host]).get(host.name)
        if located is None:
            raise CdconfError(f"{host.name} isn't there")
        session = Connector(project, environment, sources.emit, look_key=key).connect(located, lambda text: None)
        try:
            apps = {one.name: session.app_status(one.document()) for one in project.apps_on(host)}
        finally:
            session.close()
        return {"apps": {app: _release(page) for app, page in apps.items()}}

    return ask


def _release(page: Any) -> dict[str, Any]:
    names = ("linked", "problem", "reverts_in_s")
    about = {name: page.get(name) for name in names}
    activating = page.get("activating") or {}
    pinned = [one.get("version") for one in (page.get("pinned") or {}).values()]
    verified = bool(page.get("linked")) and page["verified"][-1:] == [page["linked"]]
    return about | {"verified": verified, "pinned": [one for one in pinned if one], "activating": activating.get("to")}
