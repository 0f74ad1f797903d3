"""Keeps a commit's objects while a run works on it: a forced push and a `git gc` would take them from under it.

refs/cdconf/run/CHECKOUT/COMMIT    the commit is in the hands of a run of this checkout. Nobody pushes or fetches it
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdconf.git_command import git_command
from cdconf.pipeline import commit_lock

if TYPE_CHECKING:
    from cdconf.inventory import Project

REFS = "refs/cdconf/run"


@contextlib.contextmanager
def kept(home: Project, commit: str) -> Iterator[None]:
    """Keeps it until the block ends, where this repository can be written to; what dead runs have left goes.

    Args:
        home: The project in the directory that people work in.
        commit: The commit's full id; this process has its lock.
    """
    own = f"{REFS}/{hashlib.sha256(home.checkout.encode()).hexdigest()[:12]}"
    for left in _git(home, "for-each-ref", "--format=%(refname)", own).split():
        if not commit_lock.is_held(home, left.rpartition("/")[2]):
            _git(home, "update-ref", "-d", left)
    ref = f"{own}/{commit}"
    _git(home, "update-ref", ref, commit)
    try:
        yield
    finally:
        _git(home, "update-ref", "-d", ref)


def _git(home: Project, *arguments: str) -> str:
    """What git says; nothing where it can't: a run goes on without."""
    done = subprocess.run(
        git_command(home.root, *arguments), capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
