"""A commit's files, read from git's object database without a work tree, in one `git cat-file`.

Names are those that the loader uses, relative to the project: what's behind a link has the name by which it's read.
"""

from __future__ import annotations

import contextlib
import posixpath
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cdconf.errors import CdconfError, UsageError
from cdconf.git_command import git_command
from cdconf.history.worktree import prefix_of
from cdconf.plans.git import check_repository
from cdconf.plans.revision import commit_of
from cdconf.promotion.errors import NotProvable

_TREE, _LINK, _SUBMODULE, _EXECUTABLE = "40000", "120000", "160000", "100755"
_AT_ONCE = 500  # names that are asked for before the answers are read: they fit into a pipe
_LINKS = 40  # that one path may go through, as in the kernel


class TreeEntry(NamedTuple):
    """A member of one of git's trees: its mode, and the id of the object."""

    mode: str
    oid: str

    @property
    def is_tree(self) -> bool:
        """Whether it's a directory."""
        return self.mode == _TREE

    @property
    def digest(self) -> str:
        """`gitBlob:…`; a submodule is a `gitCommit:…`."""
        if self.mode == _SUBMODULE:
            return f"gitCommit:{self.oid}"
        return f"gitBlob:{self.oid}{' executable' if self.mode == _EXECUTABLE else ''}"


class CommitReader:
    """One commit; a context, since git runs while it's read.

    Args:
        root: The project, in a git repository.
        revision: What git knows as a commit.

    Attributes:
        id: The commit's full id.

    Raises:
        NotProvable: There's no repository.
        UsageError: There's no such revision.
    """

    def __init__(self, root: Path, revision: str) -> None:
        self._root = root
        self._trees: dict[str, dict[str, TreeEntry]] = {}
        self._texts: dict[str, bytes] = {}
        self._above: list[str] | None = None
        try:
            self._process = subprocess.Popen(
                git_command(root, "cat-file", "--batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError as error:
            raise NotProvable("git isn't installed", hint="a proof names a commit: install git") from error
        try:
            self.id, self._top, self._project = self._open(revision)
        except BaseException:
            self.close()
            raise

    def _open(self, revision: str) -> tuple[str, TreeEntry, TreeEntry | None]:
        if not revision or "\n" in revision or revision.startswith("-"):
            commit_of(self._root, revision)  # raises
        try:
            commit, top, project = self._objects([f"{revision}^{{commit}}", f"{revision}^{{tree}}", f"{revision}:./"])
        except (CdconfError, OSError):
            try:
                check_repository(self._root, hint="a proof names a commit: put the project into git")
            except UsageError as error:
                raise NotProvable(error.message, hint=error.hint) from error
            raise
        if commit is None or top is None:
            commit_of(self._root, revision)
            raise CdconfError(f"git can't read the revision '{revision}'", hint="try `git fsck`")
        return commit[0], TreeEntry(_TREE, top[0]), TreeEntry(_TREE, project[0]) if project is not None else None

    def __enter__(self) -> CommitReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends git."""
        with contextlib.suppress(BrokenPipeError):  # it may have ended before it read what it was asked
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.stdout.close()  # type: ignore[union-attr]
        self._process.wait()

    def find(self, path: str) -> TreeEntry | None:
        """What's at a path below the project, through links; None for nothing.

        Raises:
            NotProvable: The way there leads out of the repository, or into a submodule.
        """
        return self._find(path.split("/"), path, self._project)

    def below(self, path: str, *, strict: bool = True) -> Iterator[tuple[str, TreeEntry]]:
        """Name and entry of each file at or below a path, in order, through links.

        Args:
            path: Relative to the project.
            strict: Raise for a link whose target isn't in the commit; else the link stands for itself.

        Raises:
            NotProvable: See `find`.
        """
        found = self.find(path)
        if found is None:
            return
        if found.is_tree:
            yield from self._walk(posixpath.normpath(path), found, (found.oid,), strict)
        else:
            yield posixpath.normpath(path), found

    def behind_links(self, path: str, *, strict: bool = True) -> Iterator[tuple[str, TreeEntry]]:
        """Name and entry of what each link at or below a directory leads to, and of the links in what's there.

        Args:
            path: Relative to the project.
            strict: See `below`.

        Raises:
            NotProvable: See `below`: a link's target isn't in the commit.
        """
        found = self.find(path)
        if found is not None and found.is_tree:
            yield from self._links(path, found, (found.oid,), strict)

    def _links(
        self, name: str, tree: TreeEntry, above: tuple[str, ...], strict: bool
    ) -> Iterator[tuple[str, TreeEntry]]:
        members = self._tree(tree.oid)
        self._load([tree_entry.oid for tree_entry in members.values() if tree_entry.is_tree])
        for child, member in sorted(members.items()):
            path, entry = f"{name}/{child}", member
            if member.mode == _LINK:
                entry = self._behind(path, member, strict)
                yield path, entry
            if entry.is_tree and entry.oid not in above:
                yield from self._links(path, entry, (*above, entry.oid), strict)

    def members(self, path: str) -> dict[str, TreeEntry]:
        """What a directory holds, by name; links are themselves. Empty where there's none."""
        found = self.find(path)
        return dict(self._tree(found.oid)) if found is not None and found.is_tree else {}

    def above(self) -> list[str]:
        """The directories from the project's own up to the repository's: `.`, `..`, `../..`."""
        return [".", *("/".join([".."] * (count + 1)) for count in range(len(self._prefix())))]

    def text(self, entry: TreeEntry) -> bytes:
        """A file's content."""
        return self.texts([entry])[0]

    def texts(self, entries: Sequence[TreeEntry]) -> list[bytes]:
        """Files' contents; raises `NotProvable` for a submodule's."""
        if any(entry.mode == _SUBMODULE for entry in entries):
            raise NotProvable("a submodule's files aren't in this repository, so nothing can be proven of them")
        unknown = [entry.oid for entry in entries if entry.oid not in self._texts]
        for oid, found in zip(unknown, self._objects(unknown), strict=True):
            self._texts[oid] = self._there(found, oid)
        return [self._texts[entry.oid] for entry in entries]

    def _walk(
        self, name: str, tree: TreeEntry, above: tuple[str, ...], strict: bool
    ) -> Iterator[tuple[str, TreeEntry]]:
        members = self._tree(tree.oid)
        self._load([tree_entry.oid for tree_entry in members.values() if tree_entry.is_tree])
        for child, member in sorted(members.items()):
            path = child if name == "." else f"{name}/{child}"
            entry = self._behind(path, member, strict) if member.mode == _LINK else member
            if entry.is_tree and entry.oid not in above:
                yield from self._walk(path, entry, (*above, entry.oid), strict)
            elif not entry.is_tree:
                yield path, entry

    def _behind(self, path: str, link: TreeEntry, strict: bool) -> TreeEntry:
        """What a link leads to."""
        try:
            found = self.find(path)
        except NotProvable:
            if strict:
                raise
            return link
        if found is None and strict:
            raise NotProvable(f"{path} is a link to something that isn't in commit {self.id[:10]}")
        return found or link

    def _find(self, parts: list[str], shown: str, base: TreeEntry | None) -> TreeEntry | None:
        """Goes from a directory, the project's or the repository's, component by component."""
        done: list[TreeEntry] = []
        here, links = base, 0
        while parts and here is not None:
            part, *parts = parts
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    return self._from_top(parts, shown, base)
                done.pop()
                here = done[-1] if done else base
                continue
            if here.mode == _SUBMODULE:
                raise NotProvable(f"{shown} lies in a submodule, whose files aren't in this repository")
            here = self._tree(here.oid).get(part) if here.is_tree else None
            if here is not None and here.mode == _LINK:
                links += 1
                parts = [*self._target(here, links, shown), *parts]
                here = done[-1] if done else base
            elif here is not None:
                done.append(here)
        return here

    def _target(self, link: TreeEntry, links: int, shown: str) -> list[str]:
        """Where a link leads, component by component."""
        target = self.text(link).decode("utf-8", "surrogateescape")
        if target.startswith("/"):
            raise NotProvable(f"{shown} leads through a link out of the repository, to {target}")
        if links > _LINKS:
            raise NotProvable(f"{shown} leads through links that go in a circle")
        return target.split("/")

    def _from_top(self, parts: list[str], shown: str, base: TreeEntry | None) -> TreeEntry | None:
        """A link leads out of the project: on from the repository's own directory."""
        above = self._prefix()
        if base == self._top or not above:
            raise NotProvable(f"{shown} leads through a link out of the repository")
        return self._find([*above[:-1], *parts], shown, self._top)

    def _prefix(self) -> list[str]:
        """The project's path below the repository's own directory."""
        if self._above is None:
            self._above = [one for one in prefix_of(self._root).split("/") if one]
        return self._above

    def _tree(self, oid: str) -> dict[str, TreeEntry]:
        self._load([oid])
        return self._trees[oid]

    def _load(self, oids: Sequence[str]) -> None:
        """Reads some trees at once."""
        unknown = [one for one in dict.fromkeys(oids) if one not in self._trees]
        for oid, found in zip(unknown, self._objects(unknown), strict=True):
            self._trees[oid] = _members(self._there(found, oid), len(oid) // 2)

    def _there(self, found: tuple[str, bytes] | None, oid: str) -> bytes:
        if found is None:
            raise CdconfError(f"git can't read the object {oid} of commit {self.id[:10]}", hint="try `git fsck`")
        return found[1]

    def _objects(self, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """Id and content of each object; None for what isn't there."""
        found = []
        for begin in range(0, len(names), _AT_ONCE):
            some = names[begin : begin + _AT_ONCE]
            self._process.stdin.write("".join(f"{one}\n" for one in some).encode("utf-8", "surrogateescape"))  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            found += [self._answer() for _ in some]
        return found

    def _answer(self) -> tuple[str, bytes] | None:
        head = self._process.stdout.readline()  # type: ignore[union-attr]
        if not head.endswith(b"\n"):
            raise CdconfError("git cat-file ended early", hint="try `git fsck`")
        words = head.split()
        if len(words) != 3 or not words[2].isdigit():
            return None
        content = self._process.stdout.read(int(words[2]) + 1)  # type: ignore[union-attr]
        return words[0].decode("ascii"), content[:-1]


def _members(data: bytes, size: int) -> dict[str, TreeEntry]:
    """A tree: for each member `MODE NAME`, a zero byte, the id's bytes."""
    found, place = {}, 0
    while place < len(data):
        end = data.index(b"\0", place)
        mode, _, name = data[place:end].partition(b" ")
        place = end + 1 + size
        found[name.decode("utf-8", "surrogateescape")] = TreeEntry(mode.decode("ascii"), data[end + 1 : place].hex())
    return found
