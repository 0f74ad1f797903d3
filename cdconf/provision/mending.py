"""What `drift --fix` does on hosts, in the place of what `provision` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cdconf.drift.mendable import SHARED_DIFFER, WAIVED, ReleaseLook, ReleaseMend, decide
from cdconf.drift.releases import changed_files, changes_of
from cdconf.engine.fix_host import mend_host
from cdconf.events import Emit, Event, ResourceDone

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.deploy.toggles import ToggleDifferences, ToggleKeeper
    from cdconf.drift.fixing import Fixing
    from cdconf.inventory import App
    from cdconf.session import Session

BY_FILES = "the inventory says something else than what was applied"


@dataclass
class MendingRun:
    """One run of `drift --fix`.

    Attributes:
        environment: The environment's name.
        waived: Host -> (type, title) of what is waived there.
        missing: Whether the artifact store lacks an artifact, by app, version and archive: why it can't be deployed.
        later: Whether hosts are about to get their releases again: handlers wait for that, and nothing is proven yet.
        releases: (host, app) -> what is done about a release that isn't as it was deployed, once `look` was there.
    """

    environment: str
    waived: Callable[[str], Sequence[tuple[str, str]]]
    missing: Callable[[str, str, str], str | None]
    later: bool = False
    releases: dict[tuple[str, str], ReleaseMend] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """What hosts and other runs are told of it."""
        return "drift --fix"

    def converge(
        self,
        session: Session,
        compiler: Compiler,
        emit: Emit,
        *,
        check: bool,
        prune: bool = False,
        files: object = None,
    ) -> dict[str, Any]:
        """See `converge_host`."""
        leave = self.waived(session.host.name)
        return mend_host(session, compiler, emit, check=check, leave=leave, later=self.later)

    def would_change(self, session: Session, compiler: Compiler, toggles: ToggleKeeper, apps: Sequence[App]) -> bool:
        """Whether anything is to be put right on a host that serves apps."""
        result = mend_host(session, compiler, _quiet, check=True, leave=self.waived(session.host.name))
        return (
            bool(result["mends"] or result["failed"])
            or any(self.toggles_left(session, app, found) is None for app, found in toggles.found(session))
            or any(self._restarts(session, app) for app in apps)
        )

    def toggles_left(self, session: Session, app: App, found: ToggleDifferences) -> str | None:
        """Why toggles that differ are left; None when they're put right."""
        if ("toggles", app.toggles_file) in self.waived(session.host.name):
            return WAIVED
        return None if found.cause == "by_hand" else BY_FILES

    def look(self, session: Session, apps: Sequence[App], toggles: ToggleKeeper) -> None:
        """Decides what is done about the releases of a host's apps.

        Raises:
            CdconfError: The host can't be asked.
        """
        for app in apps:
            mend = self._decided(session, app, toggles)
            if mend is not None:
                self.releases[session.host.name, app.name] = mend

    def _decided(self, session: Session, app: App, toggles: ToggleKeeper) -> ReleaseMend | None:
        page = session.app_status(app.document())
        changes = changes_of(session, app)[0] if page["linked"] else []
        differ = [found for one, found in toggles.found(session) if one.name == app.name and found.cause != "by_hand"]
        mend = decide(ReleaseLook(page, session.lease, changes, bool(differ)), app, self.environment)
        if mend is None:
            return None
        if ("release", app.name) in self.waived(session.host.name):
            return ReleaseMend(left=WAIVED)
        lacks = self.missing(app.name, mend.version, mend.archive) if mend.way == "deploy" else None
        return ReleaseMend(left=lacks, repair=f"`cdconf deploy {app.name} --to {self.environment}`") if lacks else mend

    def marked(self, emit: Emit) -> Emit:
        """An event stream in which releases say whether they're left."""

        def tell(event: Event) -> None:
            if isinstance(event, ResourceDone) and event.type == "release" and event.status == "would_change":
                mend = self.releases.get((event.host, event.title))
                if mend is not None and mend.left is not None:
                    event = replace(event, left=mend.left, repair=mend.repair)
                if mend is None and event.cause == "not_applied":
                    event = replace(event, left=SHARED_DIFFER)
            emit(event)

        return tell

    def restart(self, session: Session, apps: Sequence[App], emit: Emit, counts: dict[str, int]) -> None:
        """Restarts services of verified releases that have stopped; adds to the host's counts."""
        for app in apps:
            problem = self._restarts(session, app)
            if problem is None:
                continue
            session.app_restart(app.document(), environment=self.environment)
            where = f"{app.file}:{app.line}"
            emit(ResourceDone(session.host.name, "release", app.name, "changed", where, f"{problem}\n", "restarted"))
            counts["changed"] = counts.get("changed", 0) + 1

    def _restarts(self, session: Session, app: App) -> str | None:
        """Why the app's services must be restarted; None where they needn't, or mustn't."""
        if not app.runs_on(session.host) or ("release", app.name) in self.waived(session.host.name):
            return None
        page = session.app_status(app.document())
        if page["problem"] is None or changed_files(session, app):
            return None
        mend = decide(ReleaseLook(page), app, self.environment)
        return str(page["problem"]) if mend is not None and mend.way == "restart" else None


def replayed(events: Sequence[Event], decided: Fixing, emit: Emit) -> None:
    """Tells again what a look has told.

    Args:
        events: What it told.
        decided: What was decided after it.
        emit: The event stream.
    """
    for event in events:
        told = event
        if isinstance(event, ResourceDone) and event.status == "would_change":
            mend = decided.releases_left.get((event.host, event.title)) if event.type == "release" else None
            left = mend.left if mend is not None else decided.release_first.get(event.host)
            repair = mend.repair if mend is not None else event.repair
            told = replace(event, left=event.left or left, repair=repair)
        emit(told)


def _quiet(event: object) -> None:
    """The look before a batch is told by what follows."""
