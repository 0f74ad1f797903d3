"""Takes the secrets of a run out of every text that it shows."""

from __future__ import annotations

import base64
import json
import re
import shlex
import threading
from urllib.parse import quote, quote_plus

SHOWN = "***"
SHORTEST = 4  # shorter values would mask half of everything


class Mask:
    """Knows the secret values; calling it with a text gives the text without them. Safe for threads."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """From now on the value, and its usual encodings, are masked; so is each line of a long one."""
        forms = {form for line in (value, *value.splitlines()) for form in _forms(line) if len(form) >= SHORTEST}
        with self._lock:
            if forms <= self._values:
                return
            self._values |= forms
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(SHOWN, text) if self._pattern else text


def _forms(value: str) -> set[str]:
    if len(value) < SHORTEST:
        return set()
    encoded = value.encode("utf-8")
    forms = {
        str.__str__(value)[:],
        base64.b64encode(encoded).decode().rstrip("="),
        base64.urlsafe_b64encode(encoded).decode().rstrip("="),
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        repr(str.__add__("", value))[1:-1],
        encoded.hex(),
    }
    quoted = shlex.quote(value)
    if quoted != value:
        forms.add(quoted[1:-1])
    return forms
