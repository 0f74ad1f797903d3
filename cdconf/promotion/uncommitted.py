"""Whether the work tree is what its commit says, wherever it counts for what hosts become.

Changes of what git knows count anywhere in the project. What git doesn't know counts where cdconf reads it: a template
that was never added, or that .gitignore hides, would be on hosts and in no commit.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from cdconf.history.worktree import prefix_of
from cdconf.plans.git import command
from cdconf.promotion.errors import NotProvable

SHOWN = 5
# Files and directories that cdconf reads; a directory of which git tells only the name may hold one of them.
_READ = re.compile(
    r"(cdconf\.yml|[^/]*\.py|roles(/[^/]+(/role\.yml|/(templates|files|smoke|conftest\.py)(/.*)?)?)?"
    r"|(templates|files|resources|roles/conftest\.py)(/.*)?)/?"
)
_VARIABLES = re.compile(r"inventories(/.*)?")
_COMPILED = re.compile(r"(.*/)?__pycache__/.*|.*\.pyc")
_OPTIONS = ["--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=normal", "--ignored=matching"]


class Uncommitted:
    """Asks git, while other things go on; a context.

    Args:
        root: The project.
    """

    def __init__(self, root: Path) -> None:
        self._prefix = prefix_of(root)
        try:
            self._process = subprocess.Popen(
                command(root, "status", *_OPTIONS, "--ignore-submodules=none", "--", "."),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError as error:
            raise NotProvable("git isn't installed", hint="a proof names a commit: install git") from error

    def __enter__(self) -> Uncommitted:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdout.close()  # type: ignore[union-attr]
        self._process.wait()

    def check(self, commit: str) -> None:
        """Compares, if the work tree is at that commit.

        Args:
            commit: A commit's full id.

        Raises:
            NotProvable: Something isn't as the commit says; the message names the files.
        """
        output = self._process.stdout.read()  # type: ignore[union-attr]
        if self._process.wait() != 0:
            raise NotProvable("git can't tell what's uncommitted here", hint="see `git status`")
        records = [os.fsdecode(one) for one in output.split(b"\0") if one]
        if f"# branch.oid {commit}" not in records:
            return
        found = [one for record in records if (one := self._counted(record)) is not None]
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            text = f"this run can't prove anything: not as commit {commit[:10]} says: {', '.join(found[:SHOWN])}{more}"
            raise NotProvable(text, hint="commit them, or take them away, and begin again")

    def _counted(self, record: str) -> str | None:
        """What a record of git's says, for people; None when it doesn't count."""
        kind, _, rest = record.partition(" ")
        if kind in ("1", "2", "u"):
            path = rest.split(" ", {"1": 7, "2": 8, "u": 9}[kind])[-1]
            return path.removeprefix(self._prefix)
        path = rest.removeprefix(self._prefix)
        if kind not in ("?", "!") or _COMPILED.fullmatch(path):
            return None
        if kind == "?" and (_READ.fullmatch(path) or _VARIABLES.fullmatch(path)):
            return f"{path} (not in git)"
        return f"{path} (ignored by git)" if kind == "!" and _READ.fullmatch(path) else None
