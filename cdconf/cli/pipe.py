"""Whoever reads our output may have had enough: `cdconf drift production | grep -q web1`."""

from __future__ import annotations

import os


def let_go() -> None:
    """From now on nothing that's written to stdout goes anywhere, and nothing of it fails."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
