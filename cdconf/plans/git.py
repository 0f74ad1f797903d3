"""Runs git, which only reads here."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from cdconf.artifacts.distrust import distrust
from cdconf.errors import CdconfError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def command(root: Path, *arguments: str) -> list[str]:
    """The argument list; nothing is locked or refreshed, no other object stands in for a commit.

    What a user has git say of signatures isn't mixed into what was asked for.
    """
    options = ("--no-optional-locks", "--no-replace-objects", "-c", "log.showSignature=false")
    return ["git", *options, "-C", str(root), *arguments]


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
        return subprocess.run(command(root, *arguments), capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise CdconfError("git isn't installed", hint="install git; revisions are read through it") from error
