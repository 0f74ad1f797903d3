"""Throw-away environments at a revision: they're in no commit, and follow whatever their originals are there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from cdconf.inventory.folders import THROWN_AWAY, is_throwaway

if TYPE_CHECKING:
    from pathlib import Path


def lend_throwaway(checkout: Path, root: Path, name: str) -> None:
    """Puts the definition of a throw-away environment beside a revision's files; does nothing where there's none."""
    if root != checkout and is_throwaway(checkout, name):
        shutil.copytree(checkout / THROWN_AWAY / name, root / THROWN_AWAY / name)
