"""The document that a run leaves for the pipeline that has started it, so that nobody has to read its output."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.errors import CdconfError
    from cdconf.events import RunResult

RESULT = "CDCONF_RESULT"  # the file in which a pipeline that has started this run finds how it ended


def leave(result: RunResult, run: str | None, error: CdconfError | None, mask: Callable[[str], str]) -> None:
    """Writes the document, if a pipeline has asked for it.

    Args:
        result: How the run ended.
        run: The id by which hosts know the run.
        error: What ended it.
        mask: Takes secrets out of a text.
    """
    place = os.environ.get(RESULT)
    if not place:
        return
    from cdconf.render.jsonout import document, masked

    found = document(result) | {"run": run, "verdict": getattr(error, "verdict", None)}
    found |= {"detail": error.detail if error is not None else None}
    with contextlib.suppress(OSError):  # it's told by the exit code, too
        Path(place).write_text(json.dumps(masked(found, mask)), encoding="utf-8")
