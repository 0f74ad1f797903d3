"""What a run was made of: whether the checkout had changes that no commit has, and in which files."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cdconf.git_command import git_command
from cdconf.no_code import is_refused

KEPT = 100  # files that are named


@dataclass(frozen=True)
class Changes:
    """What git says of the project's directory: whether it's changed, and the files, relative to the project."""

    dirty: bool
    files: tuple[str, ...]


class WorkTree:
    """Asks git, when a run begins, while the run goes on: what was changed later was no part of it.

    Args:
        root: The project.
    """

    def __init__(self, root: Path) -> None:
        self._known: Changes | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._prefix = prefix_of(root)
        # Of a directory that git doesn't know, only its own name is told.
        options = ["--porcelain", "-z", "--untracked-files=normal", "--no-renames", "."]
        if is_refused():  # .gitattributes would say by which programs git reads the files
            return
        with contextlib.suppress(OSError):  # no git here, and a run needs none
            self._process = subprocess.Popen(
                git_command(root, "status", *options),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def changes(self) -> Changes | None:
        """What git says; None outside of git, or where it says nothing."""
        if self._process is not None:
            output, _ = self._process.communicate()
            if self._process.returncode == 0:
                names = (os.fsdecode(entry[3:]) for entry in output.split(b"\0") if len(entry) > 3)
                files = tuple(sorted(name.removeprefix(self._prefix) or "." for name in names))
                self._known = Changes(bool(files), files)
            self._process = None
        return self._known

    def close(self) -> None:
        """Waits for git, whatever it says."""
        self.changes()


def prefix_of(root: Path) -> str:
    """What git's names begin with, since it counts from the repository's own directory."""
    top = next((path for path in (root, *root.parents) if (path / ".git").exists()), root)
    return "" if top == root else f"{root.relative_to(top).as_posix()}/"
