"""Imports an Ansible inventory as an environment of a cdconf project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cdconf.errors import UsageError
from cdconf.importing.connection import connection
from cdconf.importing.flatten import Placed, flatten
from cdconf.importing.hidden import Secrets
from cdconf.importing.model import Definition, Inventory
from cdconf.importing.names import group_names, host_names, variable_names
from cdconf.importing.report import ImportFinding, ImportReport
from cdconf.importing.source import ImportSource
from cdconf.importing.target import ImportTarget
from cdconf.importing.templates import Known, find_foreign
from cdconf.importing.tree import read_inventory
from cdconf.importing.vault import Hidden, Passwords
from cdconf.inventory.project import invalid_name

_REFERENCE = re.compile(r"\s*\{\{\s*(\w+)\s*\}\}\s*\Z")


def import_inventory(
    path: Path,
    directory: Path,
    environment: str | None = None,
    passwords: Passwords | None = None,
    playbooks: Path | None = None,
) -> ImportReport:
    """Reads an Ansible inventory and writes it as an environment.

    Args:
        path: The inventory: a file, or a directory of files.
        directory: The project's; where there's no cdconf.yml in or above it, a new one is written there.
        environment: The environment's name; None: made from the path.
        passwords: For vaults; without one, their secrets are listed as to be set.
        playbooks: A directory whose group_vars/ and host_vars/ are read, too.

    Raises:
        UsageError: There's nothing to import, or a file to write is there already; nothing was written.
        InvalidFile: The inventory breaks a rule.
        SecretError: No password fits a vault, or secrets can't be encrypted.
    """
    name = environment or _environment(path)
    if invalid_name(name):
        raise UsageError(f"'{name}' can't be an environment's name", hint="choose one with --environment NAME")
    source = ImportSource(passwords or Passwords())
    inventory = read_inventory(path, source, playbooks)
    report = ImportReport(environment=name)
    for file in source.closed:
        message = "this is encrypted as a whole: give --vault-password-file, or its variables are missing"
        report.not_taken.append(ImportFinding(message, file))
    target = ImportTarget(directory, name, _used_groups(inventory))
    conversion = _Conversion(inventory, target, report)
    conversion.run(path.name)
    return report


def _environment(path: Path) -> str:
    """`production` for production/hosts.ini, for production.ini and for production/."""
    path = path.resolve()
    name = path.name if path.is_dir() else path.stem
    return path.parent.name if name in ("hosts", "inventory") and path.is_file() else name


def _used_groups(inventory: Inventory) -> dict[str, str]:
    """Ansible's groups -> cdconf's, weakest first. `ungrouped` only when it says something."""
    names = [group for group in inventory.ordered_groups() if group != "ungrouped" or inventory.groups[group].merged()]
    return group_names(names)


class _Conversion:
    def __init__(self, inventory: Inventory, target: ImportTarget, report: ImportReport) -> None:
        self._inventory = inventory
        self._target = target
        self._report = report
        self._groups = target.groups
        self._hosts = host_names(inventory.hosts, {*target.order, *target.groups.values()})
        self._variables = variable_names(dict.fromkeys(definition.name for definition in _everything(inventory)))
        self._taken = frozenset(self._variables.values())
        self._complained: set[tuple[str, int, str]] = set()

    def run(self, shown: str) -> None:
        """Converts and writes everything."""
        report, inventory = self._report, self._inventory
        resolved = {host: inventory.resolve(host) for host in inventory.hosts}
        placed, secrets = self._placed()
        entries = {self._hosts[host]: self._entry(host, resolved[host], secrets) for host in inventory.hosts}
        wanted = {host: self._wanted(host, secrets) for host in inventory.hosts}
        order = sorted(self._groups, key=lambda group: self._target.order.index(self._groups[group]))
        order += [group for group in inventory.ordered_groups() if group not in order]
        flatten(inventory, placed, order, wanted, report)
        self._note_names()
        self._note_templates(placed)
        for name, text in secrets.values.items():
            if text is not None and "{{" in text:
                report.templates.append(
                    ImportFinding(f"the secret '{name}' holds an expression, which stays text in cdconf")
                )
        files = {f"group_vars/{self._groups.get(name, name)}": values for name, values in placed.groups.items()}
        files |= {f"host_vars/{self._hosts[name]}": values for name, values in placed.hosts.items()}
        variables = {
            file: {self._variables[value.name]: value.value for value in values.values()}
            for file, values in files.items()
            if values
        }
        self._target.write(entries, variables, secrets.values, f"# Imported from Ansible: {shown}", report)

    def _entry(self, host: str, variables: Mapping[str, Definition], secrets: Secrets) -> dict[str, Any]:
        entry = connection(
            host, variables, self._complain, lambda definition: self._sudo_secret(definition, variables, secrets)
        )
        mine = {self._groups[group] for group in self._inventory.groups_of(host) if group in self._groups}
        return {"address": entry.pop("address"), "groups": [one for one in self._target.order if one in mine], **entry}

    def _complain(self, definition: Definition, why: str) -> None:
        key = (definition.file, definition.line, definition.name)
        if key not in self._complained:
            self._complained.add(key)
            self._report.not_taken.append(
                ImportFinding(f"'{definition.name}' isn't taken over: {why}", definition.file, definition.line)
            )

    def _sudo_secret(self, definition: Definition, variables: Mapping[str, Definition], secrets: Secrets) -> str | None:
        """The name of the secret with sudo's password, which may be a variable's value; None where it isn't known."""
        value = definition.value
        reference = _REFERENCE.match(value) if isinstance(value, str) else None
        if reference:
            if reference[1] in secrets.whole:
                return self._variables[reference[1]]
            value = variables[reference[1]].value if reference[1] in variables else None
        if isinstance(value, (str, int)) and value != "" and "{{" not in str(value):
            value = Hidden(str(value))
        if not isinstance(value, Hidden):
            return None
        name = secrets.named(value, "sudo_password", self._taken)
        if name not in self._report.sudo_passwords:
            self._report.sudo_passwords.append(name)
        return name

    def _placed(self) -> tuple[Placed, Secrets]:
        """Every variable in the place where it's written, without encrypted values."""
        secrets = Secrets()
        groups = {name: _own(group.merged()) for name, group in self._inventory.groups.items()}
        hosts = {name: _own(host.merged()) for name, host in self._inventory.hosts.items()}
        everything = list(_everything(self._inventory))
        secrets.take_whole(everything, self._variables)
        placed = Placed(
            {name: self._without(values, self._place(name), secrets) for name, values in groups.items()},
            {name: self._without(values, self._hosts[name], secrets) for name, values in hosts.items()},
        )
        return placed, secrets

    def _place(self, name: str) -> str:
        return self._groups.get(name, name)

    def _without(self, values: Mapping[str, Definition], place: str, secrets: Secrets) -> dict[str, Definition]:
        return {
            name: secrets.without(definition, place, self._taken)
            for name, definition in values.items()
            if name not in secrets.whole
        }

    def _wanted(self, host: str, secrets: Secrets) -> dict[str, Definition]:
        """What a host has in Ansible, without encrypted values."""
        wanted: dict[str, Definition] = {}
        for place, values in self._inventory.layers(host):
            named = self._place(place) if place else self._hosts[host]
            wanted |= self._without(_own(values), named, secrets)
        return wanted

    def _note_names(self) -> None:
        report = self._report
        report.hosts = dict(self._hosts)
        for old, new in self._groups.items():
            if old != new:
                report.renamed.append(ImportFinding(f"the group '{old}' is called '{new}' now"))
        for definition in _everything(self._inventory):
            name = self._variables[definition.name]
            if name != definition.name:
                report.renamed.append(
                    ImportFinding(
                        f"the variable '{definition.name}' is called '{name}' now", definition.file, definition.line
                    )
                )

    def _note_templates(self, placed: Placed) -> None:
        from cdconf.catalog.filters import filter_names, test_names

        values = [
            definition for place in (*placed.groups.values(), *placed.hosts.values()) for definition in place.values()
        ]
        renamed = {old: new for old, new in self._variables.items() if old != new}
        known = Known(filter_names(), test_names())
        found = dict.fromkeys(finding for value in values for finding in find_foreign(value, known, renamed))
        self._report.templates += found


def _everything(inventory: Inventory) -> Iterator[Definition]:
    """Every definition but those that tell Ansible how to connect."""
    for place in (*inventory.groups.values(), *inventory.hosts.values()):
        for values in place.by_origin.values():
            yield from _own(values).values()


def _own(values: Mapping[str, Definition]) -> dict[str, Definition]:
    """Variables without those that tell Ansible how to connect."""
    return {name: definition for name, definition in values.items() if not name.startswith("ansible_")}
