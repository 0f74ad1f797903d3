"""How a browser comes in: a link that opens once, and a cookie that this start alone can sign."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

LASTS = 7 * 24 * 3600  # seconds for which a cookie counts, unless the server ends before
_LONGEST = 200  # characters of a cookie


class Door:
    """Lets browsers in.

    Its key is made at the start and never leaves the memory: after another start all cookies are worth nothing.

    Args:
        port: Where it listens: cookies of one name are shared by all ports of a machine.
        is_tls: Whether the cookie is for TLS alone.
        opened: Told the next link's word whenever one was used.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        port: int,
        *,
        is_tls: bool = False,
        opened: Callable[[str], None] = lambda word: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._word = secrets.token_urlsafe(32)
        self._opened, self._now = opened, now
        self.is_tls = is_tls
        self.cookie = f"{'__Host-' if is_tls else ''}cdconf-{port}"

    @property
    def word(self) -> str:
        """The word of the link that opens next."""
        return self._word

    def open(self, word: str) -> str | None:
        """A cookie for the link's word, which is worth nothing from then on; None for any other word."""
        with self._lock:
            if not hmac.compare_digest(word.encode(), self._word.encode()):
                return None
            self._word = fresh = secrets.token_urlsafe(32)
        self._opened(fresh)
        said = f"{int(self._now()) + LASTS}.{secrets.token_hex(8)}"
        return f"{said}.{self._signed(said)}"

    def knows(self, cookie: str | None) -> bool:
        """Whether this start has signed the cookie, and its time isn't over."""
        if cookie is None or len(cookie) > _LONGEST or not cookie.isascii():
            return False
        said, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(self._signed(said), signature):
            return False
        return int(said.partition(".")[0]) > self._now()

    def _signed(self, said: str) -> str:
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()
