"""Where an interrupted deployment or rollback stands, by what the hosts' ledgers say, and how it's to be ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cdconf.drift import kind_of, under_way

Ending = Literal["confirm", "finish", "roll_back", "again"]
Pages = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class InterruptedDeployment:
    """An app's interrupted deployment, or rollback.

    Args:
        release: What was being deployed, or gone back to.
        confirmed: Hosts that run it, verified: by this deployment or before.
        activated: Hosts that run it, or another release that was never confirmed, and may go back by themselves.
        reverted: Hosts that have gone back by themselves.
        others: Hosts that it didn't come to.
        ending: What ends it. `confirm`: every host has it, so it's verified once more and confirmed. `finish`: it was
            decided, and some hosts didn't hear of it, so it's deployed to these. `again`: no host was touched, so
            there's nothing to end. `roll_back`: anything else.
        staged: Of `others`, those that hold the release beside the one that they run.
        unlinked: Of `activated`, those that were about to be switched to it, and still run what they ran.
        run: Which run it was.
        kind: What was interrupted.
    """

    release: str
    confirmed: tuple[str, ...]
    activated: tuple[str, ...]
    reverted: tuple[str, ...]
    others: tuple[str, ...]
    ending: Ending
    staged: tuple[str, ...] = ()
    unlinked: tuple[str, ...] = ()
    run: str | None = None
    kind: str = "deployment"

    @property
    def what(self) -> str:
        """What was interrupted, with its release."""
        return f"{self.kind} {'to' if self.kind == 'rollback' else 'of'} {self.release}"

    def __str__(self) -> str:
        parts = [
            ("verified on", self.confirmed),
            ("active, unconfirmed on", [host for host in self.activated if host not in self.unlinked]),
            ("about to be activated on", self.unlinked),
            ("taken back by the dead man's switch on", self.reverted),
            ("staged on", self.staged),
            ("not on", [host for host in self.others if host not in self.staged]),
        ]
        where = "; ".join(f"{words} {', '.join(hosts)}" for words, hosts in parts if hosts)
        untouched = ", before any host was touched" if self.ending == "again" else ""
        return f"the {self.what} was interrupted{untouched}: {where}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON documents."""
        return {
            "release": self.release,
            "confirmed": list(self.confirmed),
            "activated": list(self.activated),
            "reverted": list(self.reverted),
            "others": list(self.others),
            "staged": list(self.staged),
            "unlinked": list(self.unlinked),
            "ending": self.ending,
            "run": self.run,
            "kind": self.kind,
        }


def standing(
    pages: Pages,
    leases: Mapping[str, Mapping[str, Any] | None],
    left: Mapping[str, Mapping[str, Any] | None] | None = None,
) -> InterruptedDeployment | None:
    """How an app's hosts stand after an interruption.

    Args:
        pages: Host -> what its agent's `app.status` says.
        leases: Host -> who holds it, None for nobody.
        left: Host -> the run that never gave it back, None when there's none; see `Session.left`.

    Returns:
        None when there's nothing to end: all is well, or a deployment is at work.
    """
    if any(under_way(dict(page), _plain(leases.get(name))) for name, page in pages.items()):
        return None
    found = _interrupted(pages)
    if found is None:
        return _untouched(pages, left or {})
    release, run = found
    confirmed = tuple(name for name, page in pages.items() if _settled(page, release))
    activated = tuple(name for name, page in pages.items() if page["activating"] is not None)
    reverted = tuple(
        name for name, page in pages.items() if name not in (*confirmed, *activated) and _of_run(page, "reverted", run)
    )
    others = tuple(name for name in pages if name not in (*confirmed, *activated, *reverted))
    decided = any(_of_run(page, "confirmed", run) for page in pages.values())
    everywhere = not reverted and not others and all(pages[name]["activating"]["to"] == release for name in activated)
    linked = all(pages[name]["linked"] == release for name in activated)
    ending: Ending = "confirm" if everywhere and linked else "finish" if decided else "roll_back"
    staged = tuple(name for name in others if _begun(pages[name]) == (release, run))
    unlinked = tuple(name for name in activated if pages[name]["linked"] != pages[name]["activating"]["to"])
    kind = _kind(pages, run)
    return InterruptedDeployment(release, confirmed, activated, reverted, others, ending, staged, unlinked, run, kind)


def _untouched(pages: Pages, left: Mapping[str, Mapping[str, Any] | None]) -> InterruptedDeployment | None:
    """A deployment that staged its release on some hosts, and whose run was killed before it activated it anywhere."""
    for name, page in pages.items():
        run, begun = left.get(name), _begun(page)
        if run is not None and begun is not None and begun[1] == run["run"]:
            if any(_came_further(other, begun[1]) for other in pages.values()):
                return None  # and has ended: else a host would still be active and unconfirmed
            staged = tuple(host for host, other in pages.items() if _begun(other) == begun)
            kind = _kind(pages, begun[1])
            return InterruptedDeployment(begun[0], (), (), (), tuple(pages), "again", staged, run=begun[1], kind=kind)
    return None


def _came_further(page: Mapping[str, Any], run: str) -> bool:
    """Whether a run did more on a host than to stage its release."""
    about = (page.get("recent") or {}).get(run) or {"events": []}
    ended = _of_run(page, "reverted", run) or _of_run(page, "confirmed", run)
    return ended or any(event != "staged" for event in about["events"])


def _kind(pages: Pages, run: str) -> str:
    kinds = {kind_of(page, run) for page in pages.values()}
    notes = (page.get(name) or {} for page in pages.values() for name in ("activating", "confirmed"))
    taken_up = any(note.get("run") == run and note.get("back") for note in notes)  # by a run of another name
    return "rollback" if "rollback" in kinds or taken_up else "deployment"


def _begun(page: Mapping[str, Any]) -> tuple[str, str] | None:
    begun = page.get("begun")
    return (begun["release"], begun["run"]) if begun else None


def _plain(lease: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return dict(lease) if lease is not None else None


def _interrupted(pages: Pages) -> tuple[str, str] | None:
    """(release, run) of the newest deployment that left a host unconfirmed, or on its own while others were told."""
    begun = [page["activating"] for page in pages.values() if page["activating"] is not None]
    if begun:
        newest = max(begun, key=lambda one: float(one["at"]))
        return newest["to"], newest["run"]
    decided = {page["confirmed"]["run"] for page in pages.values() if page["confirmed"] is not None}
    for page in pages.values():
        note = page["reverted"]
        if note is not None and note["run"] in decided and page["verified"][-1:] != [note["release"]]:
            return note["release"], note["run"]
    return None


def _settled(page: Mapping[str, Any], release: str) -> bool:
    return page["activating"] is None and page["verified"][-1:] == [release] and page["linked"] == release


def _of_run(page: Mapping[str, Any], end: str, run: str) -> bool:
    return page[end] is not None and page[end]["run"] == run
