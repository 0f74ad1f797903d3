"""A partial clone has commits without all of their files: what a commit needs is fetched before it's checked out.

The checkout borrows objects, and can't fetch any: git would leave such files out, and still end with 0.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from cdconf.errors import CdconfError
from cdconf.git_command import git_command
from cdconf.plans.git import git, succeeds

_ROUNDS = 20  # what's missing below a missing tree is known once that is here
_NAMED = 3


def complete(root: Path, commit: str) -> None:
    """Fetches the files of a commit that the repository was cloned without.

    Args:
        root: The project.
        commit: The commit's full id.

    Raises:
        CdconfError: They can't be fetched.
    """
    remote = _promisor(root)
    for _ in range(_ROUNDS if remote is not None else 0):
        lacking = _lacking(root, commit)
        if not lacking:
            return
        _fetch(root, str(remote), lacking)


def check_complete(folder: Path) -> None:
    """Raises `CdconfError` where files of what was checked out aren't there: their objects are damaged, or away."""
    gone = [one.decode("utf-8", "replace") for one in git(folder, "ls-files", "--deleted", "-z").split(b"\0") if one]
    if gone:
        names = ", ".join(gone[:_NAMED]) + (f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else "")
        raise CdconfError(
            f"the commit can't be checked out: the repository lacks the contents of {names}",
            hint="`git fsck` says what's missing; `git fetch --refetch` gets it from a remote",
        )


def _promisor(root: Path) -> str | None:
    """The remote that has what the clone left out; None where it left out nothing."""
    if not succeeds(root, "config", "--get-regexp", r"^remote\..*\.promisor$"):
        return None
    lines = git(root, "config", "--get-regexp", r"^remote\..*\.promisor$").decode("utf-8", "replace").splitlines()
    named = [line.rpartition(" ")[0] for line in lines if line.endswith(" true")]
    return named[0].removeprefix("remote.").removesuffix(".promisor") if named else None


def _lacking(root: Path, commit: str) -> list[str]:
    """The objects of a commit's files that aren't here."""
    listed = git(root, "rev-list", "--objects", "--missing=print", "--no-walk", commit).decode("utf-8", "replace")
    return [one[1:] for one in listed.splitlines() if one.startswith("?")]


def _fetch(root: Path, remote: str, objects: list[str]) -> None:
    options = ("--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none", "--quiet")
    asking = git_command(root, "-c", "fetch.negotiationAlgorithm=noop", "fetch", *options, "--stdin", remote)
    text = "".join(f"{one}\n" for one in objects).encode()
    done = subprocess.run(asking, input=text, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = next((one for one in said if one.startswith("fatal:")), f"git ended with {done.returncode}")
        raise CdconfError(
            f"{len(objects)} files that this partial clone lacks can't be fetched from {remote}: {why}",
            hint="run it where the remote answers, or in a clone without `--filter`",
        )
