"""Takes the secrets of a run out of every text that it shows."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import shlex
import threading
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from cdconf.events import Event

SHOWN = "***"
SHORTEST = 4  # shorter values would mask half of everything
_TEXTS = ("message", "error", "diff", "title", "test", "why", "step")  # the fields of events that may quote a host


class Mask:
    """Knows the secret values; calling it with a text gives the text without them. Safe for threads."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """From now on the value, and its usual encodings, are masked; so is each line of a long one."""
        forms = {form for line in (value, *value.splitlines()) for form in _forms(line) if len(form) >= SHORTEST}
        self.learn(forms)

    def known(self) -> frozenset[str]:
        """All that's masked: what another mask can `learn`."""
        return frozenset(self._values)

    def learn(self, forms: AbstractSet[str]) -> None:
        """From now on these are masked, as they are."""
        with self._lock:
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
        return dataclasses.replace(event, **changed) if changed else event


def _forms(value: str) -> set[str]:
    if len(value) < SHORTEST:
        return set()
    encoded = value.encode("utf-8")
    forms = {
        str.__str__(value)[:],
        *_base64_forms(encoded),
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(str.__add__("", value))[1:-1],
        encoded.hex(),
    }
    quoted = shlex.quote(value)
    if quoted != value:
        forms.add(quoted[1:-1])
    return forms


def _base64_forms(encoded: bytes) -> set[str]:
    """What base64 makes of a value alone, and in the midst of others (`user:password` in a header).

    Base64 takes three bytes at a time, so that a value may begin at one of three places; characters that hold bits of
    what stands before or behind it are left out.
    """
    forms = {base64.b64encode(encoded).decode().rstrip("=")}
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + encoded).decode()
        begin, end = -(-offset * 8 // 6), (offset + len(encoded)) * 8 // 6
        forms.add(whole[begin:end])
    return {form for form in forms if len(form) > SHORTEST} | {
        form.replace("+", "-").replace("/", "_") for form in forms if len(form) > SHORTEST
    }
