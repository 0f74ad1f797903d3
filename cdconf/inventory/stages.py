"""The stages of cdconf.yml's `pipeline`, as they're written."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from cdconf.errors import InvalidFile
from cdconf.inventory.values import names
from cdconf.yamlfile import YamlMap, expect


def stages_of(top: Mapping[str, Any]) -> list[YamlMap]:
    """The stages: `pipeline` is a list of them, or a mapping whose `stages` is one.

    Args:
        top: The whole of cdconf.yml.
    """
    pipeline = top.get("pipeline")
    stages = pipeline.get("stages") if isinstance(pipeline, dict) else pipeline
    return [stage for stage in stages if isinstance(stage, YamlMap)] if isinstance(stages, list) else []


def inputs_of(stage: YamlMap) -> tuple[str, ...]:
    """The files and directories that a stage's command reads, relative to the project.

    Raises:
        InvalidFile: There's a `run` and no `inputs`, or one of them leads out of the project.
    """
    what = f"stage '{stage.get('stage')}'"
    found = names(stage, "inputs", what, ())
    if expect(stage, "run", str, what, None) is not None and not found:
        raise InvalidFile(
            f"{what} has a `run`, but no `inputs`",
            file=stage.file,
            line=stage.where("run")[1],
            hint="name the files and directories in `inputs: [src, tests]`: they are part of the procedure",
        )
    for path in found:
        if path.startswith("/") or ".." in path.split("/") or posixpath.normpath(path) == ".git":
            raise stage.error(f"'{path}' in 'inputs' of {what} must be a path below the project", "inputs")
    return tuple(dict.fromkeys(posixpath.normpath(path) for path in found))
