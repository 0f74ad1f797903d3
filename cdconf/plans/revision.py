"""A git revision's project files, read into a private directory; neither the work tree nor the index is touched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdconf.errors import UsageError, did_you_mean
from cdconf.events import Emit
from cdconf.inside import MARK
from cdconf.plans.git import check_repository, git, succeeds
from cdconf.plans.tree import Tree
from cdconf.scratch import scratch

WORK_TREE = "."
# All that catalogs are made of.
_NEEDED = ("cdconf.yml", "inventories", "roles", "templates", "files", "resources")


@dataclass(frozen=True)
class Revision:
    """One state of the project's files.

    Attributes:
        label: As it was asked for: `main`, `HEAD~1`; `.` is the work tree.
        commit: The full id; None: the work tree.
        root: Where the files lie.
    """

    label: str
    commit: str | None
    root: Path

    @property
    def shown(self) -> str:
        """`main (1a2b3c4d5e)`, `the work tree`."""
        if self.commit is None:
            return "the work tree"
        short = self.commit[:10]
        return short if self.commit.startswith(self.label) else f"{self.label} ({short})"

    def place(self, file: str) -> str:
        """How a file of this revision is named: `main:roles/web/role.yml`, as git does."""
        return file if self.commit is None else f"{self.label}:{file}"


@contextlib.contextmanager
def reading(root: Path, name: str, emit: Emit) -> Iterator[Revision]:
    """A revision whose files can be read until the block ends.

    Args:
        root: The project in the work tree.
        name: What git knows as a commit, or `WORK_TREE`.
        emit: Gets a `Notice` of what can't be read: links that lead out of the repository, absent submodules.

    Raises:
        UsageError: There's no repository, no such revision, or no project in it.
    """
    if name == WORK_TREE:
        yield Revision(name, None, root)
        return
    check_repository(root)
    commit = commit_of(root, name)
    prefix = git(root, "rev-parse", "--show-prefix").decode().strip("\n").rstrip("/")
    top = Path(git(root, "rev-parse", "--show-toplevel").decode().strip("\n"))
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch("plan"))
        except OSError as error:
            text = f"the revision's files can't be written: {error.strerror}"
            raise UsageError(text, hint="TMPDIR may name another directory for temporary files") from error
        target = folder.resolve() / "tree"
        Tree(top, commit).write([f"{prefix}/{one}" if prefix else one for one in _NEEDED], target, emit)
        (target / MARK).touch()  # links of the commit may lead to all of the repository
        project = target / prefix
        if not (project / "cdconf.yml").is_file():
            where = f" in {prefix}/" if prefix else ""
            raise UsageError(f"there is no cdconf.yml{where} at {name}", hint="name a revision that has the project")
        yield Revision(name, commit, project)


def commit_of(root: Path, name: str) -> str:
    """The full id of what git knows as a commit; raises `UsageError` for what it doesn't."""
    if name and succeeds(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"):
        found = git(root, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
        return found.decode().strip()
    refs = git(root, "for-each-ref", "--format=%(refname:short)").decode("utf-8", "replace").split()
    hint = did_you_mean(name, refs)
    if hint is None and git(root, "rev-parse", "--is-shallow-repository").strip() == b"true":
        hint = "this clone is shallow; `git fetch --unshallow` gets the rest"
    raise UsageError(f"'{name}' is no revision of this repository", hint=hint or "a branch, a tag or a commit")
