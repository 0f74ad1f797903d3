"""What hosts.yml says of the hosts that a provider makes: of which image, how large, which ports are published.

A copy takes all of it over but fixed ports of this machine, which only one host can have. What its own file says wins:
a host's size is put together key by key from the copied one, `sizes: {all: …}`, those of its groups, and its own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from cdconf.errors import did_you_mean
from cdconf.inventory import keys
from cdconf.inventory.model import Host, Size
from cdconf.inventory.section import Section, check
from cdconf.yamlfile import YamlMap, expect

DEFAULT_OS = "debian-12"  # what a host is made as when the inventory names no `os`
LEAST_MEMORY = 64 << 20  # systemd, sshd and the agent need most of it
LEAST_CPUS = 0.1
_PUBLISHED = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5})\Z")
_FORMS = 'a port inside, such as 80, or a port of this machine and one inside, such as "8080:80"'


def makings(hosts: Mapping[str, Host], top: YamlMap, groups: Iterable[str]) -> dict[str, Host]:
    """The hosts with all that a provider needs to make them.

    Args:
        hosts: All of the environment, as far as they're known; copied ones still have what the original says.
        top: hosts.yml.
        groups: The project's.

    Raises:
        InvalidFile: An image, size or port is none, or two hosts want the same port of this machine.
    """
    bases = _bases(top)
    sizes = _sizes(top, groups)
    nothing = YamlMap(file=top.file)
    section: YamlMap = top.get("hosts") or nothing
    made = {name: _made(host, section.get(name) or nothing, bases, sizes) for name, host in hosts.items()}
    _refuse_shared(made.values(), section)
    return made


def _made(host: Host, entry: YamlMap, bases: YamlMap, sizes: Mapping[str, Size]) -> Host:
    what = f"host '{host.name}'"
    ports = _ports(entry, what)
    image = host.image
    if "image" in entry:
        image = _image(entry, "image", what)
    elif "os" in entry:
        image = None  # the copied one is of the copied os
    base = bases.get(host.os or DEFAULT_OS) or (None if "os" in entry else host.base)
    parts = [host.size, *(sizes[group] for group in ("all", *host.groups) if group in sizes)]
    if "size" in entry:
        parts.append(_size(expect(entry, "size", dict, what), f"size of {what}"))
    return dataclasses.replace(
        host,
        image=image,
        base=base,
        size=_merged(parts),
        publish=host.publish if ports is None else tuple(ports),
        fixed_ports=() if ports is None else tuple((port, at) for port, at in ports.items() if at is not None),
    )


def _bases(top: YamlMap) -> YamlMap:
    section: YamlMap = expect(top, "base_images", dict, "hosts.yml", YamlMap(file=top.file))
    for os in section:
        _image(section, os, "base_images")
    return section


def _image(mapping: YamlMap, key: str, what: str) -> str:
    check(keys.IMAGE_NAME, mapping[key], mapping, key, what)
    return str(mapping[key])


def _sizes(top: YamlMap, groups: Iterable[str]) -> dict[str, Size]:
    section = expect(top, "sizes", dict, "hosts.yml", YamlMap(file=top.file))
    known = ["all", *groups]
    for group in section:
        if group not in known:
            raise section.error(f"sizes names an unknown group '{group}'", group, did_you_mean(group, known))
    return {group: _size(expect(section, group, dict, "sizes"), f"sizes of '{group}'") for group in section}


def _size(mapping: YamlMap, what: str) -> Size:
    section = Section(mapping, keys.SIZES, what)
    memory, cpus = section["memory"], None
    if memory is not None and memory < LEAST_MEMORY:
        raise mapping.error(f"'memory' in {what} is too little for a host", "memory", "64MiB or more")
    if "cpus" in mapping:
        cpus = mapping["cpus"]
        if not isinstance(cpus, (int, float)) or isinstance(cpus, bool) or not LEAST_CPUS <= cpus < 10000:
            raise mapping.error(f"'cpus' in {what} must be a number of processors, {LEAST_CPUS} or more", "cpus")
    return Size(memory, None if cpus is None else float(cpus))


def _merged(parts: list[Size]) -> Size:
    """Of several sizes, the last word on memory and the last one on processors."""
    memory = next((part.memory for part in reversed(parts) if part.memory is not None), None)
    return Size(memory, next((part.cpus for part in reversed(parts) if part.cpus is not None), None))


def _ports(entry: YamlMap, what: str) -> dict[int, int | None] | None:
    """Port inside -> port of this machine, None for one of the provider's choosing; None when nothing is said."""
    if "publish" not in entry:
        return None
    ports: dict[int, int | None] = {}
    for text in expect(entry, "publish", list, what):
        match = None if isinstance(text, bool) else _PUBLISHED.match(str(text))
        given = [int(port) for port in match.groups() if port is not None] if match else [0]
        if not all(0 < port < 65536 for port in given):
            raise entry.error(f"'{text}' in publish of {what} isn't a port", "publish", _FORMS)
        if given[-1] in ports:
            raise entry.error(f"publish of {what} names the port {given[-1]} twice", "publish")
        ports[given[-1]] = given[0] if len(given) == 2 else None
    return ports


def _refuse_shared(hosts: Iterable[Host], section: YamlMap) -> None:
    """A port of this machine leads to one place."""
    taken: dict[int, str] = {}
    for host in hosts:
        for _, at in host.fixed_ports:
            if at in taken:
                message = f"port {at} of this machine is published for {taken[at]} already"
                hint = "give one of them another port, or name the port inside alone: Docker then chooses a free one"
                if taken[at] == host.name:
                    message = f"publish of host '{host.name}' leads port {at} of this machine to two ports"
                raise section[host.name].error(message, "publish", hint)
            taken[at] = host.name
