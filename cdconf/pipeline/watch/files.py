"""The project as the branch's newest commit has it: the work tree of a checkout that's watched may be years old."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from cdconf.inventory import load_environment, load_project
from cdconf.plans.revision import reading

if TYPE_CHECKING:
    from cdconf.events import Event
    from cdconf.inventory import Environment, Project


class Files:
    """The files of one commit at a time, in a directory of this process; a context.

    Args:
        home: The project in the checkout.
    """

    def __init__(self, home: Project) -> None:
        self._home = home
        self._commit: str | None = None
        self._stack = ExitStack()
        self._written = home

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def use(self, commit: str) -> Project:
        """Reads a commit's files, unless that was done already.

        Returns:
            The commit's project, whose artifacts, data and repository are the checkout's.

        Raises:
            CdconfError: It has no project, or one that breaks a rule.
        """
        if commit != self._commit:
            self._stack.close()
            self._commit = None
            revision = self._stack.enter_context(reading(self._home.root, commit, _unsaid))
            self._written = load_project(revision.root)
            self._commit = commit
        return replace(self._written, root=self._home.root)

    def environment(self, name: str) -> Environment:
        """An environment, by the files of that commit."""
        return load_environment(self._written, name)


def _unsaid(event: Event) -> None:
    """A run says what's wrong with its commit's files."""
