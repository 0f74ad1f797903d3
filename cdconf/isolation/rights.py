"""What a process gives up before it becomes the commit's own code."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdconf.isolation import kernel, sight


@dataclass(frozen=True)
class Rights:
    """All that the code has left; plain data, so that another process can be told.

    Attributes:
        user: Its user's id, and its only group's.
        closed: Directories that are emptied for it -> what of them is shown to it, see `sight.show`.
        own: The path among those that it may write to.
    """

    user: int
    closed: Mapping[str, Sequence[str]]
    own: str


def prepare(rights: Rights) -> None:
    """For this thread and what it starts, while it's still root: what it sees, and that it never gets more rights.

    Raises:
        OSError: The kernel refuses.
    """
    if rights.closed:
        closed = {Path(above): [Path(path) for path in paths] for above, paths in rights.closed.items()}
        sight.show(closed, Path(rights.own))
    kernel.no_new_privileges()


def become(rights: Rights) -> None:
    """Makes this process, which has one thread, that user's for good.

    Raises:
        OSError: The kernel refuses.
    """
    prepare(rights)
    os.setgroups([])
    os.setresgid(rights.user, rights.user, rights.user)
    os.setresuid(rights.user, rights.user, rights.user)
    kernel.own_processes()
