"""What hosts.yml says of a copy: how many hosts it has, and what may differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.errors import did_you_mean
from cdconf.inventory.differs_keys import DIFFERENCES, DIFFERS
from cdconf.inventory.model import Differs, Host, Project
from cdconf.inventory.section import Section
from cdconf.yamlfile import YamlMap, check_keys, expect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def read_scale(top: Section, groups: Iterable[str]) -> YamlMap:
    """`scale`: group -> how many hosts.

    Raises:
        InvalidFile: It isn't a copy, a group is unknown, or a number is none.
    """
    section: YamlMap = top["scale"]
    if section and top["copy_of"] is None:
        raise top.error("only a copy can be scaled", "scale", "say `copy_of: ENV`, or list the hosts that there are")
    for group, count in section.items():
        if group not in groups:
            raise section.error(f"scale names an unknown group '{group}'", group, did_you_mean(group, groups))
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise section.error(f"'{group}' in scale must be a number of hosts, 0 or more", group)
    return section


def scaled(hosts: dict[str, Host], scale: Mapping[str, int], top: YamlMap) -> dict[str, Host]:
    """The copied hosts that stay: of each group that's named, the first ones, exactly as many as are asked for.

    What other groups a host is in doesn't count, but that none of these loses its last host: such a host comes first.
    One that hosts.yml names itself stays in any case.

    Args:
        hosts: The copied hosts, in their order.
        scale: See `read_scale`.
        top: hosts.yml.

    Raises:
        InvalidFile: A group can't have as many hosts as are asked for.
    """
    if not scale:
        return hosts
    members = {group: [host.name for host in hosts.values() if group in host.groups] for group in scale}
    for group, count in scale.items():
        if count > len(members[group]):
            message = f"scale asks for {count} hosts in '{group}', and {top['copy_of']} has {len(members[group])}"
            raise top["scale"].error(message, group, "name more hosts under `hosts`")
    counted = [host for host in hosts.values() if any(group in scale for group in host.groups)]
    last = _last_of(hosts, counted, scale)
    kept: dict[str, int] = dict.fromkeys(scale, 0)
    stays: set[str] = set()
    for host in sorted(counted, key=lambda one: one.name not in last):
        its = [group for group in host.groups if group in scale]
        if all(kept[group] < scale[group] for group in its):
            stays.add(host.name)
            kept |= {group: kept[group] + 1 for group in its}
    named = expect(top, "hosts", dict, "hosts.yml", {})
    for group, count in scale.items():
        lost = [name for name in last if name not in stays and name not in named and group in hosts[name].groups]
        if kept[group] != count or lost:
            why = (
                f"{lost[0]} is the last host of {last[lost[0]]}" if lost else "some of its hosts are in several groups"
            )
            message = f"scale can't leave {count} hosts in '{group}': {why}"
            raise top["scale"].error(message, group, "scale these groups, too, or list the copy's hosts instead")
    out = {host.name for host in counted} - stays - set(named)
    return {name: host for name, host in hosts.items() if name not in out}


def _last_of(hosts: Mapping[str, Host], counted: Iterable[Host], scale: Mapping[str, int]) -> dict[str, str]:
    """Hosts that must stay, so that a group which isn't scaled keeps one -> that group."""
    names = [host.name for host in counted]
    last: dict[str, str] = {}
    others = dict.fromkeys(group for host in hosts.values() for group in host.groups if group not in scale)
    by_group = {group: [host.name for host in hosts.values() if group in host.groups] for group in others}
    for group, members in sorted(by_group.items(), key=lambda one: len(one[1])):
        if all(name in names for name in members) and not any(name in last for name in members):
            last[members[0]] = group
    return last


def read_differs(project: Project, top: YamlMap, hosts: Iterable[str] | None) -> list[Differs]:
    """`differs`, as far as it can be checked without roles; `cdconf.lint.differs` checks the rest.

    Args:
        project: The project.
        top: hosts.yml.
        hosts: The names of this environment's and the copied one's hosts; None when it's no copy.

    Raises:
        InvalidFile: An entry names no one thing, gives no reason, or names a group, host or app that doesn't exist.
    """
    entries = expect(top, "differs", list, "hosts.yml", [])
    for entry in entries:
        if not isinstance(entry, YamlMap):
            raise top.error("each entry of differs must be a mapping", "differs")
    return [_entry(project, entry, hosts) for entry in entries]


def _entry(project: Project, entry: YamlMap, hosts: Iterable[str] | None) -> Differs:
    check_keys(entry, DIFFERS, "differs")
    named = [key for key in DIFFERENCES if key in entry]
    if len(named) != 1:
        raise entry.error(f"an entry of differs must have exactly one of: {', '.join(DIFFERENCES)}")
    for key in entry:
        if not isinstance(entry[key], str) or not entry[key].strip():
            hint = "add `why: …`" if key == "why" else None
            raise entry.error(f"'{key}' in differs must be text", key, hint)
    what, value = named[0], entry[named[0]].strip()
    if "why" not in entry:
        raise entry.error("an entry of differs needs its reason", hint="add `why: …`")
    if "field" in entry and what != "resource":
        raise entry.error("'field' needs 'resource'", "field")
    _check_known(entry, "scale", "group", project.groups)
    _check_known(entry, "group", "group", project.groups)
    _check_known(entry, "artifact", "app", project.apps)
    _check_known(entry, "toggle", "toggle", _toggles(project))
    if hosts is not None:
        _check_known(entry, "host", "host", hosts)
    rest: dict[str, Any] = {key: entry.get(key) for key in ("host", "group", "field")}
    file, line = entry.where(what)
    return Differs(what, value, entry["why"], **rest, file=file, line=line)


def _toggles(project: Project) -> list[str]:
    """What an entry may call the toggles that are declared."""
    known = [(app.name, name) for app in project.apps.values() for name in app.toggles]
    return [name for _, name in known] + [f"{app} {name}" for app, name in known]


def _check_known(entry: YamlMap, key: str, what: str, known: Iterable[str]) -> None:
    if key in entry and entry[key] not in known:
        raise entry.error(f"there is no {what} '{entry[key]}'", key, did_you_mean(entry[key], known))
