"""A made-up history: a repository of git, and what the pipeline wrote down of its commits.

Days are counted from Monday, 2026-03-02, 00:00 UTC, which is day 0; times are of the day, in UTC.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cdconf.pipeline.value_stream.git_log import cut_off, read_commits
from cdconf.pipeline.value_stream.model import (
    DeploymentAttempt,
    DeploymentMark,
    StreamApproval,
    StreamStageState,
    StreamStop,
)
from cdconf.pipeline.value_stream.stream import StreamInput

ZERO = 1772409600.0  # 2026-03-02T00:00:00Z
ORDER = {name: place for place, name in enumerate(("commit", "acceptance", "performance", "manual", "release"))}


def at(day, clock):
    """Seconds since 1970 of `09:00` on a day."""
    hours, minutes = clock.split(":")
    return ZERO + day * 86400 + int(hours) * 3600 + int(minutes) * 60


@dataclass
class MadeUp:
    """A history that grows; `commits` maps a name to a commit's id."""

    root: Path
    commits: dict[str, str] = field(default_factory=dict)
    states: list[StreamStageState] = field(default_factory=list)
    deployments: list[DeploymentAttempt] = field(default_factory=list)
    approvals: list[StreamApproval] = field(default_factory=list)
    stops: list[StreamStop] = field(default_factory=list)
    marks: list[DeploymentMark] = field(default_factory=list)

    def __post_init__(self):
        self.root.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words, **about):
        done = subprocess.run(
            ["git", "-C", str(self.root), *words], check=True, capture_output=True, text=True, **about
        )
        return done.stdout.strip()

    def commit(self, name, when, *parents, message="", zone="+0000", authored=None):
        """A commit, at a time in UTC, told in a time zone; by default it follows the last one."""
        tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # the empty one
        last = list(self.commits.values())[-1:]
        follows = [word for one in [self.commits[one] for one in parents] or last for word in ("-p", one)]
        self.git("hash-object", "-w", "-t", "tree", "/dev/null")
        dates = {"AUTHOR": authored or when, "COMMITTER": when}
        env = {f"GIT_{who}_DATE": f"@{int(time)} {zone}" for who, time in dates.items()}
        env |= {f"GIT_{who}_{what}": "a" for who in dates for what in ("NAME", "EMAIL")}
        self.commits[name] = self.git("commit-tree", tree, *follows, "-m", f"{name}\n\n{message}", env=env)
        return self.commits[name]

    def stage(self, name, stage, *states):
        """What became of a commit in a stage: `(when, state)`, perhaps why, and whether it opens by itself."""
        for when, state, *about in states:
            why, opens = [*about, *("", False)[len(about) :]]
            self.states.append(StreamStageState(self.commits[name], stage, when, state, why, ("shop",), opens))

    def deploy(self, app, number, name, began, committed, **about):
        """An attempt to deploy version NUMBER, built from a commit; it ends when it's confirmed."""
        archive = about.pop("archive", f"{app}-{number}")
        ended = about.pop("ended", committed)
        identity = about.pop("id", f"{len(self.deployments):04d}-{app}-{number}")
        self.deployments.append(
            DeploymentAttempt(
                id=identity,
                run=f"run-{identity}",
                app=app,
                version=str(number),
                archive=archive,
                commit=self.commits.get(name, name),
                began=began,
                ended=ended,
                committed_at=committed,
                **about,
            )
        )
        return identity

    def plain(self, number, day, name):
        """A release as most are: it waits for 10 min, for 5 min, 70 min for a person, and 5 min for the next run."""
        more = number * 60
        self.stage(name, "commit", (at(day, "9:10"), "running"), (at(day, "9:15"), "passed"))
        accepted = at(day, "9:50") + more
        self.stage(
            name,
            "acceptance",
            (at(day, "9:15"), "waiting"),
            (at(day, "9:20"), "running"),
            (accepted, "passed"),
        )
        begins, ends = at(day, "11:05") + more, at(day, "11:15") + more
        self.stage(name, "release", (accepted, "blocked"), (begins, "running"), (ends, "passed"))
        self.approvals.append(StreamApproval(f"shop-{number}", "production", at(day, "11:00") + more))
        return self.deploy("shop", number, name, begins, ends)

    def known(self, now, head):
        """All of it, the commits as git tells them."""
        wanted = [*(one.commit for one in self.deployments), self.commits[head]]
        return StreamInput(
            environment="production",
            stage="release",
            order=ORDER,
            commits=read_commits(self.root, wanted),
            head=self.commits[head],
            ends=cut_off(self.root),
            deployments=tuple(sorted(self.deployments, key=lambda one: one.began)),
            states=tuple(self.states),
            approvals=tuple(self.approvals),
            stops=tuple(self.stops),
            marks=tuple(self.marks),
            now=now,
        )
