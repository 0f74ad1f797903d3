"""The rules of lint that give warnings; see `cdconf.catalog.findings.RULES`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.catalog.findings import LintFinding
from cdconf.clocks import Clock
from cdconf.errors import CdconfError, did_you_mean
from cdconf.inventory import load_environment
from cdconf.inventory.nested_groups import around
from cdconf.inventory.opening import SEARCHED, opens
from cdconf.inventory.waivers import hosts_of, load_waivers
from cdconf.lint import guards, references
from cdconf.roles import Role, load_role
from cdconf.yamlfile import YamlMap, load

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.resources.spec import ResourceType

_SECRET_NAME = re.compile(r"(^|_)(password|passwd|passphrase|secret|token|api_?key|private_?key)$", re.IGNORECASE)


@dataclass
class Advice:
    """Looks at a project whose files can be read; roles and files that can't are left out: they're errors already.

    Args:
        project: The project.
        types: The resource types.
    """

    project: Project
    types: Mapping[str, ResourceType]

    def findings(self) -> list[LintFinding]:
        """All warnings, in the order of their files and lines."""
        rules = (
            self._variables,
            self._settings,
            self._unused_files,
            self._handlers,
            self._guards,
            self._apps,
            self._toggles,
            self._waivers,
            self._windows,
            self._order,
        )
        found = {finding for rule in rules for finding in rule()}
        return sorted(
            found,
            key=lambda lint_finding: (
                lint_finding.file,
                lint_finding.line or 0,
                lint_finding.rule,
                lint_finding.message,
            ),
        )

    @cached_property
    def roles(self) -> dict[str, Role]:
        """The roles that groups have."""
        found = {}
        for name in dict.fromkeys(role for group in self.project.groups.values() for role in group):
            try:
                found[name] = load_role(self.project, name, self.types)
            except CdconfError:
                continue
        return found

    @cached_property
    def by_role(self) -> dict[str, references.References]:
        """What each role refers to."""
        return {name: references.of_role(role) for name, role in self.roles.items()}

    @cached_property
    def shared(self) -> references.References:
        """What the project's own templates refer to."""
        found = references.References()
        for path in references.files_in(self.project.root / "templates", self.project.root):
            found.add_template(path)
        return found

    @cached_property
    def settings(self) -> list[YamlMap]:
        """All files of variables."""
        kinds = ("group_vars/*.yml", "host_vars/*.yml", "throwaway.yml")
        paths = [path for kind in kinds for path in self._inventories(kind)]
        return [values for values in map(self._load, sorted(paths)) if values is not None]

    @cached_property
    def read(self) -> set[str]:
        """Every name that anything reads."""
        found = references.References()
        for values in self.settings:
            found.add(dict(values))
        return references.all_names([*self.by_role.values(), self.shared, found])

    @cached_property
    def declared(self) -> set[str]:
        """Every variable that a role declares."""
        return {name for role in self.roles.values() for name in role.variables}

    def _inventories(self, pattern: str) -> list[Path]:
        return list(self.project.root.glob(f"inventories/*/{pattern}"))

    def _load(self, path: Path) -> YamlMap | None:
        try:
            return load(path, self.project.root)
        except CdconfError:
            return None

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.project.root).as_posix()

    def _variables(self) -> Iterator[LintFinding]:
        set_somewhere = {name for values in self.settings for name in values}
        for role in self.roles.values():
            for name, variable in role.variables.items():
                if name not in self.read:
                    yield LintFinding(
                        "unused_variable", f"nothing reads the variable '{name}'", variable.file, variable.line
                    )
            for name in sorted(self.by_role[role.name].names & set_somewhere - self.declared):
                message = f"the role reads '{name}', which no role declares"
                yield LintFinding(
                    "undeclared_variable", message, f"roles/{role.name}/role.yml", hint="declare it under variables"
                )

    @cached_property
    def reads_all(self) -> bool:
        """Whether every role could be read: else nobody knows what a broken one declares and reads."""
        return len(self.roles) == len({role for group in self.project.groups.values() for role in group})

    def _settings(self) -> Iterator[LintFinding]:
        known = self.read | self.declared
        for values in self.settings:
            for name, value in values.items():
                file, line = values.where(name)
                if name not in known and self.reads_all:
                    hint = did_you_mean(name, self.declared)
                    yield LintFinding("unread_variable", f"nothing reads the variable '{name}'", file, line, hint)
                plain = isinstance(value, str) and value and "{{" not in value
                if plain and _SECRET_NAME.search(name):
                    message = f"'{name}' stands here in the clear"
                    hint = "declare it with `secret: true`, and use `cdconf secret set`"
                    yield LintFinding("secret_in_clear", message, file, line, hint)
        for path in sorted(self._inventories("secrets.yml")):
            values = self._load(path) or YamlMap()
            sudo = self._sudo_passwords(path.with_name("hosts.yml"))
            for name in values:
                if name not in known | sudo and self.reads_all:
                    file, line = values.where(name)
                    yield LintFinding("unused_secret", f"nothing reads the secret '{name}'", file, line)
        yield from self._differences()

    def _sudo_passwords(self, path: Path) -> set[str]:
        """The secrets that an environment's `ssh` sections name."""
        top = self._load(path) or YamlMap()
        hosts = top.get("hosts")
        sections = [top, *(hosts.values() if isinstance(hosts, YamlMap) else ())]
        found = [section.get("ssh") for section in sections if isinstance(section, YamlMap)]
        return {str(ssh["sudo_password"]) for ssh in found if isinstance(ssh, YamlMap) and "sudo_password" in ssh}

    def _differences(self) -> Iterator[LintFinding]:
        known = self.read | self.declared
        if not self.reads_all:
            return
        for values in filter(None, map(self._load, sorted(self._inventories("hosts.yml")))):
            entries = values.get("differs")
            for entry in entries if isinstance(entries, list) else ():
                name = entry.get("variable") if isinstance(entry, YamlMap) else None
                if isinstance(name, str) and name not in known:
                    file, line = entry.where("variable")
                    hint = did_you_mean(name, known)
                    yield LintFinding("stale_difference", f"there is no variable '{name}'", file, line, hint)

    def _unused_files(self) -> Iterator[LintFinding]:
        everything = references.References()
        everything.include(self.shared)
        for name, role in self.roles.items():
            own = references.References()
            own.include(self.shared)
            own.include(self.by_role[name])
            everything.include(own)
            yield from self._unused(role.folder, own)
        yield from self._unused(self.project.root, everything)
        for path in sorted(self.project.root.glob("roles/*/role.yml")):
            name = path.parent.name
            if not any(name in roles for roles in self.project.groups.values()):
                yield LintFinding("unused_role", f"no group has the role '{name}'", self._shown(path))

    def _unused(self, folder: Path, found: references.References) -> Iterator[LintFinding]:
        for kind, rule in (("templates", "unused_template"), ("files", "unused_file")):
            for path in references.files_in(folder / kind, self.project.root):
                name = path.relative_to(folder / kind).as_posix()
                if not found.file(name):
                    yield LintFinding(rule, f"nothing names '{name}'", self._shown(path))

    def _handlers(self) -> Iterator[LintFinding]:
        notified = {name for role in self.roles.values() for resource in role.resources for name in resource.notify}
        for role in self.roles.values():
            for name, declared in role.handlers.items():
                if name not in notified:
                    yield LintFinding(
                        "unused_handler", f"nothing notifies the handler '{name}'", declared.file, declared.line
                    )

    def _guards(self) -> Iterator[LintFinding]:
        for role in self.roles.values():
            for resource in role.resources:
                problem = guards.problem(resource) if resource.type == "command" else None
                if problem is not None:
                    guard = "unless" if "unless" in resource.fields else "creates"
                    line = resource.fields.lines.get(guard, resource.line)
                    yield LintFinding("suspicious_guard", problem[0], resource.file, line, problem[1])

    def _apps(self) -> Iterator[LintFinding]:
        for app in self.project.apps.values():
            groups = around(app.groups, self.project.inner)
            roles = {role for group in groups for role in self.project.groups[group]}
            if not any(any((self.project.root / "roles" / role / "smoke").glob("test_*.py")) for role in roles):
                message = f"the roles of app '{app.name}' have no smoke tests: nothing verifies its deployments"
                hint = self._test_hint(sorted(roles), app.name) if roles else None
                yield LintFinding("no_smoke_test", message, app.file, app.line, hint)
            if app.health is None:
                yield LintFinding("no_health", f"app '{app.name}' has no health check", app.file, app.line)

    def _test_hint(self, roles: list[str], app: str) -> str:
        """What gives an app a smoke test: perhaps there's one, whose name doesn't begin as tests' names do."""
        for role in roles:
            for path in sorted((self.project.root / "roles" / role).glob("smoke*/*_test.py")):
                return f"rename {self._shown(path)} to test_{path.stem.removesuffix('_test')}.py"
        return f"add roles/{roles[0]}/smoke/test_{app}.py"

    def _toggles(self) -> Iterator[LintFinding]:
        today = date.today().isoformat()  # noqa: DTZ011  the day where the people are
        for app in self.project.apps.values():
            for toggle in app.toggles.values():
                if toggle.expires and toggle.expires <= today:
                    asked = f"; ask {toggle.owner}" if toggle.owner else ""
                    message = f"the toggle '{toggle.name}' of app '{app.name}' expired on {toggle.expires}{asked}"
                    hint = "take it out of the app and of cdconf.yml, or give it another day"
                    yield LintFinding("expired_toggle", message, toggle.file, toggle.line, hint)

    def _waivers(self) -> Iterator[LintFinding]:
        now = Clock().counted()
        for name in self.project.filed():
            try:
                environment, waivers = load_environment(self.project, name), load_waivers(self.project, name)
            except CdconfError:
                continue
            for waiver in waivers:
                what = f"the waiver of {waiver.type} {waiver.title} on '{waiver.host}'"
                if not waiver.holds(now):
                    hint = "mend it and `cdconf waiver remove` the waiver, or give it another day"
                    yield LintFinding(
                        "expired_waiver", f"{what} ended on {waiver.until}", waiver.file, waiver.line, hint
                    )
                if not hosts_of(self.project, environment, waiver.host):
                    known = did_you_mean(waiver.host, [*environment.hosts, *self.project.groups])
                    message = f"{what} is for no host of {name}"
                    yield LintFinding("stale_waiver", message, waiver.file, waiver.line, known)

    def _windows(self) -> Iterator[LintFinding]:
        for name in self.project.filed():
            try:
                environment = load_environment(self.project, name)
            except CdconfError:
                continue
            windows = environment.require.windows if environment.require else ()
            if windows and opens(windows, (), time.time()) is None:
                message = f"no moment of the next {SEARCHED} days is in all windows of {name}"
                line = int(windows[-1].source.rpartition(":")[2])
                hint = "nothing could begin there: change one of them"
                yield LintFinding("closed_windows", message, environment.file, line, hint)

    def _order(self) -> Iterator[LintFinding]:
        """A host is converged whole with its first group: the groups behind that one have no order among them."""
        top = self._load(self.project.root / "cdconf.yml")
        if top is None or not isinstance(top.get("groups"), YamlMap):
            return
        for first, later in self._behind().items():
            if len(later) > 1:
                names = ", ".join(f"'{name}'" for name in self.project.groups if name in later)
                message = f"hosts of {names} are in '{first}' first, so they're provisioned at once, in no order"
                hint = f"put '{first}' behind them, and its roles first into each"
                yield LintFinding("lost_order", message, "cdconf.yml", top["groups"].where(first)[1], hint)

    def _behind(self) -> dict[str, set[str]]:
        """Group -> the second groups of hosts that have it as their first one, in any environment."""
        behind: dict[str, set[str]] = {}
        for name in self.project.filed():
            try:
                hosts = load_environment(self.project, name).hosts.values()
            except CdconfError:
                continue
            for host in hosts:
                flat = (group for group in self.project.groups if group not in self.project.inner)
                groups = [group for group in flat if group in host.groups]
                for first in groups[:1]:
                    behind.setdefault(first, set()).update(groups[1:2])
        return behind
