"""What a watch does next. Pure: git, the store and the clock are looked at elsewhere.

A commit is new, then *due*, then its run ends. One that didn't pass all stages is *held*: something else is needed
first. It's due again when the store says something new of it and a stage could begin, or, after an interruption, when
some time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cdconf.errors import FAILED, GATED, OK

KEPT = 20  # commits that are held: of older ones nobody waits for what they need
RETRIES = 5  # of a run that failed, and of which the store doesn't say that a stage did
RARELY = 600.0  # seconds between two tries to fetch from a remote that's away
FIRST, LONGEST = 30.0, 3600.0  # seconds until an interrupted run is tried again; each time twice as long

How = Literal["same", "forward", "rewritten", "unknown"]


@dataclass(frozen=True)
class Moved:
    """What became of a branch since it was looked at.

    Attributes:
        how: `forward`: it has more commits; `rewritten`: it lost some; `unknown`: git has no history between the two.
        commits: The new ones, the oldest first; where nothing is known of them, the newest alone.
    """

    how: How
    commits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outlook:
    """What the store says of a commit that's held.

    Attributes:
        evidence: A digest of it: another one when anything has changed.
        is_ready: Whether a stage could begin.
        is_over: Whether nothing will ever be done for it: it passed all stages, or a newer one took its place.
    """

    evidence: str
    is_ready: bool
    is_over: bool = False


@dataclass(frozen=True)
class UnfinishedCommit:
    """A commit whose run ended before all stages were passed.

    Attributes:
        evidence: What the store said when it ended; empty: that couldn't be read.
        tries: How many runs in a row were interrupted.
        again_at: When it's tried again by itself, in seconds since 1970; None: only when the store says something new.
    """

    commit: str
    evidence: str
    tries: int = 0
    again_at: float | None = None


@dataclass(frozen=True)
class WatchProgress:
    """What a watch remembers.

    Attributes:
        seen: The branch's newest commit when it was looked at last; None: it never was.
        due: Commits that are to be run, the oldest first.
        held: Commits that wait for something, the oldest first.
    """

    seen: str | None = None
    due: tuple[str, ...] = ()
    held: tuple[UnfinishedCommit, ...] = ()


def moved(progress: WatchProgress, tip: str, what: Moved, *, is_each: bool) -> WatchProgress:
    """Takes in what became of the branch.

    Args:
        progress: What's remembered.
        tip: The branch's newest commit.
        what: How it got there.
        is_each: Whether each commit is run; else the newest one takes the place of those that are due.
    """
    held_before = {commit.commit for commit in progress.held}
    fresh = [commit for commit in what.commits if commit not in progress.due and commit not in held_before]
    if not fresh:
        return replace(progress, seen=tip)
    due = (*progress.due, *fresh) if is_each else (fresh[-1],)
    return replace(progress, seen=tip, due=due)


def without(progress: WatchProgress, is_on_branch: Callable[[str], bool]) -> WatchProgress:
    """Leaves out the commits that aren't on the branch any more."""
    return replace(
        progress,
        due=tuple(one for one in progress.due if is_on_branch(one)),
        held=tuple(commit for commit in progress.held if is_on_branch(commit.commit)),
    )


def ended(progress: WatchProgress, commit: str, code: int, outlook: Outlook | None, now: float) -> WatchProgress:
    """Takes in the end of a commit's run.

    Args:
        progress: What's remembered.
        commit: The commit.
        code: The run's exit code; negative: a signal has ended it.
        outlook: What the store says now; None: it can't be read.
        now: Seconds since 1970.
    """
    before = next(
        (unfinished_commit for unfinished_commit in progress.held if unfinished_commit.commit == commit), None
    )
    progress = replace(
        progress,
        due=tuple(one for one in progress.due if one != commit),
        held=tuple(unfinished_commit for unfinished_commit in progress.held if unfinished_commit.commit != commit),
    )
    if code == OK or (outlook is not None and outlook.is_over):
        return progress
    tries = (before.tries if before is not None else 0) + 1 if _is_interrupted(code, outlook) else 0
    is_tried_again = tries > 0 and (code != FAILED or tries <= RETRIES)
    again_at = now + min(LONGEST, FIRST * 2 ** min(tries - 1, 20)) if is_tried_again else None
    held = UnfinishedCommit(commit, outlook.evidence if outlook is not None else "", tries, again_at)
    return replace(progress, held=(*progress.held, held)[-KEPT:])


def dropped(progress: WatchProgress, commit: str) -> WatchProgress:
    """Forgets a commit."""
    return without(progress, lambda one: one != commit)


def _is_interrupted(code: int, outlook: Outlook | None) -> bool:
    """Whether the run ended by something that will pass: a host that's down, a lease that somebody else has, a crash.

    A stage that failed, or that waits, says so in the store, and then none could begin.
    """
    if code in (FAILED, GATED):
        return outlook is not None and outlook.is_ready
    return True


def next_of(progress: WatchProgress, outlooks: Mapping[str, Outlook], now: float) -> str | None:
    """The commit that's run next: one that waited and can go on comes before a new one.

    Args:
        progress: What's remembered.
        outlooks: Of the commits that are held, as far as that's known.
        now: Seconds since 1970.
    """
    for commit in progress.held:
        outlook = outlooks.get(commit.commit)
        if outlook is not None and outlook.is_ready and outlook.evidence != commit.evidence:
            return commit.commit
    if progress.due:
        return progress.due[0]
    return next((commit.commit for commit in progress.held if _is_time(commit.again_at, now)), None)


def _is_time(again_at: float | None, now: float) -> bool:
    """Whether it's tried again; a time that's further away than any was written down by a clock that was wrong."""
    return again_at is not None and not now < again_at <= now + LONGEST


def over(progress: WatchProgress, outlooks: Mapping[str, Outlook]) -> WatchProgress:
    """Forgets the commits for which nothing will ever be done."""
    gone = {commit for commit, outlook in outlooks.items() if outlook.is_over}
    return replace(
        progress,
        held=tuple(unfinished_commit for unfinished_commit in progress.held if unfinished_commit.commit not in gone),
    )


def pause_after(failures: int, every: float) -> float:
    """Seconds until a remote that couldn't be fetched so often in a row is asked again."""
    return min(max(RARELY, every), every * 2.0 ** min(failures, 20))


def as_data(progress: WatchProgress) -> dict[str, object]:
    """For a file."""
    return {"seen": progress.seen, "due": list(progress.due), "held": [vars(commit) for commit in progress.held]}


def from_data(data: object) -> WatchProgress:
    """The same back.

    Raises:
        ValueError, TypeError, KeyError: It's nothing of that kind.
    """
    if not isinstance(data, dict) or not isinstance(data["seen"], (str, type(None))):
        raise TypeError("seen")
    held = tuple(UnfinishedCommit(**one) for one in data["held"])
    texts = [*data["due"], *(commit.commit for commit in held), *(commit.evidence for commit in held)]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a commit")
    if not all(
        isinstance(commit.tries, int) and isinstance(commit.again_at, (float, int, type(None))) for commit in held
    ):
        raise TypeError("held")
    return WatchProgress(data["seen"], tuple(data["due"]), held)
