"""Every fact: its group, type, meaning and an example. The reference page and lint's samples come from here.

Facts of a group are gathered together, in one round trip. What gathers them is `cdconf.agent.facts.groups`.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cdconf.facts.patterns import PATHS, AnyPattern, pattern_of

TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "list": list, "map": dict}


@dataclass(frozen=True)
class Fact:
    """One fact.

    Args:
        path: As templates write it after `facts.`; `<name>` stands for a key that differs from host to host.
        type: A key of `TYPES`.
        doc: What it is, its unit included.
        example: A value; for a path that ends with `<name>`, a key.
        optional: It may be null.
    """

    path: str
    type: str
    doc: str
    example: Any
    optional: bool = False

    @property
    def keys(self) -> list[str]:
        """The path's parts."""
        return self.path.split(".")


@dataclass(frozen=True)
class FactGroup:
    """Facts that are gathered together."""

    name: str
    doc: str
    facts: tuple[Fact, ...]
    by_name: bool = False  # it's large: who reads all facts doesn't get these, unless they're asked for by name

    @property
    def names(self) -> tuple[str, ...]:
        """What templates read of it: the first parts of the paths."""
        return tuple(dict.fromkeys(fact.keys[0] for fact in self.facts))


_ADDRESS_4 = [{"address": "192.0.2.10", "prefix": 24, "scope": "global"}]
_ADDRESS_6 = [{"address": "2001:db8::10", "prefix": 64, "scope": "global"}]


def _way_out(version: str, address: str, prefix: int, gateway: str) -> tuple[Fact, ...]:
    of = f"network.{version}"
    name = {"ipv4": "IPv4", "ipv6": "IPv6"}[version]
    return (
        Fact(
            f"{of}.address", "string", f"The address from which this host reaches the world by {name}.", address, True
        ),
        Fact(f"{of}.prefix", "integer", "The length of its network's prefix.", prefix, True),
        Fact(f"{of}.interface", "string", "The default route's interface.", "eth0", True),
        Fact(f"{of}.gateway", "string", "The default route's gateway.", gateway, True),
    )


GROUPS: tuple[FactGroup, ...] = (
    FactGroup(
        "os",
        "The distribution, as os-release(5) tells it.",
        (
            Fact("os.id", "string", "Its short name: debian, ubuntu, rocky, alpine, …", "debian"),
            Fact("os.version", "string", "Its version; empty for a rolling one.", "12"),
            Fact("os.codename", "string", "The version's name; empty where versions have none.", "bookworm"),
            Fact("os.name", "string", "Its name for people.", "Debian GNU/Linux 12 (bookworm)"),
            Fact("os.family", "string", "debian, rhel, suse, arch, alpine, or else the `id`.", "debian"),
            Fact("os.like", "list", "The ids of the distributions that it derives from.", []),
        ),
    ),
    FactGroup(
        "system",
        "The system's names, and what else is one word about it.",
        (
            Fact("hostname", "string", "The kernel's name of the host.", "web1"),
            Fact("fqdn", "string", "The full name that /etc/hosts gives it, else its hostname.", "web1.example.com"),
            Fact("kernel", "string", "The kernel's release.", "6.1.0-18-amd64"),
            Fact("architecture", "string", "The machine's architecture: x86_64, aarch64, …", "x86_64"),
            Fact("machine_id", "string", "machine-id(5).", "7c4b2f5e0b6d4c0c9d0b0b3c2f1e8a11", True),
            Fact("timezone", "string", "The zone's name in the tz database.", "Etc/UTC", True),
            Fact("init", "string", "systemd, openrc, runit, s6 or sysvinit.", "systemd", True),
            Fact("package_manager", "string", "apt, dnf, yum, zypper, apk or pacman.", "apt", True),
            Fact("python_version", "string", "Of the Python that runs cdconf's agent.", "3.11.2"),
            Fact("selinux", "string", "enforcing, permissive or disabled.", "disabled"),
        ),
    ),
    FactGroup(
        "virtualisation",
        "What the host runs in; both are null on bare metal.",
        (
            Fact(
                "virtualisation.container",
                "string",
                "docker, podman, lxc, systemd-nspawn, kubernetes, …",
                None,
                True,
            ),
            Fact(
                "virtualisation.machine",
                "string",
                "kvm, qemu, vmware, oracle, xen, microsoft, amazon, google, …; `other` for one that isn't known.",
                "kvm",
                True,
            ),
        ),
    ),
    FactGroup(
        "cpu",
        "The processors.",
        (
            Fact("cpu.count", "integer", "How many of them the system may use.", 2),
            Fact("cpu.model", "string", "Their model; empty where the kernel doesn't tell.", "AMD EPYC 7763"),
        ),
    ),
    FactGroup(
        "memory",
        "Memory in MiB.",
        (
            Fact("memory_mb", "integer", "All of it; in a container its limit, when that's less.", 2048),
            Fact("swap_mb", "integer", "Swap space, 0 for none.", 0),
        ),
    ),
    FactGroup(
        "disks",
        "Disks that stay: no removable ones, loops, RAM disks or logical volumes.",
        (
            Fact("disks", "map", "Name -> disk.", {}),
            Fact("disks.<name>", "map", "One disk.", "sda"),
            Fact("disks.<name>.name", "string", "Its name in /dev.", "sda"),
            Fact("disks.<name>.size_mb", "integer", "Its size in MiB.", 40960),
            Fact("disks.<name>.rotational", "boolean", "Whether it turns, as far as the kernel knows.", False),
            Fact("disks.<name>.model", "string", "Its model; empty for most virtual ones.", "QEMU HARDDISK"),
        ),
    ),
    FactGroup(
        "mounts",
        "Mounted file systems that hold data: no tmpfs, none of containers or snaps.",
        (
            Fact("mounts", "map", "Path -> mount.", {}),
            Fact("mounts.<path>", "map", 'One mount, written `facts.mounts["/"]`.', "/"),
            Fact("mounts.<path>.path", "string", "Where it's mounted.", "/"),
            Fact("mounts.<path>.device", "string", "What is mounted: a device, or a server and its path.", "/dev/sda1"),
            Fact("mounts.<path>.type", "string", "The file system's type.", "ext4"),
            Fact("mounts.<path>.options", "list", "The mount's options.", ["rw", "relatime", "errors=remount-ro"]),
            Fact("mounts.<path>.size_mb", "integer", "Its size in MiB; null for network file systems.", 40188, True),
        ),
    ),
    FactGroup(
        "network",
        "The way to the world, and the interfaces; those of containers and virtual machines are left out.",
        (
            *_way_out("ipv4", "192.0.2.10", 24, "192.0.2.1"),
            *_way_out("ipv6", "2001:db8::10", 64, "fe80::1"),
            Fact("network.interfaces", "map", "Name -> interface.", {}),
            Fact("network.interfaces.<name>", "map", "One interface.", "eth0"),
            Fact("network.interfaces.<name>.name", "string", "Its name.", "eth0"),
            Fact("network.interfaces.<name>.mac", "string", "Its hardware address.", "52:54:00:12:34:56", True),
            Fact("network.interfaces.<name>.mtu", "integer", "Its largest packet, in bytes.", 1500, True),
            Fact("network.interfaces.<name>.up", "boolean", "Whether someone has put it up.", True),
            Fact(
                "network.interfaces.<name>.ipv4",
                "list",
                "Its addresses, as maps of address, prefix and scope (global, site, link, host).",
                _ADDRESS_4,
            ),
            Fact("network.interfaces.<name>.ipv6", "list", "Likewise, without temporary ones (RFC 8981).", _ADDRESS_6),
        ),
    ),
    FactGroup(
        "users",
        "The users of /etc/passwd, with their groups of /etc/group; none of a directory server. A host with more than "
        "5000 users is an error where `facts.users` is read.",
        (
            Fact("users", "map", "Name -> user.", {}),
            Fact("users.<name>", "map", "One user.", "deploy"),
            Fact("users.<name>.name", "string", "The user's name.", "deploy"),
            Fact("users.<name>.uid", "integer", "The user's number.", 1000),
            Fact("users.<name>.gid", "integer", "The primary group's number.", 1000),
            Fact("users.<name>.group", "string", "The primary group's name.", "deploy", True),
            Fact("users.<name>.groups", "list", "The other groups, sorted.", ["adm", "sudo"]),
            Fact("users.<name>.home", "string", "The home directory.", "/home/deploy"),
            Fact("users.<name>.shell", "string", "The login shell; empty for /bin/sh.", "/bin/bash"),
        ),
        by_name=True,
    ),
    FactGroup(
        "packages",
        "The packages that are installed, by the database of dpkg, apk or rpm. More than 10000 packages are an error "
        "where `facts.packages` is read.",
        (
            Fact("packages", "map", "Name -> package.", {}),
            Fact("packages.<name>", "map", 'One package, also written `facts.packages["python3.11"]`.', "nginx"),
            Fact("packages.<name>.name", "string", "The package's name.", "nginx"),
            Fact(
                "packages.<name>.version",
                "string",
                "The installed version, with its epoch if it has one. Of several (kernels on rpm hosts) the one that "
                "was installed last.",
                "1.22.1-9",
            ),
        ),
        by_name=True,
    ),
    FactGroup(
        "paths",
        "Paths that match a pattern, each gathered by itself. `*`, `?` and `[…]` match within a name, and no name that "
        "begins with a dot; a `/` at the end matches directories only. Links are followed in the middle of a path, not "
        "at its end. Names that aren't UTF-8 or hold control characters are left out. A pattern that matches more than "
        "2000 paths, or goes through more than 100000 names, is an error; so are `**` and paths below /proc.",
        (
            Fact("paths", "map", 'Pattern -> paths, written `facts.paths["/etc/cron.d/*"]`.', {}),
            Fact(
                "paths.<pattern>",
                "list",
                "The paths that match, sorted, as maps of path and type (file, directory, link, other); empty when "
                "none does.",
                "/etc/cron.d/*",
            ),
        ),
        by_name=True,
    ),
)


def group_of(fact: str) -> str | None:
    """The group of a fact that templates read as `facts.NAME`; None when there's no such fact."""
    return next((group.name for group in GROUPS if fact in group.names), None)


def known_group(name: str) -> bool:
    """Whether there's such a group, of which facts can be had: `paths` has none without a pattern."""
    return pattern_of(name) is not None or (name != PATHS and any(group.name == name for group in GROUPS))


def shown_by(environment: str, host: str, groups: Sequence[str]) -> str:
    """The command that asks a host for some groups."""
    by_name = [group.name for group in GROUPS if group.by_name]
    also = [pattern_of(one) or one for one in groups if one in by_name or pattern_of(one) is not None]
    return " ".join([f"cdconf facts {environment} {host}", *(f"--also {shlex.quote(one)}" for one in also)])


def below(above: str, key: str) -> str:
    """The path of a key of a map, as templates write it: `facts.os`, `facts.mounts["/"]`."""
    return f"{above}.{key}" if key.isidentifier() else f'{above}["{key}"]'


class _AnyName(dict[str, Any]):
    """Disks, mounts or interfaces of a host that nobody has seen: whatever name is asked for, there's one like it."""

    def __missing__(self, key: str) -> Any:
        return next(iter(self.values()))


def sample() -> dict[str, Any]:
    """All facts with the examples' values: what templates may ask of a host before anyone has seen it."""
    result: dict[str, Any] = {}
    names: dict[str, str] = {}
    for fact in (fact for group in GROUPS for fact in group.facts if group.name != PATHS):
        *above, last = [names.get(fact.path.partition(key)[0] + key, key) for key in fact.keys]
        place = result
        for key in above:
            place = place.setdefault(key, {})
        if last.startswith("<"):
            names[fact.path] = fact.example
            place[fact.example] = {}
        else:
            place[last] = _AnyName() if fact.type == "map" else fact.example
    result[PATHS] = AnyPattern()
    return result
