"""Reads `require` of hosts.yml: what must hold before anything is brought to an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.errors import did_you_mean
from cdconf.inventory import keys
from cdconf.inventory.pipeline import Require
from cdconf.inventory.values import duration, names
from cdconf.yamlfile import YamlMap, expect, shown

if TYPE_CHECKING:
    from cdconf.inventory.model import Project

_SUCH_AS = "such as [parity], [{parity: staging}], [{after: [manual]}, {max_age: 7d}]"


def read_require(project: Project, name: str, top: YamlMap) -> Require | None:
    """What an environment requires; None when its file doesn't say.

    Args:
        project: The project.
        name: The environment's name.
        top: Its hosts.yml.

    Raises:
        InvalidFile: An entry is unknown, or names a stage or an environment that doesn't exist. What only a newer
            version could judge is an error, too: a gate that isn't understood mustn't be taken for an open one.
    """
    if "require" not in top:
        return None
    after: list[str] = []
    parity: list[str] = []
    ages: list[float] = []
    for entry in expect(top, "require", list, "hosts.yml"):
        if entry == "parity":
            parity.append("*")
            continue
        key, section = _one(entry, top)
        if key == "after":
            after += _stages(project, name, section)
        elif key == "parity":
            parity.append(_environment(project, name, section))
        else:
            ages.append(duration(section, "max_age", "require", 0.0))
            if not ages[-1]:
                raise section.error("'max_age' in require must be more than 0", "max_age")
    return Require(tuple(dict.fromkeys(after)), tuple(parity), min(ages, default=None))


def _one(entry: Any, top: YamlMap) -> tuple[str, YamlMap]:
    """An entry's only key, and the entry."""
    if not isinstance(entry, YamlMap):
        known = did_you_mean(str(entry), ["parity"])
        raise top.error(f"{shown(entry)} can't be required", "require", known or _SUCH_AS)
    for key in entry:
        if key in keys.LATER:
            hint = "use a newer cdconf, or leave it out; as long as it's there, nothing is brought here by this one"
            raise entry.error(f"'{key}' in require isn't known to this version of cdconf", key, hint)
        if key not in keys.REQUIRE:
            raise entry.error(f"unknown key '{key}' in require", key, did_you_mean(key, keys.REQUIRE))
    if len(entry) != 1:
        raise entry.error(f"an entry of require is about one thing: {', '.join(keys.REQUIRE)}", hint=_SUCH_AS)
    return next(iter(entry)), entry


def _stages(project: Project, name: str, entry: YamlMap) -> tuple[str, ...]:
    found = names(entry, "after", "require")
    known = [one.name for one in project.pipeline.stages]
    own = project.pipeline.of_environment(name)
    for one in found:
        if one not in known:
            hint = did_you_mean(one, known) or f"there are: {', '.join(known) or 'none'}"
            raise entry.error(f"the pipeline in cdconf.yml has no stage '{one}'", "after", hint)
        if own is not None and one not in project.pipeline.before(own.name):
            message = f"'{one}' can't come before {name}: it isn't above stage '{own.name}', which deploys there"
            raise entry.error(message, "after")
    return found


def _environment(project: Project, name: str, entry: YamlMap) -> str:
    other: str = expect(entry, "parity", str, "require")
    others = [one for one in project.filed() if one != name]
    if other not in others:
        message = f"there is no environment '{other}' to compare {name} with"
        raise entry.error(message, "parity", did_you_mean(other, others))
    return other
