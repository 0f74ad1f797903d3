"""What `status` and `history` show of stops and overrides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import ArtifactError, CdconfError
from cdconf.events import Notice

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.promotion.overrides import Overridden


@dataclass
class LineState:
    """What stands in the way of releases that run, or was passed for them: archive's digest -> for people."""

    overridden: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)

    def words(self, archive: str | None) -> list[str]:
        """What a row says of a release."""
        if archive is None:
            return []
        over = ["OVERRIDDEN"] if archive in self.overridden else []
        return over + (["stopped"] if archive in self.stopped else [])


def line_state(run: Run, pages: Iterable[Mapping[str, Mapping[str, Any]]]) -> LineState:
    """What the store says of an environment on the line, and of what runs there; says it, and never fails.

    Args:
        run: The run of `status`.
        pages: Of each host: app -> its page.
    """
    from cdconf.promotion.requirements import requirements_of

    found = LineState()
    running = {(app, archive) for page in pages for app, about in page.items() if (archive := running_archive(about))}
    try:
        if requirements_of(run.project, run.environment).is_empty:
            return found
        _read(run, running, found)
    except CdconfError as error:
        run.emit(Notice(f"can't find out what is stopped or overridden: {error.message}", warning=True))
    return found


def _read(run: Run, running: set[tuple[str, str]], found: LineState) -> None:
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.overrides import overridden
    from cdconf.promotion.stops import standing

    evidence = Evidence.of(run.project, run.emit)
    shown: list[dict[str, Any]] = []
    for one in overridden(evidence, run.environment):
        archive = one.said.subject.archive if one.said.subject else None
        if one.is_healed or (archive is not None and archive not in {known for _, known in running}):
            continue
        text = f"OVERRIDDEN: {one.what} without {', '.join(one.said.missing)}, by {one.said.by}: {one.said.reason}"
        run.emit(Notice(text, warning=True))
        shown.append({"statement": one.name, "what": one.what, "by": one.said.by, "reason": one.said.reason})
        if archive is not None:
            found.overridden[archive] = text
    stops: dict[str, dict[str, Any]] = {}
    for app, archive in sorted({*running, *((name, "") for name in run.project.apps)}):
        for name, stop in standing(evidence.stops(app, archive or None)):
            if (stop.project, stop.app) != (run.project.name, app) or name in stops:
                continue
            what = f"all of {app}" if stop.subject is None else f"{app}@{stop.version}"
            run.emit(Notice(f"{what} is stopped by {stop.by}: {stop.why}", warning=True))
            stops[name] = {"statement": name, "what": what, "by": stop.by, "why": stop.why}
            if stop.subject is not None:
                found.stopped[stop.subject.archive] = stop.why
    run.extra |= {"overrides": shown, "stops": list(stops.values())}


def running_archive(page: Mapping[str, Any]) -> str | None:
    """The archive's digest of the release that runs."""
    about = page["releases"].get(page["linked"]) or {}
    archive = about.get("archive")
    return archive if isinstance(archive, str) else None


def healed_among(run: Run, runs: Iterable[Mapping[str, Any]]) -> set[str]:
    """The objects of those of some runs' overrides that a later proof has healed."""
    from cdconf.inventory import load_environment
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.overrides import overridden

    names = {str(one["environment"]) for one in runs if one.get("overridden") and one["environment"]}
    found: list[Overridden] = []
    for name in sorted(names & set(run.project.environments())):
        try:
            environment = load_environment(run.project, name)
            found += overridden(Evidence.of(run.project, lambda event: None), environment)
        except (ArtifactError, CdconfError) as error:
            run.emit(
                Notice(
                    f"can't find out whether {name} has its proof since it was overridden: {error.message}",
                    warning=True,
                )
            )
    return {one.name for one in found if one.is_healed}
