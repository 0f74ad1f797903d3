"""Facts about the operating system: what it is, what it's called, what runs it."""

import os
import shlex
import sys

from cdconf.agent import texts
from cdconf.agent.facts.read import exists, first, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What a distribution is to a role: the first of these that is its ID or in its ID_LIKE.
_FAMILIES = [
    ("debian", ("debian", "ubuntu")),
    ("rhel", ("rhel", "fedora", "centos", "amzn")),
    ("suse", ("suse", "opensuse", "sles")),
    ("arch", ("arch",)),
    ("alpine", ("alpine",)),
]
_PACKAGE_MANAGERS = [
    ("apt", "usr/bin/apt-get"),
    ("dnf", "usr/bin/dnf"),
    ("dnf", "usr/bin/microdnf"),
    ("yum", "usr/bin/yum"),
    ("zypper", "usr/bin/zypper"),
    ("apk", "sbin/apk"),
    ("apk", "usr/bin/apk"),
    ("pacman", "usr/bin/pacman"),
]
_INITS = [("systemd", "run/systemd/system"), ("openrc", "run/openrc")]
# Vendor strings of DMI, as systemd-detect-virt(1) reads and names them.
_VENDORS = [
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("Amazon EC2", "amazon"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "oracle"),
    ("VirtualBox", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "microsoft"),
    ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
]
_DMI = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")


def os_release(root: "str" = "/") -> "dict[str, str]":
    """The fields of os-release(5), lower case, unquoted as a shell would."""
    lines = texts.lines(text(root, "etc/os-release") or text(root, "usr/lib/os-release"))
    result = {}
    for line in lines:
        name, separator, value = texts.strip(line).partition("=")
        if separator and not name.startswith("#"):
            try:
                result[name.lower()] = " ".join(shlex.split(value))
            except ValueError:
                result[name.lower()] = value.strip("\"'")
    return result


def operating_system(root: "str") -> "dict[str, Any]":
    """`os`."""
    release = os_release(root)
    own = release.get("id", "linux")
    like = texts.words(release.get("id_like", ""))
    family = own
    for name, members in _FAMILIES:
        if any(one.split("-")[0] in members for one in [own] + like):
            family = name
            break
    return {
        "os": {
            "id": own,
            "version": release.get("version_id", ""),
            "codename": release.get("version_codename", ""),
            "name": release.get("pretty_name", ""),
            "family": family,
            "like": like,
        }
    }


def system(root: "str") -> "dict[str, Any]":
    """`hostname`, `fqdn`, `kernel`, `architecture` and what else is one word about the whole system."""
    kernel = os.uname()
    hostname = text(root, "proc/sys/kernel/hostname") or kernel.nodename
    machine = text(root, "etc/machine-id", 64)
    return {
        "hostname": hostname,
        "fqdn": _fqdn(root, hostname),
        "kernel": text(root, "proc/sys/kernel/osrelease") or kernel.release,
        "architecture": kernel.machine,
        "machine_id": machine if len(machine) == 32 else None,
        "timezone": _timezone(root),
        "init": _init(root),
        "package_manager": first(root, _PACKAGE_MANAGERS),
        "python_version": "{}.{}.{}".format(*sys.version_info[:3]),
        "selinux": {"1": "enforcing", "0": "permissive"}.get(text(root, "sys/fs/selinux/enforce"), "disabled"),
    }


def _fqdn(root: "str", hostname: "str") -> "str":
    """The name that /etc/hosts gives the host, as in hosts(5); DNS isn't asked: it may be slow, and may change."""
    for line in texts.lines(text(root, "etc/hosts")):
        words = texts.words(line.partition("#")[0])[1:]
        if hostname in words and "." in words[0] and not words[0].startswith("localhost"):
            return words[0]
    return hostname


def _timezone(root: "str") -> "str | None":
    """As localtime(5) says: the link's target; UTC when there is none. Older systems name it in /etc/timezone."""
    path = os.path.join(root, "etc/localtime")
    if os.path.islink(path):
        _, found, zone = os.readlink(path).partition("zoneinfo/")
        if found:
            return zone
    named = text(root, "etc/timezone", 256)
    if named:
        return named
    return None if exists(root, "etc/localtime") else "UTC"


def _init(root: "str") -> "str | None":
    found = first(root, _INITS)
    if found:
        return found
    name = text(root, "proc/1/comm", 64)
    known = {"runit": "runit", "s6-svscan": "s6"}
    if name == "init" and exists(root, "etc/inittab"):
        return "sysvinit"
    return known.get(name)


def virtualisation(root: "str") -> "dict[str, dict[str, str | None]]":
    """`virtualisation`: the container and the virtual machine that the host is, if any."""
    return {"virtualisation": {"container": _container(root), "machine": _machine(root)}}


def _container(root: "str") -> "str | None":
    """The container manager, by the marks that systemd-detect-virt(1) goes by."""
    said = text(root, "run/host/container-manager", 64) or text(root, "run/systemd/container", 64)
    for entry in text(root, "proc/1/environ").split("\0"):
        name, _, value = entry.partition("=")
        if name == "container":
            said = said or value
    if said and said != "oci":
        return said
    marked = first(root, [("docker", ".dockerenv"), ("podman", "run/.containerenv"), ("lxc", "dev/lxd/sock")])
    if marked:
        return marked
    groups = text(root, "proc/1/cgroup")
    for mark, name in (("/docker", "docker"), ("/libpod", "podman"), ("/lxc", "lxc"), ("/kubepods", "kubernetes")):
        if mark in groups:
            return name
    return said or None


def _machine(root: "str") -> "str | None":
    """The hypervisor: what DMI says, else what the clock sources give away, else the processor's flag."""
    clocks = texts.words(text(root, "sys/devices/system/clocksource/clocksource0/available_clocksource"))
    metal = text(root, "sys/class/dmi/id/product_name").endswith(".metal")  # Amazon's, without a hypervisor
    if metal or "control_d" in text(root, "proc/xen/capabilities"):
        return None
    for field in _DMI:
        value = text(root, "sys/class/dmi/id/" + field)
        for vendor, name in _VENDORS:
            if value.startswith(vendor):
                return "kvm" if name == "qemu" and "kvm-clock" in clocks else name
        if field == "product_name" and value == "Virtual Machine":
            return "microsoft"
    for clock, name in (("kvm-clock", "kvm"), ("xen", "xen"), ("hyperv_clocksource_tsc_page", "microsoft")):
        if clock in clocks:
            return name
    tree = text(root, "proc/device-tree/hypervisor/compatible")
    if "kvm" in tree or "qemu" in tree:
        return "kvm"
    flags = [line for line in texts.lines(text(root, "proc/cpuinfo", 4096)) if line.startswith("flags")]
    return "other" if flags and "hypervisor" in texts.words(flags[0]) else None
