"""The branch that's watched: where it stands, and how it got there since.

A remote's branch is fetched into a ref of the watch's own, so that nobody's `git fetch` or `git pull` is in its way,
nor it in theirs. The work tree isn't touched.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, UsageError, did_you_mean
from cdconf.git_command import git_command
from cdconf.pipeline.watch.progress import Moved
from cdconf.plans.git import check_repository, git, succeeds

if TYPE_CHECKING:
    from pathlib import Path

REFS = "refs/cdconf/watch"
ASKED, FETCHED = 60.0, 900.0  # seconds: for a server's answer, and for what it sends
_TICK = 0.5  # seconds in which a wait for a server ends when the watch is to end
_NO_SUCH_BRANCH = 2  # what `ls-remote --exit-code` ends with


class NotFetched(CdconfError):
    """The remote can't be asked, or doesn't send what it has."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Branch:
    """A branch of this repository, or of one of its remotes.

    Args:
        root: The project.
        name: `main`.
        remote: `origin`; None: it's this repository's own.
    """

    root: Path
    name: str
    remote: str | None = None

    @property
    def shown(self) -> str:
        """`main`, `main of origin`."""
        return f"{self.name} of {self.remote}" if self.remote else self.name

    @property
    def key(self) -> str:
        """What tells it from others, for a file's name."""
        return hashlib.sha256(f"{self.remote or ''}\0{self.name}".encode()).hexdigest()[:12]

    @property
    def ref(self) -> str:
        """Where its newest commit is written in this repository."""
        return f"{REFS}/{self.remote}/{self.name}" if self.remote else f"refs/heads/{self.name}"

    def check(self) -> None:
        """Raises `UsageError` where there's no repository, no such remote, or a name that no branch can have."""
        check_repository(self.root, hint="the pipeline goes by commits: put the project into git")
        if self.name.startswith("-") or not succeeds(self.root, "check-ref-format", f"refs/heads/{self.name}"):
            raise UsageError(f"'{self.name}' can't be a branch", hint="give its name: --branch main")
        if self.remote is None:
            return
        known = git(self.root, "remote").decode("utf-8", "replace").split()
        if self.remote not in known:
            there = f"there are: {', '.join(known)}" if known else "`git remote add NAME URL` adds one"
            raise UsageError(
                f"this repository has no remote '{self.remote}'", hint=did_you_mean(self.remote, known) or there
            )

    def tip(self, is_over: Callable[[], bool] = _never) -> str | None:
        """The newest commit, which is here when this returns; None when there's no such branch.

        Args:
            is_over: Whether nobody wants to know it any more: then a server isn't waited for.

        Raises:
            NotFetched: The remote can't be asked, or the commit can't be got.
        """
        return self._local() if self.remote is None else self._fetched(self.remote, is_over)

    def _local(self) -> str | None:
        if not succeeds(self.root, "rev-parse", "--verify", "--quiet", f"{self.ref}^{{commit}}"):
            if not succeeds(self.root, "rev-parse", "--git-dir"):  # an unmounted disk, or somebody has removed it
                raise NotFetched(f"{self.root} isn't a git repository now, or git can't read it")
            return None
        return git(self.root, "rev-parse", "--verify", f"{self.ref}^{{commit}}").decode().strip()

    def _fetched(self, remote: str, is_over: Callable[[], bool]) -> str | None:
        question = ("ls-remote", "--exit-code", "--", remote, f"refs/heads/{self.name}")
        asked = _patiently(self.root, ASKED, is_over, *question)
        if asked.returncode == _NO_SUCH_BRANCH:
            return None
        _check(asked, remote)
        there = asked.stdout.decode("utf-8", "replace").split()[0]
        if there == self._local():
            return there
        # The branch may have moved on in between: what counts is what came.
        options = ["--refmap=", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--quiet"]
        refspec = f"+refs/heads/{self.name}:{self.ref}"
        _check(_patiently(self.root, FETCHED, is_over, "fetch", *options, "--", remote, refspec), remote)
        return self._local()

    def moved(self, before: str | None, tip: str) -> Moved:
        """What became of it between two of its newest commits; the first look takes the newest one alone."""
        if before == tip:
            return Moved("same")
        if before is None:
            return Moved("forward", (tip,))
        if self.has(before, tip):
            return Moved("forward", self._between(before, tip))
        base = _line(self.root, "merge-base", before, tip)
        if base is None:  # nothing in common, or a history that was cut off: a shallow clone, an object that's gone
            return Moved("unknown", (tip,))
        return Moved("rewritten", self._between(base, tip) if base != tip else ())

    def has(self, commit: str, tip: str) -> bool:
        """Whether a commit is on the branch, as far as this repository knows."""
        return commit == tip or succeeds(self.root, "merge-base", "--is-ancestor", commit, tip)

    def _between(self, before: str, tip: str) -> tuple[str, ...]:
        """The branch's own commits: of what a merge brought, the merge alone."""
        found = git(self.root, "rev-list", "--reverse", "--first-parent", f"{before}..{tip}").decode().split()
        return tuple(found) or (tip,)


def _line(root: Path, *arguments: str) -> str | None:
    try:
        return git(root, *arguments).decode().split()[0]
    except (CdconfError, IndexError):
        return None


def _patiently(
    root: Path, seconds: float, is_over: Callable[[], bool], *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs git where it talks to a server. Nobody is there to type a password, so it mustn't ask for one.

    Raises:
        NotFetched: It takes longer than that, or nobody waits for it any more; all that it has started is ended.
    """
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            git_command(root, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # without a terminal that ssh could ask on
        )
    except FileNotFoundError as error:
        raise NotFetched("git isn't installed", hint="install git; commits are read through it") from error
    deadline = time.monotonic() + seconds
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                output, said = process.communicate(timeout=max(0.0, min(_TICK, deadline - time.monotonic())))
                return subprocess.CompletedProcess(process.args, process.returncode, output, said)
            if is_over():
                raise NotFetched(f"git {arguments[0]} was ended, since the watch is to end")
            if time.monotonic() >= deadline:
                raise NotFetched(f"git {arguments[0]} hasn't ended within {seconds:.0f} s")
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _check(done: subprocess.CompletedProcess[bytes], remote: str) -> None:
    if done.returncode != 0:
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        fatal = [line for line in said if line.startswith(("fatal:", "error:"))]
        why = (fatal or said or [f"git ended with {done.returncode}"])[0].strip()
        raise NotFetched(f"{remote} can't be fetched: {why}")
