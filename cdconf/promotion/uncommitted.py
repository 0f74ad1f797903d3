"""Whether the work tree is what its commit says, wherever it counts for what hosts become.

Changes of what git knows count anywhere in the project. What git doesn't know counts where cdconf reads it: a template
that was never added, or that .gitignore hides, would be on hosts and in no commit.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.git_command import git_command
from cdconf.history.worktree import prefix_of
from cdconf.promotion.errors import NotProvable

if TYPE_CHECKING:
    from cdconf.promotion.commit import CommitReader

SHOWN = 5
# Files and directories that cdconf reads; a directory of which git tells only the name may hold one of them.
_READ = re.compile(
    r"(cdconf\.yml|[^/]*\.py|roles(/[^/]+(/role\.yml|/(templates|files|smoke|conftest\.py)(/.*)?)?)?"
    r"|(templates|files|resources|roles/conftest\.py)(/.*)?)/?"
)
_FOLDERS = ("cdconf.yml", "roles", "templates", "files", "resources", "inventories", ":(glob)*.py")
_READ_WHOLE = ("roles", "templates", "files", "resources")
_VARIABLES = re.compile(r"inventories(/.*)?")
_COMPILED = re.compile(r"(.*/)?__pycache__/.*|.*\.pyc")
_OPTIONS = ["--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=normal", "--ignored=matching"]


class Uncommitted:
    """Asks git, while other things go on; a context.

    Args:
        root: The project.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = prefix_of(root)
        self._process = _begun(root, "status", *_OPTIONS, "--ignore-submodules=none", "--", ".")
        self._overlooked = _begun(root, "ls-files", "-v", "-z", "--", *_FOLDERS)
        self._replaced = _begun(root, "for-each-ref", "--count=1", "--format=%(refname:lstrip=2)%00", "refs/replace/")

    def __enter__(self) -> Uncommitted:
        return self

    def __exit__(self, *error: object) -> None:
        for process in (self._process, self._overlooked, self._replaced):
            process.stdout.close()  # type: ignore[union-attr]
            process.wait()

    def check(self, commit: CommitReader) -> None:
        """Compares, if the work tree is at that commit.

        Args:
            commit: The commit.

        Raises:
            NotProvable: Something isn't as the commit says; the message names the files.
        """
        records, listed, replaced = map(_records, (self._process, self._overlooked, self._replaced))
        for oid in (record.strip() for record in replaced):
            text = f"git shows another object in place of {oid[:10]} here, so people don't see what commits have"
            raise NotProvable(text, hint=f"`git replace -d {oid}` takes it away; `git replace --list` shows all")
        if f"# branch.oid {commit.id}" not in records:
            return
        found = [one for record in records if (one := self._counted(record)) is not None]
        found += [f"{one[2:]} (git is told to overlook changes)" for one in listed if self._is_overlooked(one)]
        found += [f"{link} (not in git, behind a link)" for link in _unknown_behind_links(self._root, commit)]
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            text = (
                f"this run can't prove anything: not as commit {commit.id[:10]} says: {', '.join(found[:SHOWN])}{more}"
            )
            raise NotProvable(text, hint="commit them, or take them away, and begin again")

    def _is_overlooked(self, record: str) -> bool:
        """`h` marks a file that's assumed to be unchanged, `S` one that needn't be there, and may be all the same."""
        mark, path = record[0], record[2:]
        return mark.islower() or (mark == "S" and (self._root / path).exists())

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


def _unknown_behind_links(root: Path, commit: CommitReader) -> Iterator[str]:
    """Files that no commit has, in directories to which links lead from where cdconf reads."""
    behind = [link for folder in _READ_WHOLE for link in commit.behind_links(folder, strict=False)]
    for path in (path for path, entry in behind if entry.is_tree):
        for above, _, names in os.walk(root / path):
            for name in names:
                shown = f"{Path(above).relative_to(root).as_posix()}/{name}"
                if not _COMPILED.fullmatch(shown) and not _has(commit, shown):
                    yield shown


def _has(commit: CommitReader, path: str) -> bool:
    """Whether a commit has a file, or a link that isn't followed."""
    folder, _, name = path.rpartition("/")
    return name in commit.members(folder)


def _begun(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            git_command(root, *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise NotProvable("git isn't installed", hint="a proof names a commit: install git") from error


def _records(process: subprocess.Popen[bytes]) -> list[str]:
    output, _ = process.communicate()
    if process.returncode != 0:
        raise NotProvable("git can't tell what's uncommitted here", hint="see `git status`")
    return [os.fsdecode(one) for one in output.split(b"\0") if one.strip()]
