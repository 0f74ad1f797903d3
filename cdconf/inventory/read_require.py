"""Reads `require`, of hosts.yml or of the operator's policy: what must hold before anything is brought there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import did_you_mean
from cdconf.inventory.pipeline import Require
from cdconf.inventory.read_times import read_freeze, read_window
from cdconf.inventory.require_keys import APPROVALS, EXAMPLES, REQUIRE, SOAK
from cdconf.inventory.requirement import Approvals, Freeze, RequirementEntry, Soak, Window, seconds_text
from cdconf.inventory.section import Section
from cdconf.inventory.values import duration, names
from cdconf.yamlfile import YamlList, YamlMap, check_keys, expect, shown

if TYPE_CHECKING:
    from cdconf.inventory.model import Project

MOST = 100  # people who may be asked for


def read_require(project: Project, name: str, top: YamlMap) -> Require | None:
    """What an environment requires; None when its file doesn't say.

    Args:
        project: The project.
        name: The environment's name.
        top: Its hosts.yml.

    Raises:
        InvalidFile: An entry is unknown, or names a stage or an environment that doesn't exist. A gate that isn't
            understood mustn't be taken for an open one.
    """
    return read_entries(top, "hosts.yml", _RequireNames(project, name)) if "require" in top else None


def read_entries(holder: YamlMap, what: str, known: _RequireNames | None = None) -> Require:
    """The entries of a `require`.

    Args:
        holder: The mapping that has it.
        what: Names the mapping, for errors.
        known: Which names there are; None: that isn't known yet, as of a policy, which is for many commits.

    Raises:
        InvalidFile: An entry breaks a rule.
    """
    entries = expect(holder, "require", list, what)
    lines = entries.lines if isinstance(entries, YamlList) else []
    found = _Found(known)
    for entry, line in zip(entries, lines, strict=True):
        found.take(entry, holder, f"{holder.file}:{line}")
    return found.require()


@dataclass(frozen=True)
class _RequireNames:
    """The stages and environments that a requirement of an environment may name."""

    project: Project
    environment: str

    def check_stage(self, section: YamlMap, key: str, stage: str) -> None:
        pipeline = self.project.pipeline
        known = [one.name for one in pipeline.stages]
        if stage not in known:
            hint = did_you_mean(stage, known) or f"there are: {', '.join(known) or 'none'}"
            raise section.error(f"the pipeline in cdconf.yml has no stage '{stage}'", key, hint)
        own = pipeline.of_environment(self.environment)
        if own is not None and stage not in pipeline.before(own.name):
            place = f"it isn't above stage '{own.name}', which deploys there"
            raise section.error(f"'{stage}' can't come before {self.environment}: {place}", key)

    def check_soaks(self, section: YamlMap, stage: str) -> None:
        found = self.project.pipeline.named(stage)
        if found is not None and found.environment is None and found.copy_of is None:
            hint = "name one with `environment` or `copy_of`"
            raise section.error(f"stage '{stage}' has no hosts, so nothing can soak there", "stage", hint)

    def check_environment(self, section: YamlMap, name: str) -> None:
        others = [one for one in self.project.filed() if one != self.environment]
        if name not in others:
            message = f"there is no environment '{name}' to compare {self.environment} with"
            raise section.error(message, "parity", did_you_mean(name, others))


@dataclass
class _Found:
    """What was read so far."""

    known: _RequireNames | None
    after: list[str] = field(default_factory=list)
    parity: list[str] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    approvals: list[Approvals] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    soaks: list[Soak] = field(default_factory=list)
    entries: list[RequirementEntry] = field(default_factory=list)

    def require(self) -> Require:
        return Require(
            tuple(dict.fromkeys(self.after)),
            tuple(self.parity),
            min(self.ages, default=None),
            tuple(self.approvals),
            tuple(self.windows),
            tuple(self.freezes),
            tuple(self.soaks),
            tuple(self.entries),
        )

    def take(self, entry: Any, holder: YamlMap, source: str) -> None:
        if entry == "parity":
            self.parity.append("*")
            self.entries.append(RequirementEntry("parity", "every copy", source))
            return
        entry = _checked(entry, holder)
        key = next(iter(entry))
        text = self._readers[key](entry, source)
        stages = (
            names(entry, "after", "require") if key == "after" else (self.soaks[-1].stage,) if key == "soak" else ()
        )
        self.entries.append(RequirementEntry(key, text, source, stages))

    @property
    def _readers(self) -> Mapping[str, Callable[[YamlMap, str], str]]:
        return {
            "after": self._after,
            "parity": self._parity,
            "max_age": self._max_age,
            "approvals": self._approvals,
            "window": self._window,
            "freeze": self._freeze,
            "soak": self._soak,
        }

    def _after(self, entry: YamlMap, source: str) -> str:
        found = names(entry, "after", "require")
        if not all(found) or not found:
            raise entry.error("'after' in require names no stage", "after", "name the stages that must have passed")
        for one in found:
            if self.known is not None:
                self.known.check_stage(entry, "after", one)
        self.after += found
        return ", ".join(found)

    def _parity(self, entry: YamlMap, source: str) -> str:
        name: str = expect(entry, "parity", str, "require")
        if self.known is not None:
            self.known.check_environment(entry, name)
        self.parity.append(name)
        return name

    def _max_age(self, entry: YamlMap, source: str) -> str:
        self.ages.append(_length(entry, "max_age", "require"))
        return seconds_text(self.ages[-1])

    def _approvals(self, entry: YamlMap, source: str) -> str:
        section = Section(_section(entry, "approvals"), APPROVALS, "approvals")
        count = section["count"]
        if not 1 <= count <= MOST:
            raise section.error(f"'count' in approvals must be 1 to {MOST}", "count")
        groups = section["from"]
        if "from" in section and not groups:
            raise section.error("'from' in approvals names nobody", "from", "name groups, or leave it out")
        not_author = section["not_author"]
        expires = _length(section.mapping, "expires", "approvals") if "expires" in section else None
        self.approvals.append(Approvals(count, groups, not_author, expires, source))
        return str(self.approvals[-1])

    def _window(self, entry: YamlMap, source: str) -> str:
        self.windows.append(read_window(_section(entry, "window"), source))
        return str(self.windows[-1])

    def _freeze(self, entry: YamlMap, source: str) -> str:
        self.freezes.append(read_freeze(_section(entry, "freeze"), source))
        return str(self.freezes[-1])

    def _soak(self, entry: YamlMap, source: str) -> str:
        section = _section(entry, "soak")
        check_keys(section, SOAK, "soak")
        stage: str = expect(section, "stage", str, "soak")
        if self.known is not None:
            self.known.check_stage(section, "stage", stage)
            self.known.check_soaks(section, stage)
        if "for" not in section:
            raise section.error("soak has no 'for'", hint="such as `for: 30m`")
        self.soaks.append(Soak(stage, _length(section, "for", "soak"), source))
        return str(self.soaks[-1])


def _checked(entry: Any, holder: YamlMap) -> YamlMap:
    """An entry that is about one thing."""
    if not isinstance(entry, YamlMap):
        known = did_you_mean(str(entry), ["parity"])
        raise holder.error(f"{shown(entry)} can't be required", "require", known or EXAMPLES)
    check_keys(entry, REQUIRE, "require")
    if len(entry) != 1:
        raise entry.error(f"an entry of require must have exactly one of: {', '.join(REQUIRE)}", hint=EXAMPLES)
    return entry


def _section(entry: YamlMap, key: str) -> YamlMap:
    section: YamlMap = expect(entry, key, dict, "require")
    return section


def _length(section: YamlMap, key: str, what: str) -> float:
    found = duration(section, key, what, 0.0)
    if not found:
        raise section.error(f"'{key}' in {what} must be more than 0", key)
    return found
