"""Reads inventories/ENV/hosts.yml, and what a copy takes from the environment that it copies."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdconf.errors import InvalidFile, NoEnvironment, did_you_mean, nearest_or_all
from cdconf.inventory import keys
from cdconf.inventory.copies import read_differs, read_scale, scaled
from cdconf.inventory.folders import HOSTS_FILE, misnamed_in
from cdconf.inventory.model import Environment, Host, Project, Size, Ssh
from cdconf.inventory.nested_groups import step_of, with_outer
from cdconf.inventory.project import invalid_name, names
from cdconf.inventory.provided_hosts import makings
from cdconf.inventory.read_require import read_require
from cdconf.inventory.section import Section, check
from cdconf.inventory.throwaway import read_lifetime
from cdconf.inventory.vagrant import read_vagrant
from cdconf.other_words import kind_hint
from cdconf.yamlfile import YamlMap, check_keys, expect, load

_JUMP = re.compile(r"([^@\s:/]+@)?([^@\s:/\[\]]+|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?\])(:[0-9]{1,5})?\Z")


def load_environment(project: Project, name: str) -> Environment:
    """Reads an environment with everything that it copies.

    Raises:
        UsageError: There's no such environment.
        InvalidFile: Its files break a rule.
    """
    return _load(project, name, ())


def _load(project: Project, name: str, copies: tuple[str, ...]) -> Environment:
    known = project.environments()
    if name not in known:
        raise NoEnvironment(name, misnamed_in(project.root, name) or did_you_mean(name, known) or _there(known))
    if invalid_name(name):
        file = f"{project.shown_folder(name)}/{HOSTS_FILE}"
        raise InvalidFile(f"{name!r} can't be an environment's name", file=file, line=1, hint="use a-z, 0-9 and -")
    throwaway = read_lifetime(project, name)
    top = load(project.folder(name) / HOSTS_FILE, project.root)
    section = Section(top, keys.HOSTS, "hosts.yml")
    copy_of = section["copy_of"]
    scale = read_scale(section, project.groups)
    provider = section["provider"]
    copied = _copied(project, top, copy_of, (*copies, name)) if copy_of else {}
    hosts = scaled(copied, scale, top)
    hosts = makings(hosts | _hosts(project, section, hosts), top, project.groups)
    if not hosts:
        raise top.error(f"environment '{name}' has no hosts")
    transport = "ssh" if provider != "existing" else section["transport"]
    order = {group: place for place, group in enumerate(project.groups)}
    ordered = sorted(hosts.values(), key=lambda host: order.get(step_of(host.groups, project) or "", len(order)))
    return Environment(
        name=name,
        provider=provider,
        copy_of=copy_of,
        hosts={host.name: _finish(host, provider, transport) for host in ordered},
        differs=read_differs(project, top, {**copied, **hosts} if copy_of else None),
        file=top.file,
        vagrant=read_vagrant(project, top),
        scale=scale,
        require=read_require(project, name, top),
        throwaway=throwaway,
    )


def _copied(project: Project, top: YamlMap, copy_of: str, copies: tuple[str, ...]) -> dict[str, Host]:
    """The copied hosts without how they are reached: names, groups, and of what they're made only."""
    if copy_of in copies:
        raise top.error(f"'{copy_of}' can't be a copy of itself ({' of '.join((*copies, copy_of))})", "copy_of")
    if copy_of not in project.filed():
        hint = nearest_or_all(copy_of, [one for one in project.filed() if one not in copies])
        if copy_of in project.throwaways():
            hint = f"'{copy_of}' is a throw-away copy itself: copy what it copies"
        hint = misnamed_in(project.root, copy_of) or hint
        raise top.error(f"there is no environment '{copy_of}' to copy", "copy_of", hint)
    original = _load(project, copy_of, copies)
    return {
        host.name: Host(
            name=host.name,
            groups=host.groups,
            os=host.os,
            publish=host.publish,
            image=host.image,
            base=host.base,
            size=host.size,
            file=host.file,
            line=host.line,
        )
        for host in original.hosts.values()
    }


def _there(known: Sequence[str]) -> str:
    return f"there are: {', '.join(known)}" if known else "make inventories/ENV/hosts.yml"


def _hosts(project: Project, top: Section, copied: dict[str, Host]) -> dict[str, Host]:
    section = top["hosts"]
    defaults = top.section("ssh", "ssh").mapping
    bootstrap = top["bootstrap"]
    return {name: _host(project, name, section, defaults, copied.get(name), bootstrap) for name in section}


def _host(
    project: Project, name: str, section: YamlMap, defaults: YamlMap, copied: Host | None, bootstrap: bool
) -> Host:
    what = f"host '{name}'"
    if invalid_name(name) or name in project.groups or name == "all":
        raise section.error(f"'{name}' can't be a host's name", name, "use a-z, 0-9 and -; no group's name")
    entry = expect(section, name, dict, "hosts") if section[name] is not None else YamlMap(file=section.file)
    given = Section(entry, keys.HOST, what)
    groups = names(entry, "groups", what, copied.groups if copied else None)
    for group in groups:
        if group not in project.groups:
            raise entry.error(f"{what} is in an unknown group '{group}'", "groups", did_you_mean(group, project.groups))
    order = list(project.groups)
    file, line = section.where(name)
    return Host(
        name=name,
        groups=tuple(sorted(with_outer(groups, project.inner), key=order.index)),
        address=given["address"],
        ssh=_ssh(project, entry, defaults, what),
        os=given.get("os", copied.os if copied else None),
        transport=given.get("transport", ""),
        container=given["container"],
        publish=copied.publish if copied else (),
        image=copied.image if copied else None,
        base=copied.base if copied else None,
        size=copied.size if copied else Size(),
        bootstrap=given.get("bootstrap", bootstrap),
        file=file,
        line=line,
    )


def _ssh(project: Project, entry: YamlMap, defaults: YamlMap, what: str) -> Ssh:
    own = expect(entry, "ssh", dict, what, YamlMap(file=entry.file))
    check_keys(own, keys.SSH, f"ssh of {what}")
    merged: dict[str, Any] = {**defaults, **own}
    for key, value in merged.items():
        _check_ssh(own if key in own else defaults, key, value, what)
    for key in ("identity_file", "known_hosts"):
        if key in merged and not merged[key].startswith("~"):
            merged[key] = str(project.home / Path(merged[key]))
    if "sudo_password" in merged and "become" not in merged:
        place = own if "sudo_password" in own else defaults
        raise place.error(f"{what} has a sudo_password, but doesn't use sudo", "sudo_password", "add `become: sudo`")
    return Ssh(**merged)


def _check_ssh(place: YamlMap, key: str, value: object, what: str) -> None:
    about = keys.SSH[key]
    if about.kind == "port" and not _is_port(value):
        hint = f"leave the quotes out: {value}" if isinstance(value, str) and value.isdecimal() else "such as 2222"
        raise place.error(f"'{value}' isn't a port", key, hint)
    if about.kind == "boolean" and not isinstance(value, bool):
        raise place.error(f"'{key}' in ssh of {what} must be true or false", key)
    if about.kind == "text" and (not isinstance(value, str) or not value):
        raise place.error(
            f"'{key}' in ssh of {what} must be text",
            key,
            "such as `become: sudo`" if key == "become" else kind_hint(key, str, value),
        )
    check(about, value, place, key, what)
    if key == "jump" and value != "none" and not all(_JUMP.match(hop.strip()) for hop in str(value).split(",")):
        raise place.error(f"'{value}' isn't a jump host", key, "such as bastion.example.com or user@bastion:2222")


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


def _finish(host: Host, provider: str, transport: str) -> Host:
    """Provider-made hosts are called by their names; every host gets a transport."""
    address = host.name if provider != "existing" else host.address
    return dataclasses.replace(host, address=address, transport=host.transport or transport)
