"""What the last look for drift came to, of each kind of look: .cdconf/drift/ENV.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cdconf.atomic import write_private
from cdconf.errors import CdconfError
from cdconf.own_files import parsed, read_bytes

FOLDER = "drift"
KEPT = 20  # kinds of looks
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class RememberedLook:
    """Of one kind of look.

    Attributes:
        said: The signature of what was told last; "" where nothing was.
        last_success: When a look last got through on all hosts, in seconds since 1970.
    """

    said: str = ""
    last_success: float | None = None


class LookMemory:
    """Of an environment's looks with the same hosts, roles and comparison: they alone can be compared.

    Args:
        data: The project's `.cdconf/`.
        environment: The environment's name.
        kind: What tells this kind of look from others: `--limit` and the like.
    """

    def __init__(self, data: Path, environment: str, kind: Sequence[object]) -> None:
        self._path = data / FOLDER / f"{environment}.json"
        self._key = hashlib.sha256(json.dumps(list(kind), default=list).encode()).hexdigest()[:16]

    def load(self) -> RememberedLook:
        """What's remembered; what can't be read counts as nothing, so that it's told once more."""
        about = self._all().get(self._key)
        if about is None:
            return RememberedLook()
        said, last = about.get("said"), about.get("last_success")
        return RememberedLook(said if isinstance(said, str) else "", last if isinstance(last, (int, float)) else None)

    def save(self, remembered: RememberedLook) -> None:
        """Writes it down.

        Raises:
            CdconfError: It can't be written, so that the same would be told again and again.
        """
        looks = {key: about for key, about in self._all().items() if key != self._key}
        looks = dict([*looks.items(), (self._key, asdict(remembered))][-KEPT:])
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path, json.dumps({"version": 1, "looks": looks}, indent=1) + "\n")
        except OSError as error:
            raise CdconfError(f"{self._path} can't be written: {error.strerror}") from error

    def _all(self) -> dict[str, dict[str, object]]:
        try:
            looks = parsed(read_bytes(self._path, _LARGEST))["looks"]
            return {key: about for key, about in looks.items() if isinstance(about, dict)}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}
