"""Looks at the branch and the store, round by round, and runs one commit after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cdconf.errors import FAILED, GATED, OK, CdconfError
from cdconf.events import Emit, Notice, Step
from cdconf.pipeline.watch import progress as decide
from cdconf.pipeline.watch.progress import Outlook, WatchProgress
from cdconf.promotion.reasons import span

if TYPE_CHECKING:
    from cdconf.pipeline.watch.branch import Branch
    from cdconf.pipeline.watch.child import Child
    from cdconf.pipeline.watch.ending import Ending
    from cdconf.pipeline.watch.memory import BranchMemory

PATIENCE = 5.0  # the store is asked what can go on again after so many times as long as that took
Concurrency = Literal["queue", "batch", "cancel"]


@dataclass(frozen=True)
class Work:
    """What the watch lets others do.

    Attributes:
        concurrency: What the pipeline of a commit says.
        outlooks: What the store says of commits, by the files of the branch's newest one; raises `CdconfError` where
            that can't be read.
        start: Begins a commit's run; the function is called when it has ended.
        subject: The first line of a commit's message.
    """

    concurrency: Callable[[str], Concurrency]
    outlooks: Callable[[Sequence[str], str], Mapping[str, Outlook]]
    start: Callable[[str, Callable[[], None]], Child]
    subject: Callable[[str], str]


@dataclass
class BranchWatch:
    """One watch of a branch.

    Attributes:
        every: Seconds between two looks.
    """

    branch: Branch
    work: Work
    memory: BranchMemory
    ending: Ending
    emit: Emit
    every: float
    _progress: WatchProgress = field(default_factory=WatchProgress)
    _failed_since: float | None = None
    _failures: int = 0
    _fetch_again: float = 0.0
    _is_gone: bool = False
    _is_written: bool | None = None
    _told: str = ""
    _look_again: float = 0.0

    def go_on(self) -> None:
        """Until somebody asks for the end."""
        self._progress = self.memory.load()
        while not self.ending.asked:
            pause = self.round()
            if not self.ending.asked:
                self.ending.wait(pause)

    def round(self) -> float:
        """One look at everything, and the run that follows from it; returns after how many seconds to look again."""
        tip = self._look()
        if self._is_written is False:
            self._keep(self._progress)
        commit = self._next() if tip is not None else None
        if commit is None or self.ending.asked:
            return self.every
        self._run(commit)
        return 0.0

    def _look(self) -> str | None:
        """The branch's newest commit, as far as it's known; None: there's no such branch."""
        if self._failures and time.monotonic() < self._fetch_again:
            return self._progress.seen
        try:
            tip = self.branch.tip(lambda: self.ending.asked > 0)
        except CdconfError as error:
            if not self.ending.asked:
                self._not_fetched(error)
            return self._progress.seen
        if self._failed_since is not None:
            after = span(time.monotonic() - self._failed_since)
            self.emit(Notice(f"{self.branch.shown} can be {self._read} again, after {after}"))
            self._failed_since, self._failures = None, 0
        if (tip is None) != self._is_gone:
            self._is_gone = tip is None
            what = "isn't there: waiting for it" if self._is_gone else "is there again"
            self.emit(Notice(f"the branch {self.branch.shown} {what}", warning=self._is_gone))
        if tip is not None and tip != self._progress.seen:
            self._moved(tip)
        return tip

    @property
    def _read(self) -> str:
        return "fetched" if self.branch.remote else "read"

    def _not_fetched(self, error: CdconfError) -> None:
        if self._failed_since is None:
            self._failed_since = time.monotonic()
            self.emit(Notice(f"{error.message}; trying again, with growing pauses", warning=True))
        self._failures += 1
        self._fetch_again = time.monotonic() + decide.pause_after(self._failures, self.every)

    def _moved(self, tip: str) -> None:
        before = self._progress.seen
        what = self.branch.moved(before, tip)
        if what.how in ("rewritten", "unknown") and before is not None:
            why = {
                "rewritten": f"was rewritten: {before[:10]} isn't on it any more",
                "unknown": f"has no history here that leads from {before[:10]} to {tip[:10]}",
            }[what.how]
            self.emit(Notice(f"{self.branch.shown} {why}; its newest commit is {tip[:10]}", warning=True))
        is_each = self.work.concurrency(tip) == "queue"
        found = decide.moved(self._progress, tip, what, is_each=is_each)
        self._keep(decide.without(found, lambda commit: self.branch.has(commit, tip)))

    def _keep(self, progress: WatchProgress) -> None:
        """Writes it down. Where that can't be done any more, it goes on: to forget it is to run a commit once more."""
        self._progress = progress
        try:
            self.memory.save(progress)
        except CdconfError as error:
            if self._is_written is None:  # it never could
                raise
            if self._is_written:
                self.emit(Notice(f"{error.message}; the watch goes on, and tries that again", warning=True))
            self._is_written = False
            return
        if self._is_written is False:
            self.emit(Notice(f"what was seen of {self.branch.shown} is written down again"))
        self._is_written = True

    def _next(self) -> str | None:
        outlooks: Mapping[str, Outlook] = {}
        if self._progress.held and time.monotonic() >= self._look_again:
            began = time.monotonic()
            outlooks = self._outlooks([commit.commit for commit in self._progress.held])
            self._look_again = time.monotonic() + PATIENCE * (time.monotonic() - began)
        if any(outlook.is_over for outlook in outlooks.values()):
            self._keep(decide.over(self._progress, outlooks))
        return decide.next_of(self._progress, outlooks, time.time())

    def _outlooks(self, commits: Sequence[str]) -> Mapping[str, Outlook]:
        try:
            found = self.work.outlooks(commits, self._progress.seen or commits[-1])
        except (CdconfError, OSError) as error:  # a full disk has no place for the commit's files
            why = error.message if isinstance(error, CdconfError) else str(error)
            if self._told != why:
                self._told = why
                self.emit(Notice(f"can't find out which commits can continue: {why}", warning=True))
            return {}
        self._told = ""
        return found

    def _run(self, commit: str) -> None:
        self.emit(Step(f"{commit[:10]} {self.work.subject(commit)}"))
        try:
            child = self.work.start(commit, self.ending.wake)
        except OSError as error:
            self.emit(Notice(f"{commit[:10]} can't be run: {error.strerror}", warning=True))
            self._keep(decide.ended(self._progress, commit, 1, None, time.time()))
            return
        newer = self._wait(child, commit)
        ended = child.result()
        if newer is not None:
            self._keep(decide.dropped(self._progress, commit))
            self.emit(Notice(f"{commit[:10]} was ended: {newer[:10]} takes its place"))
            return
        self._say(commit, ended.code, ended.why, ended.hint)
        if self.ending.asked > 1:
            return  # it's due again when the watch is
        outlook = self._outlooks([commit]).get(commit)
        self._keep(decide.ended(self._progress, commit, ended.code, outlook, time.time()))
        self._say_when(commit)

    def _say(self, commit: str, code: int, why: str, hint: str) -> None:
        if code == OK:
            self.emit(Notice(f"{commit[:10]} has passed"))
            return
        what = {GATED: "waits", FAILED: "has failed"}.get(code, "was cut off")
        text = f"{commit[:10]} {what}: {why}"
        self.emit(Notice(text + (f"\n  hint: {hint}" if hint else ""), warning=code != GATED))

    def _say_when(self, commit: str) -> None:
        again_at = next(
            (
                unfinished_commit.again_at
                for unfinished_commit in self._progress.held
                if unfinished_commit.commit == commit
            ),
            None,
        )
        if again_at is not None:
            self.emit(Notice(f"{commit[:10]} is tried again in {span(again_at - time.time())}"))

    def _wait(self, child: Child, commit: str) -> str | None:
        """Until the run has ended; returns the newer commit for which it was ended before."""
        newer: str | None = None
        heard = 0
        while child.is_at_work:
            asked = self.ending.asked
            if asked and not heard:
                self.emit(Notice(f"ending after the run of {commit[:10]}; a second signal ends that, too"))
            if asked > max(heard, 1):
                child.end()
            heard = asked
            if not asked and newer is None and (newer := self._newer(commit)) is not None:
                child.end()
            self.ending.wait(self.every)
        return newer

    def _newer(self, commit: str) -> str | None:
        """With `concurrency: cancel`, the commit that takes this one's place."""
        tip = self._progress.seen
        if tip is None or self.work.concurrency(tip) != "cancel":
            return None
        self._look()
        return next((one for one in reversed(self._progress.due) if one != commit), None)
