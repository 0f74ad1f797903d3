"""A bug in cdconf itself, met in a run."""

from __future__ import annotations

from collections.abc import Callable


class Crashed(Exception):
    """A bug, its cause, met in a run; `mask` takes the run's secrets out of what's told about it."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__("a run crashed")
        self.mask = mask
