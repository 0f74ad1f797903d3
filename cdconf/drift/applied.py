"""`drift --applied`: each host compares itself with what it remembers; no role, template or secret is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cdconf.drift.noting import Noting
from cdconf.drift.releases import check_releases
from cdconf.errors import DIFFERENT, FAILED, OK
from cdconf.events import Emit, HostDone, HostStep, ResourceDone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.engine import Fleet
    from cdconf.errors import CdconfError
    from cdconf.inventory import App, Host, Project
    from cdconf.session import Session
    from cdconf.session.answers import AppliedFiles

_DIFFERENT = ("would_change", "unknown", "orphaned")


class AppliedLook:
    """One run's look.

    Args:
        project: cdconf.yml.
        fleet: The connected hosts.
        emit: The event stream.

    Attributes:
        errors: Name -> error of the hosts that couldn't be looked at.
        applied: Host -> from which files it was provisioned last.
    """

    def __init__(self, project: Project, fleet: Fleet, emit: Emit) -> None:
        self._fleet = fleet
        self._look = HostLook(project, fleet.environment.name, emit)
        self.errors: dict[str, CdconfError] = {}
        self.applied: dict[str, AppliedFiles | None] = {}

    def run(self, hosts: Sequence[Host]) -> list[int]:
        """Looks at hosts, their apps' releases and toggles; returns the exit codes of those that could be looked at."""
        results, errors = self._fleet.each(self._fleet.connected(hosts), self._look.resources).split()
        self.errors |= errors
        codes = []
        for name, result in results.items():
            self.applied[name] = result.get("applied")
            counts = result["counts"]
            code = DIFFERENT if any(counts.get(one) for one in _DIFFERENT) else OK
            codes.append(FAILED if result["failed"] else code)
        drifted, errors = self._fleet.each(self._fleet.connected(hosts), self._look.releases).split()
        self.errors |= errors
        return codes + [DIFFERENT for is_drifted in drifted.values() if is_drifted]


class HostLook:
    """Looks at hosts, each by its own session.

    Args:
        project: cdconf.yml.
        environment: The environment's name.
        emit: Gets an event for each resource, release, and file of toggles.
    """

    def __init__(self, project: Project, environment: str, emit: Emit) -> None:
        self._project, self._environment, self._emit = project, environment, emit
        self._noting = Noting()

    def releases(self, session: Session) -> bool:
        """Looks at the releases of a host's apps; whether one has drifted. Comes after `resources`."""
        return check_releases(self._project, self._environment, session, self._emit, self._noting, with_files=False)

    def resources(self, session: Session) -> Mapping[str, Any]:
        """Looks at a host's resources and its apps' toggles; returns what `Looked` declares."""
        name = session.host.name
        self._emit(HostStep(name, "comparing with what was applied"))
        result = session.drift_applied(on_event=lambda event: self._emit(ResourceDone(host=name, **event)))
        self._noting.told[name] = result["told"]
        counts: dict[str, int] = dict(result["counts"].items())  # statuses are texts
        for app in self._project.apps_on(session.host):
            if app.toggles:
                self._look_at_toggles(session, app, counts)
        changed = counts.get("would_change")
        self._emit(HostDone(name, "failed" if result["failed"] else "changed" if changed else "ok"))
        return {**result, "counts": counts}

    def _look_at_toggles(self, session: Session, app: App, counts: dict[str, int]) -> None:
        """Compares an app's toggles with those that were written last, whatever the inventory says."""
        about = {**app.known, "user": app.user}
        look = session.toggles_look(
            {**about, "toggles": {"path": app.toggles_file, "values": {}, "reload": app.toggles_reload}}
        )
        last, values = look["last"], look["values"]
        lines = []
        if last is not None:
            now = values or {}
            lines = sorted(name for name in {*last, *now} if last.get(name) != now.get(name))
            lines += [look["problem"]] if look["problem"] is not None else []
        what = f"not as applied: {', '.join(lines)}" if lines else None
        done = ResourceDone(
            *(session.host.name, "toggles", app.toggles_file, "would_change" if lines else "ok"),
            source=f"{app.file}:{app.line}",
            message=what,
            by_hand=bool(lines),
            cause="by_hand" if lines else None,
        )
        self._emit(self._noting.since(session, done))
        counts[done.status] = counts.get(done.status, 0) + 1
