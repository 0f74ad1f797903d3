"""Errors of promotion that more than one file raises."""

from __future__ import annotations

from cdconf.errors import GateClosed


class NotProvable(GateClosed):
    """Nothing can be proven of a run: what it's made of isn't what a commit says, or no commit says all of it."""

    kind = "not_provable"
