"""Takes secrets out of what hosts print while it's shown; what a script reads in a result stays whole."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.secrets import Mask

_HIDDEN = {"out": ("out", "stdout", "both", True), "err": ("err", "stderr", "both", True)}


class Masked:
    """A stream in whose text no secret stands. It comes in pieces, so the end that may begin a secret is held back.

    Args:
        stream: Where the text goes.
        mask: Knows the secrets.
    """

    def __init__(self, stream: IO[str], mask: Mask) -> None:
        self._stream = stream
        self._mask = mask
        self._rest = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Takes a piece in."""
        whole = self._rest + text
        held = self._held(whole)
        self._rest = whole[len(whole) - held :]
        self._stream.write(self._mask(whole[: len(whole) - held]))
        return len(text)

    def _held(self, text: str) -> int:
        """How many characters at the end may be the beginning of a secret."""
        known = self._mask.known()
        for size in range(min(len(text), max(map(len, known), default=1) - 1), 0, -1):
            end = text[-size:]
            if any(len(one) > size and one.startswith(end) for one in known):
                return size
        return 0

    def end(self) -> None:
        """Writes what was held back: nothing follows."""
        self._stream.write(self._mask(self._rest))
        self._rest = ""
        self._stream.flush()


def shown(hide: Any, streams: Mapping[str, IO[str]]) -> dict[str, IO[str]]:
    """Those of the streams that Invoke's option `hide` leaves to be shown.

    Args:
        hide: `out`, `err`, `both`, True, or nothing; Invoke knows more names for these.
        streams: `out` and `err`.
    """
    return {name: stream for name, stream in streams.items() if hide not in _HIDDEN[name]}
