"""The throw-away copies that stages make: what they're called, and which of them a dead run has left.

.cdconf/pipeline/copies/NAME    holds the id of the commit whose run makes the copy; it's there before the copy is, and
                                goes after it
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.own_files import read_text
from cdconf.pipeline import commit_lock

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.inventory.pipeline import Stage

FOLDER = f"{commit_lock.FOLDER}/{commit_lock.COPIES}"
_LONGEST = 30  # characters of a stage's name that a copy's has


def copy_name(stage: Stage, commit: str) -> str:
    """The copy's name, the same for each run of a commit: what one has left, the next one finds."""
    name = "".join(one if one.isascii() and one.isalnum() else "-" for one in stage.name.lower())[:_LONGEST].strip("-")
    short = hashlib.sha256(stage.name.encode()).hexdigest()[:4]
    return f"{name}-{short}-{commit[:10]}"


def note(home: Project, name: str, commit: str) -> None:
    """Writes down that a copy is about to be made."""
    folder = home.data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / name).write_text(commit, encoding="utf-8")


def forget(home: Project, name: str) -> None:
    """The copy has gone, or is kept until its time is over."""
    (home.data / FOLDER / name).unlink(missing_ok=True)


def left_over(home: Project, own: str) -> Iterator[str]:
    """The copies whose runs are dead.

    Args:
        home: The project in the directory that people work in.
        own: The commit of this run, which nobody else works on.
    """
    folder = home.data / FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        commit = _read(path)
        if commit == own or not commit_lock.is_held(home, commit):
            yield path.name


def _read(path: Path) -> str:
    try:
        return read_text(path).strip()
    except (OSError, ValueError):
        return ""
