"""What has changed since a stage was last green: commits and their authors; and which tests a log says are red."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.plans.git import git, succeeds

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.pipeline.record import RunRecord

MOST = 20  # commits that are named
_LOOKED_AT = 1000  # ancestors
_SHOWN = re.compile(r"\A *\| ")  # before what a stage's command prints
_TESTS = (
    re.compile(r"(?:FAILED|ERROR) (\S+::\S+|\S+\.py\b\S*)"),  # pytest
    re.compile(r"\s*--- FAIL: (\S+)"),  # go
    re.compile(r"(?:FAIL|ERROR): (test\w* \(\S+\))"),  # unittest
    re.compile(r"not ok \d+ -? ?(.+)"),  # TAP
    re.compile(r"test (\S+) \.\.\. FAILED"),  # cargo
)


def last_green(root: Path, commit: str, stage: str, records: Iterable[RunRecord]) -> str | None:
    """The nearest ancestor of a commit that has passed a stage, as the records say."""
    green = {record.commit for record in records if stage in record.stages and record.stages[stage].state == "passed"}
    if not green:
        return None
    ancestors = git(root, "rev-list", f"--max-count={_LOOKED_AT}", "--topo-order", commit).decode().split()
    return next((ancestor for ancestor in ancestors[1:] if ancestor in green), None)


def commits_since(root: Path, commit: str, green: str | None) -> list[str]:
    """The commits since then, the newest first: `1a2b3c4d5e Author: subject`; with none green, the commit alone."""
    span = [f"{green}..{commit}"] if green else ["--max-count=1", commit]
    try:
        found = git(root, "log", f"--max-count={MOST + 1}", "--format=%h %an: %s", *span, "--")
    except CdconfError:
        return []
    lines = found.decode("utf-8", "replace").splitlines()
    return lines if len(lines) <= MOST else [*lines[:MOST], "… and more"]


def failed_tests(lines: Sequence[str]) -> tuple[str, ...]:
    """The tests that a command's output names as failed, each once."""
    plain = [_SHOWN.sub("", line) for line in lines]
    found = (match[1].strip() for line in plain for one in _TESTS if (match := one.match(line)))
    return tuple(dict.fromkeys(found))


def is_ancestor(root: Path, older: str, newer: str) -> bool | None:
    """Whether a commit descends from another; None where the repository here doesn't have both."""
    if older == newer:
        return False
    if not all(succeeds(root, "cat-file", "-e", f"{one}^{{commit}}") for one in (older, newer)):
        return None
    return succeeds(root, "merge-base", "--is-ancestor", older, newer)
