"""Writes some paths of a commit into an empty directory.

Contents come from `git cat-file`, so that they're exactly what was committed: no `export-ignore`, no filters, which
would run commands. A commit may come from somebody who isn't trusted yet (a pull request): nothing is written outside
of the directory, and no link leads out of it.
"""

from __future__ import annotations

import posixpath
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cdconf.errors import CdconfError
from cdconf.events import Emit, Notice
from cdconf.git_command import git_command
from cdconf.plans.git import git, succeeds

_LINK, _SUBMODULE, _EXECUTABLE = "120000", "160000", "100755"


@dataclass(frozen=True)
class _TreeEntry:
    mode: str
    oid: str
    path: str


class Tree:
    """One commit's files.

    Args:
        top: The repository's top directory.
        commit: The commit's full id.
    """

    def __init__(self, top: Path, commit: str) -> None:
        self._top = top
        self._commit = commit
        listing = git(top, "ls-tree", "-r", "-z", "--full-tree", commit)
        self._entries = [_entry(one) for one in listing.split(b"\0") if one]

    def write(self, paths: Iterable[str], target: Path, emit: Emit) -> None:
        """Writes files, links and what these lead to.

        Args:
            paths: Files and directories, relative to `top`; those that aren't there don't count.
            target: A directory that is made.
            emit: Gets a `Notice` of each link and submodule that was left out.

        Raises:
            CdconfError: git failed; the commit has paths that no directory can hold.
        """
        target.mkdir(parents=True)
        entries = self._with_targets(list(paths))
        # Links come last: nothing is ever written through one.
        for entry, content in self._contents(
            [tree_entry for tree_entry in entries if tree_entry.mode not in (_LINK, _SUBMODULE)]
        ):
            _write(target / entry.path, content, 0o700 if entry.mode == _EXECUTABLE else 0o600)
        for entry in entries:
            if entry.mode == _SUBMODULE:
                self._submodule(entry, target / entry.path, emit)
        self._links([tree_entry for tree_entry in entries if tree_entry.mode == _LINK], target, emit)

    def _with_targets(self, wanted: list[str]) -> list[_TreeEntry]:
        """The wanted entries, and those that links among them lead to."""
        chosen: dict[str, _TreeEntry] = {}
        links = {tree_entry.path: tree_entry for tree_entry in self._entries if tree_entry.mode == _LINK}
        while wanted:
            more = [
                tree_entry
                for tree_entry in self._entries
                if tree_entry.path not in chosen and _is_wanted(tree_entry, wanted)
            ]
            chosen |= {tree_entry.path: tree_entry for tree_entry in more}
            found = self._contents([links[tree_entry.path] for tree_entry in more if tree_entry.path in links])
            wanted = [_target(entry.path, content) for entry, content in found]
        return list(chosen.values())

    def _contents(self, entries: list[_TreeEntry]) -> Iterator[tuple[_TreeEntry, bytes]]:
        """Each entry's blob, in one `git cat-file`."""
        if not entries:
            return
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{tree_entry.oid}\n" for tree_entry in entries).encode())
            asked.seek(0)
            reading = git_command(self._top, "cat-file", "--batch")
            with subprocess.Popen(reading, stdin=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                for entry in entries:
                    head = process.stdout.readline().split()  # type: ignore[union-attr]
                    if len(head) != 3:
                        raise CdconfError(f"git can't read {entry.path} of {self._commit[:10]}", hint="try `git fsck`")
                    content = process.stdout.read(int(head[2]) + 1)  # type: ignore[union-attr]
                    yield entry, content[:-1]

    def _submodule(self, entry: _TreeEntry, target: Path, emit: Emit) -> None:
        """A submodule's files, where it's checked out here and knows the commit."""
        place = self._top / entry.path
        if (place / ".git").exists() and succeeds(place, "cat-file", "-e", f"{entry.oid}^{{commit}}"):
            inner = Tree(place, entry.oid)
            inner.write(sorted({tree_entry.path.partition("/")[0] for tree_entry in inner._entries}), target, emit)
            return
        target.mkdir(parents=True, exist_ok=True)
        text = f"{entry.path} at {self._commit[:10]} is a submodule whose commit isn't here: its files are left out"
        emit(Notice(text, warning=True))

    def _links(self, entries: list[_TreeEntry], target: Path, emit: Emit) -> None:
        made = []
        for entry, content in self._contents(entries):
            link = target / entry.path
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                link.symlink_to(content.decode("utf-8", "surrogateescape"))
            except (OSError, ValueError) as error:
                raise CdconfError(f"{entry.path} of {self._commit[:10]} can't be read: {error}") from error
            made.append(link)
        # Only now: where a link leads depends on the others.
        outside = [link for link in made if not _stays_within(link, target)]
        for link in outside:
            link.unlink()
            name = link.relative_to(target).as_posix()
            text = f"{name} at {self._commit[:10]} is a link out of the repository: it's left out"
            emit(Notice(text, warning=True))


def _entry(line: bytes) -> _TreeEntry:
    """One record of `git ls-tree -z`: mode, type, id, a tab, the path."""
    head, _, path = line.decode("utf-8", "surrogateescape").partition("\t")
    mode, _, oid = head.split()
    if any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise CdconfError(f"the commit has a path that nobody can check out: {path!r}", hint="try `git fsck`")
    return _TreeEntry(mode, oid, path)


def _is_wanted(entry: _TreeEntry, wanted: list[str]) -> bool:
    """Whether it's one of the paths, lies below one, or leads to one (a link or a submodule above it)."""
    above = f"{entry.path}/" if entry.mode in (_LINK, _SUBMODULE) else None
    return any(
        not one or entry.path == one or entry.path.startswith(f"{one}/") or (above and one.startswith(above))
        for one in wanted
    )


def _target(path: str, content: bytes) -> str:
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), content.decode("utf-8", "surrogateescape")))
    return found if found != "." else ""


def _stays_within(link: Path, target: Path) -> bool:
    try:
        return link.resolve().is_relative_to(target)
    except (OSError, RuntimeError):  # a circle
        return False


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
    except OSError as error:
        raise CdconfError(f"the revision's files can't be written to {path.parent}: {error.strerror}") from error
