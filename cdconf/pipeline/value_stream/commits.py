"""Which commits each release brought, and when these were made; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cdconf.pipeline.value_stream.model import LEFT_OUT, StreamCommit


@dataclass(frozen=True)
class Brought:
    """The commits that a release brought: those that no earlier one had. The newest first.

    Attributes:
        is_first: Whether it's the first one that's known, of which only its own commit is told.
        is_here: Whether its commit is in this clone.
        is_cut_off: Whether the clone's history ends within them.
    """

    commits: tuple[str, ...]
    is_first: bool = False
    is_here: bool = True
    is_cut_off: bool = False


def brought(
    releases: Sequence[str | None], commits: Mapping[str, StreamCommit], ends: Collection[str] = ()
) -> list[Brought]:
    """What each release brought, as `git log last..this` would say if every earlier release were a `last`.

    A commit that came back after a rollback, or that a second branch had, is told with the first release that had it.

    Args:
        releases: The commits that they were built from, the oldest release first; None: nobody knows.
        commits: Every commit that's known, children before parents.
        ends: The commits at which a shallow clone ends: what's before them isn't here.
    """
    place = {name: number for number, name in enumerate(commits)}
    seen: set[str] = set()
    found: list[Brought] = []
    is_first = True
    for release in releases:
        if release is None or release not in commits:
            found.append(Brought((), is_first=False, is_here=False))
            continue
        new = _reach(release, commits, seen)
        if is_first:
            found.append(Brought((release,), is_first=True))
        else:
            is_cut_off = any(one in ends for one in new)
            found.append(Brought(tuple(sorted(new, key=place.__getitem__)), is_cut_off=is_cut_off))
        is_first = False
    return found


def not_brought(head: str, releases: Iterable[str | None], commits: Mapping[str, StreamCommit]) -> list[str]:
    """The commits of a branch that no release has brought, the newest first.

    Args:
        head: The branch's last commit.
        releases: See `brought`.
        commits: See `brought`.
    """
    seen: set[str] = set()
    for release in releases:
        if release is not None and release in commits:
            _reach(release, commits, seen)
    new = set(_reach(head, commits, seen)) if head in commits else set()
    return [commit for commit in commits if commit in new]


def _reach(start: str, commits: Mapping[str, StreamCommit], seen: set[str]) -> list[str]:
    """The commits on the way back from one that weren't seen before; they're seen from now on."""
    if start in seen:
        return []
    seen.add(start)
    found, left = [], [start]
    while left:
        one = left.pop()
        found.append(one)
        for parent in commits[one].parents:
            if parent not in seen and parent in commits:
                seen.add(parent)
                left.append(parent)
    return found


def left_out(names: Sequence[str], commits: Mapping[str, StreamCommit]) -> dict[str, LEFT_OUT]:
    """Of a release's commits, those that are no changes of their own.

    A merge has brought nothing that its parents hadn't. A commit and the one that reverts it change nothing, where
    both came with the same release; what reverts a revert brings the first one back.

    Args:
        names: The release's commits, the newest first.
        commits: See `brought`.
    """
    own = set(names)
    found: dict[str, LEFT_OUT] = {}
    for name in names:
        commit = commits[name]
        if len(commit.parents) > 1:
            found[name] = "merge"
        elif name not in found:
            undone = [revert for revert in commit.reverts if revert in own and revert != name and revert not in found]
            for one in undone:
                found[one] = found[name] = "reverted"
    return found


def times(commits: Mapping[str, StreamCommit], latest: Mapping[str, float]) -> dict[str, float]:
    """When each commit was made, as far as others prove it: clocks of laptops may be wrong.

    A commit is there before anything is done to it or to what follows it, and after what it follows. One that says a
    later time than that has a clock that's ahead: what follows it says more. One that says an earlier time than its
    parents is as old as they are.

    Args:
        commits: See `brought`.
        latest: Commit -> when the first thing was done to it that a clock of the pipeline has seen.

    Returns:
        Commit -> seconds since 1970; the commit's own time, where nothing speaks against it.
    """
    never = float("inf")
    limit = {name: latest.get(name, never) for name in commits}
    for name, commit in commits.items():
        for parent in commit.parents:
            if parent in limit:
                limit[parent] = min(limit[parent], limit[name])
    said = _said(commits, limit)
    found: dict[str, float] = {}
    for name in reversed(list(commits)):
        parents = [found[one] for one in commits[name].parents if one in found]
        found[name] = min(max([said[name], *parents]), limit[name])
    return found


def _said(commits: Mapping[str, StreamCommit], limit: Mapping[str, float]) -> dict[str, float]:
    """What each commit says, or where that can't be, what follows it says."""
    following: dict[str, float] = {}
    found: dict[str, float] = {}
    for name, commit in commits.items():
        is_ahead = commit.at > limit[name]
        found[name] = min(limit[name], following.get(name, limit[name])) if is_ahead else commit.at
        for parent in commit.parents:
            following[parent] = min(following.get(parent, found[name]), found[name])
    return found
