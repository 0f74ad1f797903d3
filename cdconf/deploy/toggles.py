"""Keeps apps' feature toggles on hosts as the inventory has them: a part of provision, plan, drift and deploy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.events import Cause, Emit, ResourceDone, ResourceStatus
from cdconf.inventory import ToggleValue, load_toggles
from cdconf.inventory.toggles import word

if TYPE_CHECKING:
    from cdconf.inventory import App, Environment, Project
    from cdconf.session import Session

Values = Mapping[str, ToggleValue]


def toggles_document(project: Project, environment: Environment, app: App) -> dict[str, Any]:
    """What the agent needs to know of the app's toggles, beside `App.document`; empty when it has none."""
    return document_of(app, load_toggles(project, environment.name)[app.name]) if app.toggles else {}


def document_of(app: App, values: Values) -> dict[str, Any]:
    """The same, of values that are known already."""
    wanted = {name: value.on for name, value in values.items()}
    return {"toggles": {"path": app.toggles_file, "values": wanted, "reload": app.toggles_reload}}


@dataclass(frozen=True)
class ToggleDifferences:
    """How an app's toggles on a host aren't as the inventory has them.

    Attributes:
        lines: For people, `new_checkout: off -> on [inventories/dev/toggles.yml:3]` a line; none when all is well.
        source: Where the first one that differs is set.
        by_hand: Whether someone has changed the file itself.
        not_applied: Whether the inventory says something else than what was written last, or that wasn't finished.
    """

    lines: tuple[str, ...]
    source: str
    by_hand: bool
    not_applied: bool

    @property
    def cause(self) -> Cause | None:
        """Why they differ; None where they don't."""
        if not self.lines:
            return None
        if self.by_hand:
            return "both" if self.not_applied else "by_hand"
        return "not_applied"


def differences(app: App, values: Values, look: Mapping[str, Any]) -> ToggleDifferences:
    """Compares what the inventory says with what a host's agent saw; see `toggle_calls.look`."""
    here: dict[str, bool] = look["values"] or {}
    wrong = [name for name, value in values.items() if here.get(name) != value.on]
    lines = [f"{name}: {word(here.get(name))} -> {word(values[name].on)} [{values[name].source}]" for name in wrong]
    lines += [f"{name}: {word(on)} -> (not declared any more)" for name, on in here.items() if name not in values]
    if look["problem"] is not None:
        lines.append(look["problem"])
    if look["trial"] is not None:
        changed = ", ".join(look["unproven"]) or "nothing"
        lines.append(f"never proven, since {look['trial']['owner']} was interrupted: {changed}")
    if look["reload_due"]:
        lines.append("its services haven't been reloaded since")
    source = values[wrong[0]].source if wrong else f"{app.file}:{app.line}"
    last = look["last"]
    by_hand = last is not None and (look["values"] != last or look["problem"] is not None)
    wanted = {name: value.on for name, value in values.items()}
    return ToggleDifferences(
        tuple(lines), source, by_hand, last != wanted or look["trial"] is not None or look["reload_due"]
    )


Left = Callable[["Session", "App", ToggleDifferences], "str | None"]


class ToggleKeeper:
    """Compares the toggles of all apps on a host, and puts them right.

    Args:
        project: The project.
        environment: The environment.
        skip: Look at nothing, in a run that's about certain roles only.

    Raises:
        InvalidFile: The environment's toggles.yml breaks a rule.
    """

    def __init__(self, project: Project, environment: Environment, *, skip: bool = False) -> None:
        self._values = {} if skip else load_toggles(project, environment.name)
        self._apps = [] if skip else [app for app in project.apps.values() if app.toggles]

    def found(self, session: Session) -> list[tuple[App, ToggleDifferences]]:
        """The apps whose toggles on a host aren't as they should be, and how."""
        looked = [(app, self._look(session, app)) for app in self._on(session)]
        return [(app, found) for app, found in looked if found.lines]

    def differ(self, session: Session, only: App | None = None) -> bool:
        """Whether the toggles of any app, or of one, aren't as they should be on a host."""
        apps = [app for app in self._on(session) if only is None or app.name == only.name]
        return any(self._look(session, app).lines for app in apps)

    def keep(
        self, session: Session, emit: Emit, counts: dict[str, int], *, check: bool, left: Left | None = None
    ) -> None:
        """Puts the toggles right on a host, or says what isn't; adds to the host's counts.

        Args:
            session: The host's session.
            emit: The event stream.
            counts: The host's resources by what became of them.
            check: Change nothing.
            left: Says why some are left as they are; None where they aren't.
        """
        for app in self._on(session):
            found = self._look(session, app)
            why = left(session, app, found) if found.lines and left is not None else None
            differs: ResourceStatus = "would_change" if check or why else "changed"
            status = differs if found.lines else "ok"
            if status == "changed":
                session.toggles_put(self._document(app))
            diff = "".join(f"{line}\n" for line in found.lines) or None
            emit(
                ResourceDone(
                    *(session.host.name, "toggles", app.toggles_file, status, found.source, diff),
                    by_hand=found.by_hand,
                    left=why,
                    cause=found.cause if check else None,
                )
            )
            counts[status] = counts.get(status, 0) + 1

    def _on(self, session: Session) -> list[App]:
        return [app for app in self._apps if app.runs_on(session.host)]

    def _document(self, app: App) -> dict[str, Any]:
        return app.document() | document_of(app, self._values[app.name])

    def _look(self, session: Session, app: App) -> ToggleDifferences:
        look = session.toggles_look(self._document(app))
        return differences(app, self._values[app.name], look)
