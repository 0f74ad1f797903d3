"""Compares the files of a run with those that its hosts were provisioned from last."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.provision.applied_from import AppliedFrom


def comparison(run: Run, *, older: bool = False, whose: str = "yours", tells_older: bool = False) -> AppliedFrom:
    """What says from which commit hosts were provisioned, and asks before newer files are taken back.

    Args:
        run: The run.
        older: Whether `--older` was given: then nobody is asked.
        whose: What the commit of these files is called: `yours`, or a revision.
        tells_older: Whether it's also said where an older commit was applied than that of these files.
    """
    from cdconf.history.journal import head
    from cdconf.provision.applied_from import AppliedFrom, Words

    def may_lack(text: str) -> bool:
        return older or _ask(run, f"{text}. Take that back, and apply these files?")

    def is_dirty() -> bool:
        changes = run.work_tree.changes() if run.work_tree is not None else None
        return changes is not None and changes.dirty

    made = AppliedFrom(
        run.project, run.environment, head(run.project.root), is_dirty, may_lack, Words(whose, tells_older)
    )
    run.extra["applied_from"] = made.known
    return made


def _ask(run: Run, question: str) -> bool:
    from cdconf.events import Asking

    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    run.emit(Asking(begins=True))
    try:
        return click.confirm(run.mask(question), err=True)
    finally:
        run.emit(Asking(begins=False))
