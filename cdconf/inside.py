"""Which files a project may name: those of the git work tree that it's in; where there's none, its own.

A project's files may come from somebody who isn't trusted yet (a pull request), and links stand in git like any file.
What they lead to would be read as whoever runs cdconf, and shown or sent to hosts: a private key, say. `.git` and
`.cdconf` hold credentials, and aren't content either.
"""

from __future__ import annotations

import os
from pathlib import Path

from cdconf.errors import InvalidFile

MARK = ".cdconf-tree"  # at the top of a commit's files that were written elsewhere
LENT = "cdconf-lent"  # in .git of a checkout that cdconf has made: whose .cdconf it works with
_PRIVATE = (".git", ".cdconf")
_THROWN_AWAY = (".cdconf", "throwaway")  # holds files of environments


def top_of(root: Path) -> tuple[Path, str]:
    """The directory that a project's content lies in, resolved, and what it's called.

    Args:
        root: The project.
    """
    real = Path(os.path.realpath(root))
    for folder in (real, *real.parents):
        if os.path.lexists(folder / ".git") or os.path.lexists(folder / MARK):
            return folder, "the git work tree"
    return real, "the project"


def leads_outside(path: Path, root: Path) -> str | None:
    """Why a path isn't content of the project, for people; None where it is, or where there's nothing.

    Args:
        path: As it's named, links and all.
        root: The project.
    """
    top, called = top_of(root)
    real, base = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    thrown_away = _is_below(path, root / "/".join(_THROWN_AWAY))
    lent = _lent(top) if thrown_away else None
    if lent is not None and real.is_relative_to(lent / _THROWN_AWAY[1]):
        return None
    if not real.is_relative_to(top):
        return f"it leads out of {called}, to {real}"
    parts = real.relative_to(base if real.is_relative_to(base) else top).parts
    private = next((part for part in parts if part in _PRIVATE), None)
    if private is None or (parts[:2] == _THROWN_AWAY and thrown_away):
        return None
    return f"it leads into {private}, which holds no files of the project"


def check_inside(path: Path, root: Path, shown: str) -> None:
    """Refuses a path that isn't content of the project.

    Args:
        path: As it's named.
        root: The project.
        shown: What the error calls it.

    Raises:
        InvalidFile: It leads elsewhere.
    """
    reason = leads_outside(path, root)
    if reason is not None:
        hint = "put the file itself there: links to what isn't in the repository are never followed"
        raise InvalidFile(f"can't read this file: {reason}", file=shown, line=1, hint=hint)


def lend(repository: Path, data: Path) -> None:
    """Says that a checkout works with the `.cdconf` of another directory; no commit can, since it can't write there."""
    (repository / ".git" / LENT).write_text(os.path.realpath(data), encoding="utf-8")


def _lent(top: Path) -> Path | None:
    try:
        return Path((top / ".git" / LENT).read_text(encoding="utf-8"))
    except OSError:
        return None


def _is_below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and ".." not in path.parts
