"""git refuses directories that belong to another user: what that's called, and what helps."""

from __future__ import annotations

import shlex
from pathlib import Path

_SETTING = "safe.directory"  # git names it in the refusal, in every language


def distrust(root: Path, said: str) -> tuple[str, str] | None:
    """A message and a hint when git doesn't trust a directory; None when that isn't what it said on stderr."""
    if _SETTING not in said:
        return None
    message = f"git doesn't trust {root}, since it belongs to another user"
    return message, f"git config --global --add {_SETTING} {shlex.quote(str(root))}"
