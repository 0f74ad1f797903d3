"""What a run told while it went on: a file each, of JSON lines, which `history show RUN` replays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = "told"
SUFFIX = ".jsonl"
LARGEST = 2 * 1024 * 1024  # bytes that are read of a file


def read_events(data: Path, identifier: str) -> list[dict[str, Any]]:
    """The events of a run that has ended; none where nothing was written down, or it's gone.

    Args:
        data: The project's `.cdconf/`.
        identifier: The run's row.
    """
    if "/" in identifier or identifier.startswith("."):
        return []
    try:
        with (data / FOLDER / f"{identifier}{SUFFIX}").open("rb") as stream:
            text = stream.read(LARGEST)
    except (OSError, ValueError):
        return []
    return [one for line in text.splitlines() if (one := _event(line)) is not None]


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("event"), str) else None
