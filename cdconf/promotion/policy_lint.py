"""What a policy probably doesn't mean: names that the project hasn't, windows that never open."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cdconf.catalog.findings import LintFinding
from cdconf.inventory.opening import SEARCHED, opens
from cdconf.promotion.stage_pins import changed

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.inventory.pipeline import Require
    from cdconf.promotion.policy_model import Policy


def findings(policy: Policy, project: Project) -> list[LintFinding]:
    """Warnings about a policy, by the project as its files are now.

    Args:
        policy: The policy.
        project: The project that it's for.
    """
    found = []
    for key, pin, own in (("project", policy.project, project.name), ("store", policy.store, project.store)):
        if pin is not None and pin.value.rstrip("/") != (own or "").rstrip("/"):
            said = f"the {key} '{own}'" if own else f"no {key}"
            found.append(_finding(f"cdconf.yml says {said}, so nothing is brought anywhere", pin.source))
    stages = [stage.name for stage in project.pipeline.stages]
    for name, require in policy.environments.items():
        if name not in project.filed():
            text = f"there is no environment '{name}' in inventories/"
            found.append(LintFinding("policy", text, policy.file, 1))
        for entry in require.entries:
            missing = [stage for stage in entry.stages if stage not in stages]
            bare = [stage for stage in entry.stages if stage in stages and stage not in policy.stages]
            if bare:
                text = f"nothing says what stage '{bare[0]}' stands for, so a commit may make something easier of it"
                found.append(_finding(f"{text}: add it to `stages`", entry.source))
            if missing:
                text = f"the pipeline in cdconf.yml has no stage '{missing[0]}', so nothing can be brought to {name}"
                found.append(_finding(text, entry.source))
        found += _never(name, require)
    for name, meant in policy.stages.items():
        if name not in stages:
            found.append(_finding(f"the pipeline in cdconf.yml has no stage '{name}'", meant.source))
    found += [
        _finding(why, policy.stages[name].source) for name, why in changed(policy.stages, project.pipeline.stages)
    ]
    return found


def _never(name: str, require: Require) -> list[LintFinding]:
    if not require.windows or opens(require.windows, (), time.time()) is not None:
        return []
    text = f"no moment of the next {SEARCHED} days is in all windows of {name}"
    return [_finding(text, require.windows[-1].source)]


def _finding(text: str, source: str) -> LintFinding:
    file, _, line = source.rpartition(":")
    return LintFinding("policy", text, file, int(line))
