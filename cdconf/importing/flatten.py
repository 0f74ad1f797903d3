"""Puts variables where every host gets the value that it has in Ansible, though cdconf's order differs.

Ansible's groups lie in each other, and what its inventory files say loses to group_vars/all. cdconf's order is:
group_vars/all, the host's groups in the order of cdconf.yml, host_vars; later wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cdconf.importing.model import Definition, Inventory
from cdconf.importing.report import ImportFinding, ImportReport
from cdconf.importing.yamltext import same


@dataclass
class Placed:
    """The variables of each place: `groups` has `all`, too. Names are Ansible's."""

    groups: dict[str, dict[str, Definition]] = field(default_factory=dict)
    hosts: dict[str, dict[str, Definition]] = field(default_factory=dict)


Resolved = Mapping[str, Mapping[str, Definition]]


def flatten(inventory: Inventory, placed: Placed, order: Sequence[str], wanted: Resolved, report: ImportReport) -> None:
    """Changes `placed` until each host gets what Ansible gives it.

    Args:
        inventory: For each host's groups.
        placed: Each variable where it's written, in one order per place.
        order: The groups as cdconf.yml has them, by Ansible's names.
        wanted: Host -> variable -> the definition that wins in Ansible.
        report: Learns what was moved, and why.
    """
    groups = {host: ["all", *sorted(inventory.groups_of(host), key=order.index)] for host in inventory.hosts}
    winners = {id(value) for values in wanted.values() for value in values.values()}
    for host, values in wanted.items():
        for name, definition in values.items():
            found = _found(placed, groups[host], host, name)
            while found is not None and found[0] and not same(found[1].value, definition.value):
                if id(found[1]) in winners:
                    break
                del placed.groups[found[0]][name]
                report.moved.append(ImportFinding(_lost(name, found[0], definition), found[1].file, found[1].line))
                found = _found(placed, groups[host], host, name)
            if found is None or not same(found[1].value, definition.value):
                placed.hosts.setdefault(host, {})[name] = definition
                report.moved.append(ImportFinding(_moved(name, host, found), definition.file, definition.line))


def _found(placed: Placed, groups: Sequence[str], host: str, name: str) -> tuple[str, Definition] | None:
    """Which group's definition a host gets in cdconf; "" is the host's own."""
    if name in placed.hosts.get(host, {}):
        return "", placed.hosts[host][name]
    for group in reversed(groups):
        if name in placed.groups.get(group, {}):
            return group, placed.groups[group][name]
    return None


def _lost(name: str, group: str, winner: Definition) -> str:
    return f"'{name}' of {group} is left out: {winner.file}:{winner.line} wins for every host in Ansible"


def _moved(name: str, host: str, found: tuple[str, Definition] | None) -> str:
    why = f"in cdconf's order, {found[0]}'s value would win" if found else "no group of the host's has it any more"
    return f"'{name}' went to the variables of host {host}: {why}"
