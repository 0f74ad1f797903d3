"""Asks before something can't be undone."""

from __future__ import annotations

import sys

import click

from cdconf.errors import UsageError


def confirm(question: str, *, yes: bool) -> None:
    """Goes on after a yes.

    Raises:
        UsageError: Nobody is there to ask, and --yes wasn't given.
        Abort: The answer was no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this needs a confirmation, but there is no terminal", hint="use --yes if you are sure")
    click.confirm(question, abort=True, err=True)
