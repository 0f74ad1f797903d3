"""Reads `pipeline` of cdconf.yml."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cdconf.errors import did_you_mean
from cdconf.inventory import keys
from cdconf.inventory.pipeline import Pipeline, Stage
from cdconf.inventory.section import Section
from cdconf.inventory.stages import inputs_of
from cdconf.inventory.throwaway import LONGEST
from cdconf.yamlfile import YamlList, YamlMap

_MOVED = {
    "approvals": "say `approvals` in `require` of the environment's hosts.yml",
    "require": "gates stand with the environment that they guard: `require` in its hosts.yml",
}


def read_pipeline(top: Section, groups: Iterable[str], apps: Iterable[str], environments: Sequence[str]) -> Pipeline:
    """The pipeline: a list of stages, or a mapping with `stages`.

    Args:
        top: cdconf.yml.
        groups: The names of the project's groups.
        apps: Those of its apps.
        environments: Those of its environments that have a file.

    Raises:
        InvalidFile: It breaks a rule.
    """
    if "pipeline" not in top:
        return Pipeline()
    given = top.mapping["pipeline"]
    if isinstance(given, YamlList):
        given = YamlMap({"stages": given}, file=top.mapping.file, line=top.mapping.where("pipeline")[1])
    if not isinstance(given, YamlMap):
        raise top.error("'pipeline' must be a list of stages, or a mapping with `stages`", "pipeline")
    section = Section(given, keys.PIPELINE, "pipeline")
    stages: list[Stage] = []
    for entry in section["stages"]:
        if not isinstance(entry, YamlMap):
            raise section.error("each stage of the pipeline must be a mapping", "stages")
        stages.append(_stage(entry, stages))
        _check_known(entry, stages[-1], groups, apps, environments)
    return Pipeline(stages=tuple(stages), **section.only("branch", "concurrency", "stop"))


def _stage(entry: YamlMap, before: Sequence[Stage]) -> Stage:
    for key, hint in _MOVED.items():
        if key in entry:
            raise entry.error(f"'{key}' isn't a key of a stage", key, hint)
    name = Section(entry, keys.STAGE, "a pipeline stage")["stage"]
    stage = Section(entry, keys.STAGE, f"stage '{name}'")
    known = [one.name for one in before]
    if name in known:
        raise entry.error(f"there are two stages '{name}'", "stage")
    needs = stage.get("needs", tuple(known[-1:]))
    for one in needs:
        if one not in known:
            text = f"{stage.what} needs '{one}', which isn't a stage above it"
            raise entry.error(text, "needs", did_you_mean(one, known))
    return Stage(
        name=name,
        inputs=inputs_of(entry) if "inputs" in entry else (),
        build=tuple(dict.fromkeys(stage["build"])),
        needs=needs,
        line=entry.line,
        **stage.only("run", "environment", "copy_of", "scale", "ttl", "url", "within"),
    )


def _check_known(
    entry: YamlMap, stage: Stage, groups: Iterable[str], apps: Iterable[str], environments: Sequence[str]
) -> None:
    """Raises `InvalidFile` for a name of an app, an environment or a group that isn't there."""
    what = f"stage '{stage.name}'"
    for app in stage.build:
        if app not in apps:
            raise entry.error(f"{what} builds an unknown app '{app}'", "build", did_you_mean(app, apps))
    if stage.environment is not None and stage.copy_of is not None:
        raise entry.error(f"{what} has both `environment` and `copy_of`", "copy_of", "leave one of them out")
    for key, name in (("environment", stage.environment), ("copy_of", stage.copy_of)):
        if name is not None and name not in environments:
            hint = did_you_mean(name, environments) or f"make inventories/{name}/hosts.yml"
            raise entry.error(f"{what} names an unknown environment '{name}'", key, hint)
    _check_reach(entry, stage, what)
    for group, count in stage.scale.items():
        if group not in groups:
            raise entry.error(f"scale of {what} names an unknown group '{group}'", "scale", did_you_mean(group, groups))
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise entry.error(f"'{group}' in scale of {what} must be a number of hosts, 0 or more", "scale")


def _check_reach(entry: YamlMap, stage: Stage, what: str) -> None:
    """Raises `InvalidFile` for keys that say nothing of such a stage."""
    for key in ("scale", "ttl"):
        if key in entry and stage.copy_of is None:
            text = "only a copy can be scaled" if key == "scale" else "only a copy has a time to live"
            raise entry.error(f"{text}, and {what} makes none", key, "say `copy_of: ENV`")
    if stage.copy_of is not None and not 0 < stage.ttl <= LONGEST.total_seconds():
        raise entry.error(f"'ttl' of {what} must be more than 0, and at most {LONGEST.days}d", "ttl")
    if "url" in entry and stage.place is None:
        raise entry.error(f"{what} deploys nothing, so it has no `url`", "url", "say `environment` or `copy_of`")
    if "within" in entry and (stage.run is None or not stage.within):
        why = "has no `run` that it could be the time of" if stage.run is None else "would have no time at all"
        raise entry.error(f"{what} {why}", "within")
