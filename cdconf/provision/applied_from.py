"""From which commit hosts were provisioned last, and whether the files of this run lack some of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, OlderFiles
from cdconf.events import Emit, Notice
from cdconf.plans.git import git, succeeds
from cdconf.plans.hostsets import named

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.session.answers import AppliedFiles

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHOWN = 7  # digits of a commit


@dataclass(frozen=True)
class Distance:
    """How two commits stand to each other.

    Attributes:
        newer: Commits that the host's has, and this checkout's lacks; None where that can't be told.
        older: The other way round.
        shallow: Whether the clone doesn't have all that was before.
    """

    newer: int | None
    older: int | None
    shallow: bool = False


@dataclass(frozen=True)
class AppliedFinding:
    """What's said of a host; `lacks`: whether provisioning would take back what was applied."""

    text: str
    lacks: bool = False


@dataclass(frozen=True)
class Words:
    """How it's said.

    Attributes:
        whose: What the commit of these files is called: `yours`, or a revision.
        tells_older: Whether an older commit than that of these files is worth a word.
    """

    whose: str = "yours"
    tells_older: bool = False


def judge(theirs: AppliedFiles, ours: str | None, distance: Distance, words: Words = Words()) -> AppliedFinding | None:
    """What's to be said of files that were applied; None where these files hold all of them.

    Args:
        theirs: What the host remembers.
        ours: The commit of this run's files; None outside of git.
        distance: How the two stand to each other.
        words: How it's said.
    """
    commit, dirty = theirs["commit"], bool(theirs["dirty"])
    by = f" (by {theirs['owner'].partition(' pid ')[0]})" if theirs["owner"] else ""
    if commit is None:
        return AppliedFinding(f"applied from files outside of git{by}") if ours is not None else None
    is_older = words.tells_older and bool(distance.older)
    if distance.newer == 0 and not dirty and not is_older:
        return None
    text = f"applied from {commit[:_SHOWN]}{_apart(ours, distance, words)}"
    text += ", with changes that weren't committed" if dirty else ""
    is_behind = distance.newer is not None and distance.older == 0  # what a shallow clone can tell for certain
    lacks = ours is not None and distance.newer != 0 and (is_behind or not distance.shallow)
    return AppliedFinding(f"{text}{by}", lacks)


def _apart(ours: str | None, distance: Distance, words: Words) -> str:
    """How far a host's commit is from that of these files."""
    newer = distance.newer
    if newer == 0:
        return f", {_commits(distance.older)} older than {words.whose}" if words.tells_older and distance.older else ""
    if ours is None:
        return "; the commit of these files is unknown: they aren't in git"
    if newer is None and distance.shallow:
        return ", an unknown commit: this clone is shallow and doesn't have it"
    if newer is None:
        return ", an unknown commit: this clone doesn't have it"
    if distance.older == 0:
        return f", {_commits(newer)} newer than {words.whose}"
    return f", which has {_commits(newer)} that {words.whose} lacks"


def _commits(count: int) -> str:
    return f"{count} commit{'' if count == 1 else 's'}"


class AppliedFrom:
    """Compares what hosts remember with the files of this run.

    Args:
        project: The project.
        environment: The environment.
        commit: The commit that the project is at; None outside of git.
        dirty: Says whether files were changed since.
        may_lack: Asks whether files may be applied that lack what hosts have; gets what's to be said of them.
        words: How it's said.

    Attributes:
        known: Host -> `{"commit", "dirty", "newer", "older"}`, for the JSON document; see `Distance`.
        lacking: Host -> what's said of it, where these files lack what was applied.
    """

    def __init__(
        self,
        project: Project,
        environment: Environment,
        commit: str | None,
        dirty: Callable[[], bool] = lambda: False,
        may_lack: Callable[[str], bool] = lambda text: False,
        words: Words = Words(),
    ) -> None:
        self._project, self._environment = project, environment
        self._commit, self._dirty, self._may_lack = commit, dirty, may_lack
        self._distances: dict[str, Distance] = {}
        self._words = words
        self.lacking: dict[str, str] = {}
        self.known: dict[str, dict[str, Any]] = {}

    def files(self, host: str, *, complete: bool) -> dict[str, Any] | None:
        """What a host is to remember of these files.

        Args:
            host: The host's name.
            complete: Whether all that the files say is applied. A part of older files leaves the newer ones' rest.
        """
        if host in self.lacking and not complete:
            return None
        return {"commit": self._commit, "dirty": self._dirty()}

    def tell(self, applied: Mapping[str, AppliedFiles | None], emit: Emit) -> None:
        """Says of hosts from what they were provisioned, where these files aren't the same or newer ones.

        Args:
            applied: Host -> what it remembers.
            emit: Gets a `Notice` for each set of hosts.
        """
        for text, lacks in self._told(applied):
            emit(Notice(text, warning=lacks))

    def check(self, applied: Mapping[str, AppliedFiles | None], emit: Emit) -> None:
        """Before anything is changed.

        Raises:
            OlderFiles: These files lack what was applied, and nobody says that this is meant.
        """
        told = self._told(applied)
        lacking = [text for text, lacks in told if lacks]
        if lacking and not self._may_lack(lacking[0]):
            raise OlderFiles(
                f"{lacking[0]}; these files would take that back",
                hint="fetch and merge what's newer, or provision with --older if that's meant",
                detail="\n".join(lacking[1:]) or None,
            )
        for text, lacks in told:
            emit(Notice(text, warning=lacks))

    def _told(self, applied: Mapping[str, AppliedFiles | None]) -> list[tuple[str, bool]]:
        """What's said of sets of hosts, and whether these files lack what was applied there."""
        said: dict[AppliedFinding, list[str]] = {}
        for host, theirs in applied.items():
            found = self._look(host, theirs) if theirs is not None else None
            if found is not None:
                said.setdefault(found, []).append(host)
        return [
            (f"{named(self._project, self._environment, hosts)}: {finding.text}", finding.lacks)
            for finding, hosts in said.items()
        ]

    def _look(self, host: str, theirs: AppliedFiles) -> AppliedFinding | None:
        commit = theirs["commit"]
        distance = self._distance(commit) if commit is not None else Distance(None, None)
        self.known[host] = {"commit": commit, "dirty": theirs["dirty"]}
        self.known[host] |= {"newer": distance.newer, "older": distance.older}
        finding = judge(theirs, self._commit, distance, self._words)
        if finding is not None and finding.lacks:
            self.lacking[host] = finding.text
        return finding

    def _distance(self, commit: str) -> Distance:
        if commit not in self._distances:
            self._distances[commit] = self._measured(commit)
        return self._distances[commit]

    def _measured(self, theirs: str) -> Distance:
        ours, root = self._commit, self._project.root
        if theirs == ours:
            return Distance(0, 0)
        if ours is None:
            return Distance(None, None)
        with contextlib.suppress(CdconfError):  # without git, nothing can be told
            shallow = git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
            if not _COMMIT.fullmatch(theirs) or not succeeds(root, "cat-file", "-e", f"{theirs}^{{commit}}"):
                return Distance(None, None, shallow)
            newer, older = git(root, "rev-list", "--left-right", "--count", f"{theirs}...{ours}", "--").split()
            return Distance(int(newer), int(older), shallow)
        return Distance(None, None, shallow=True)
