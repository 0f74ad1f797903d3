"""A file of the artifact store, and the names of those that are being written."""

from __future__ import annotations

from typing import NamedTuple

TEMPORARY = ".part-"


class StoreFile(NamedTuple):
    """A file of the store; `modified` is in seconds since 1970."""

    name: str
    size: int
    modified: float
