"""The private keys of a run: a file is read and checked once, however many hosts it opens.

Checking an RSA key takes 40 ms of the processor, ten times what all else of a login takes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class PrivateKeys:
    """What was learnt of private keys' files; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, Any] = {}

    def once(self, about: Hashable, learn: Callable[[], T]) -> T:
        """What `learn` returns, which is called once; what it raises isn't kept."""
        with self._lock:
            if about not in self._known:
                self._known[about] = learn()
            known: T = self._known[about]
            return known
