"""Takes the secrets of a run out of every text that it shows."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from cdconf.secrets.forms import SHORTEST, forms_of

if TYPE_CHECKING:
    from cdconf.events import Event

SHOWN = "***"
__all__ = ["SHORTEST", "SHOWN", "Mask"]
_TEXTS = ("message", "error", "diff", "title", "test", "why", "step")  # the fields of events that may quote a host


class Mask:
    """Knows the secret values; calling it with a text gives the text without them. Safe for threads."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._spared: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """From now on the value, and the forms in which it turns up, are masked; so is each line of a long one."""
        if value not in self._spared:
            self.learn(forms_of(value))

    def spare(self, words: Collection[str]) -> None:
        """These words are never masked: nobody could read anything without them. See `cdconf.secrets.unmaskable`."""
        self._spared |= frozenset(words)

    @property
    def spared(self) -> frozenset[str]:
        """The words that are never masked."""
        return self._spared

    def known(self) -> frozenset[str]:
        """All that's masked: what another mask can `learn`."""
        return frozenset(self._values)

    @property
    def is_empty(self) -> bool:
        """Whether there's nothing to mask."""
        return self._pattern is None

    def learn(self, forms: AbstractSet[str]) -> None:
        """From now on these are masked, as they are."""
        with self._lock:
            forms = forms - self._spared
            if forms <= self._values:
                return
            self._values |= forms
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(SHOWN, text) if self._pattern else text

    def event(self, event: Event) -> Event:
        """The same event with its texts masked."""
        if self._pattern is None:
            return event
        texts = {name: getattr(event, name, None) for name in _TEXTS}
        changed: dict[str, Any] = {name: self(text) for name, text in texts.items() if isinstance(text, str)}
        if evidence := getattr(event, "evidence", None):
            changed["evidence"] = tuple(self(sentence) for sentence in evidence)
        return dataclasses.replace(event, **changed) if changed else event
