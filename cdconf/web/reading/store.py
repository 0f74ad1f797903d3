"""What the artifact store says of the line: stops that stand, and overrides; read once for all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.artifacts.attestations import STOP
from cdconf.errors import CdconfError
from cdconf.history.reading import statements
from cdconf.pipeline.indexed import index_store
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.overrides import overridden
from cdconf.promotion.stops import standing

if TYPE_CHECKING:
    from cdconf.history.recorded import Statement
    from cdconf.web.reading.sources import Sources

_MOST = 200


def line_of(sources: Sources) -> dict[str, Any]:
    """The stops that stand, each with the command that lifts it.

    Raises:
        CdconfError: The store or the signers can't be read.
    """
    evidence = Evidence.of(sources.project, sources.emit)
    stops = []
    for name, stop in standing(checked_object for those in evidence.every(STOP).values() for checked_object in those):
        if stop.project != sources.project.name:
            continue
        what = stop.app if stop.subject is None else f"{stop.app}@{stop.version}"
        about = {"statement": name, "app": stop.app, "what": what, "version": stop.version, "by": stop.by}
        command = f"cdconf pipeline resume {what} --note WHY"
        stops.append({**about, "why": stop.why, "at": stop.at, "command": command})
    return {"stops": stops[:_MOST]}


def overrides_of(sources: Sources) -> list[dict[str, Any]]:
    """Gates that were passed without what they ask for, the last one first."""
    found: list[dict[str, Any]] = []
    evidence = Evidence.of(sources.project, sources.emit)
    for name in sources.project.filed():
        try:
            environment = sources.environment(name)
            those = overridden(evidence, environment)
        except CdconfError:
            continue  # the environment's own page says what's wrong with it
        for one in those:
            about = {"statement": one.name, "environment": name, "what": one.what, "by": one.said.by}
            state = "healed" if one.is_healed else "overridden"
            found.append({**about, "at": one.said.at, "reason": one.said.reason, "state": state})
            found[-1]["missing"] = list(one.said.missing)
    return sorted(found, key=lambda one: one["at"], reverse=True)[:_MOST]


def said(sources: Sources) -> list[Statement]:
    """All that the store's objects say.

    Raises:
        CdconfError: The store can't be read.
    """
    index_store(sources.project, sources.store, sources.emit)
    return statements(sources.store)
