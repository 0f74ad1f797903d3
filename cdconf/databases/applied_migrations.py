"""Which shape an environment's database has, by what its hosts remember of its migrations; pure.

A release's expand adds what it needs and leaves what the releases before it need; its contract removes what it doesn't
need itself. So the contract of a release shuts out every release that is older than it: those that were first expanded
before it, and those that hosts gave up for it. It does so from the moment in which it begins, whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from cdconf.agent.migrations.migrations import merged
from cdconf.errors import GateClosed

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.inventory import App

Phase = Literal["expand", "contract"]
Entry = Mapping[str, Any]  # see cdconf.agent.migrations.migrations
Pages = Mapping[str, Mapping[str, Any]]


class Shape:
    """What all hosts of an app remember together.

    Args:
        memories: Host -> its entries.
    """

    def __init__(self, memories: Mapping[str, list[Entry]]) -> None:
        self._memories = memories
        self.entries: list[Entry] = merged(*memories.values())

    @classmethod
    def of(cls, pages: Pages) -> Shape:
        """The shape by what the agents' `app.status` say."""
        return cls({host: page.get("migrations", []) for host, page in pages.items()})

    def find(self, phase: Phase, tree: str) -> Entry | None:
        """The last run of a release's migration."""
        return next((entry for entry in self.entries if (entry["phase"], entry["tree"]) == (phase, tree)), None)

    def done(self, phase: Phase, tree: str, command: str | None) -> Entry | None:
        """The run that makes another one superfluous: it ended well, and was this command."""
        found = self.find(phase, tree)
        return found if found and found["state"] == "done" and found["command"] == command else None

    def last(self, phase: Phase) -> Entry | None:
        """The newest run of a phase."""
        return next((entry for entry in reversed(self.entries) if entry["phase"] == phase), None)

    def next(self, phase: Phase, tree: str, release: str, command: str | None, host: str, run: str) -> Entry:
        """The entry of a run that is about to begin."""
        number = max((entry["number"] for entry in self.entries), default=0) + 1
        expanded = self.find("expand", tree)
        unknown = number if phase == "expand" else 0
        return {
            "phase": phase,
            "tree": tree,
            "release": release,
            "version": version_of(release),
            "command": command,
            "number": number,
            "order": expanded["order"] if expanded else unknown,
            "state": "begun",
            "host": host,
            "run": run,
            "began": None,
            "ended": None,
            "status": None,
            "forgotten": [],
        }

    def lacks(self, host: str, entries: list[Entry]) -> bool:
        """Whether a host doesn't remember all of these entries."""
        return bool(merged(self._memories.get(host, [])) != entries)

    def barred_by(self, tree: str, *, unknown: bool) -> Entry | None:
        """The contract that has removed what a release needs; None when it may run.

        Args:
            tree: The release's tree digest.
            unknown: Whether a release that was never expanded here, as far as is known, counts as older than every
                contract: one that is to be gone back to is; a new one isn't.
        """
        mine = self.find("expand", tree)
        for entry in reversed(self.entries):
            if entry["phase"] != "contract" or entry["tree"] == tree:
                continue
            is_older = mine["order"] < entry["order"] if mine else unknown
            if is_older or tree in entry["forgotten"]:
                return entry
        return None

    def check_deploy(self, app: App, artifact: Artifact) -> None:
        """Raises `GateClosed` for an artifact that needs what a contract has removed."""
        by = self.barred_by(artifact.tree, unknown=False)
        if by:
            raise _barred(app, artifact.release, by, "deploy a build that works with the new shape")

    def check_rollback(self, app: App, pages: Pages, release: str) -> None:
        """Raises `GateClosed` for a release to go back to that needs what a contract has removed."""
        tree = next((page["releases"][release]["tree"] for page in pages.values() if release in page["releases"]), "")
        by = self.barred_by(tree, unknown=True)
        if by:
            raise _barred(app, release, by, "go forward instead: deploy a build that mends what's wrong")

    def check_version(self, app: App, version: str) -> None:
        """Raises `GateClosed` for a version to go back to that was given up for a contract, or is older than one."""
        for entry in self.entries:
            if entry["phase"] == "expand" and entry["version"] == version:
                by = self.barred_by(entry["tree"], unknown=True)
                if by:
                    raise _barred(
                        app, entry["release"], by, "go forward instead: deploy a build that mends what's wrong"
                    )

    def why_no_further(self) -> str | None:
        """Why there's nothing to go back to, when a contract is the reason."""
        last = self.last("contract")
        if last is None:
            return None
        return f"{told(last)}, and earlier releases need what it removes: go forward instead"


def _barred(app: App, release: str, by: Entry, hint: str) -> GateClosed:
    return GateClosed(
        f"{release} of '{app.name}' needs the database's old shape: {told(by)}",
        hint=f"{hint}; if the database was restored to an older state, see `cdconf deploy --forget-migrations`",
    )


def told(entry: Entry) -> str:
    """A run in words: `the contract of 2.0 ran on web1 at 2026-11-25 10:00:00`."""
    word = {"done": "ran", "failed": "failed", "begun": "was begun"}[entry["state"]]
    end = ", and its end isn't known" if entry["state"] == "begun" else ""
    return f"the {entry['phase']} of {entry['version']} {word} on {entry['host']} at {moment(entry)}{end}"


def moment(entry: Entry) -> str:
    """When a run ended, or began, in local time."""
    return clock(entry["ended"] or entry["began"] or 0)


def clock(seconds: float) -> str:
    """Seconds since 1970 in local time."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def version_of(release: str) -> str:
    """The version in a release's name, `1.4` of `1.4-3f2a9c0b1d5e`."""
    return release.rpartition("-")[0]
