"""Runs git, which only reads here."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from cdconf.artifacts.git_ownership import distrust
from cdconf.errors import CdconfError, UsageError
from cdconf.git_command import git_command, refusal

if TYPE_CHECKING:
    from pathlib import Path


def git(root: Path, *arguments: str) -> bytes:
    """What git prints.

    Raises:
        CdconfError: It isn't installed, or failed.
    """
    result = _run(root, *arguments)
    if result.returncode != 0:
        reason = result.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise CdconfError(f"git {arguments[0]}: {reason[-1]}")
    return result.stdout


def check_repository(root: Path, hint: str = "--from and --to read revisions out of git") -> None:
    """Raises `UsageError` unless git reads what's there; the hint is for where there's no repository."""
    planted = refusal(root)
    if planted is not None:
        raise UsageError(planted[0], hint=planted[1])
    result = _run(root, "rev-parse", "--git-dir")
    refused = distrust(root, result.stderr.decode("utf-8", "replace"))
    if refused is not None:
        raise UsageError(refused[0], hint=refused[1])
    if result.returncode != 0:
        raise UsageError(f"{root} isn't in a git repository", hint=hint)


def succeeds(root: Path, *arguments: str) -> bool:
    """Whether git ends with 0."""
    return _run(root, *arguments).returncode == 0


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(git_command(root, *arguments), capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise CdconfError("git isn't installed", hint="install git; revisions are read through it") from error
