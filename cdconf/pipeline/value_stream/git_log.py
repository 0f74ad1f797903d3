"""Reads commits out of git: all that are needed by one call."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from cdconf.errors import CdconfError
from cdconf.git_command import git_command
from cdconf.pipeline.value_stream.model import StreamCommit
from cdconf.plans.git import git

_FORMAT = "%x00%H%x00%ct%x00%at%x00%P%x00%s%x00%b%x00"
_FIELDS = 7
_ID = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REVERTS = re.compile(r"\bThis reverts commit ([0-9a-f]{40,64})\b")
_FIXES = re.compile(r"^[ \t]*fixes-deployment[ \t]*:[ \t]*(\S{1,200})[ \t]*$", re.IGNORECASE | re.MULTILINE)
_LONGEST = 200  # characters of a first line
_MOST = 50  # that a commit's message may revert or fix


def read_commits(root: Path, wanted: Iterable[str]) -> dict[str, StreamCommit]:
    """Commit's id -> commit: those wanted and all before them, children before parents; what isn't here is left out.

    Args:
        root: The project, in a git repository.
        wanted: Full ids; what is none is left out.

    Raises:
        CdconfError: git fails.
    """
    ids = sorted({one for one in wanted if _ID.fullmatch(one)})
    if not ids:
        return {}
    # `rev-list` heeds no setting that changes what's shown, as `log` does.
    options = ["--ignore-missing", "--topo-order", "--encoding=UTF-8", f"--format={_FORMAT}", "--stdin"]
    command = git_command(root, "rev-list", *options)
    here = _here(root, ids)
    if not here:
        return {}
    try:
        result = subprocess.run(command, input="\n".join(here).encode(), capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CdconfError("git isn't installed", hint="install git; commits are read through it") from error
    if result.returncode != 0:
        reason = result.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise CdconfError(f"git rev-list: {reason[-1]}")
    return {commit.id: commit for commit in _commits(result.stdout.decode("utf-8", "replace"))}


def _here(root: Path, ids: list[str]) -> list[str]:
    """Those of them that are commits of this clone."""
    command = git_command(root, "cat-file", "--batch-check=%(objectname) %(objecttype)")
    try:
        result = subprocess.run(command, input="\n".join(ids).encode(), capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CdconfError("git isn't installed", hint="install git; commits are read through it") from error
    lines = result.stdout.decode("ascii", "replace").splitlines()
    return [line.split()[0] for line in lines if line.endswith(" commit")]


def _commits(text: str) -> Iterator[StreamCommit]:
    fields = text.split("\0")
    for place in range(0, len(fields) - _FIELDS, _FIELDS):
        name, at, authored, parents, subject, body = fields[place + 1 : place + _FIELDS]
        reverts = tuple(dict.fromkeys(_REVERTS.findall(body)))[:_MOST]
        fixes = tuple(dict.fromkeys(_FIXES.findall(body)))[:_MOST]
        yield StreamCommit(
            name, _seconds(at), _seconds(authored), tuple(parents.split()), subject[:_LONGEST], reverts, fixes
        )


def _seconds(text: str) -> float:
    """Git writes what it finds in a commit, and that may be anything."""
    try:
        return float(int(text))
    except (ValueError, OverflowError):
        return 0.0


def cut_off(root: Path) -> frozenset[str]:
    """The commits at which a shallow clone ends: what's before them isn't here."""
    path = root / git(root, "rev-parse", "--git-path", "shallow").decode("utf-8", "surrogateescape").rstrip("\n")
    try:
        return frozenset(path.read_text(encoding="ascii", errors="replace").split())
    except FileNotFoundError:
        return frozenset()


def head_of(root: Path, branch: str) -> str | None:
    """The last commit of a branch, or of what's checked out where there's no such branch; None: there's none."""
    for revision in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}", "HEAD"):
        try:
            return git(root, "rev-parse", "--verify", "-q", f"{revision}^{{commit}}").decode("ascii").strip()
        except CdconfError:
            continue
    return None
