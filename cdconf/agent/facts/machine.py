"""Facts about the machine: processors, memory, disks, mounted file systems."""

import os
import re

from cdconf.agent import texts
from cdconf.agent.facts.read import exists, names, number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MB = 1024 * 1024
_MODEL = re.compile(r"^(?:model name|Model|Hardware|cpu model|cpu)\s*:\s*(.+)", re.MULTILINE)
_ESCAPE = re.compile(r"\\([0-7]{3})")
# Asking these file systems for their size would wait for a server, maybe for ever.
_REMOTE = {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"}
# These hold data without a block device of this host, too.
_WITHOUT_DEVICE = _REMOTE | {"bcachefs", "btrfs", "ocfs2", "virtiofs", "zfs"}
# Mounts below these come and go with containers, sessions and snaps.
_PASSING = ("/proc/", "/sys/", "/dev/", "/run/", "/media/", "/snap/", "/var/snap/", "/var/lib/snapd/") + (
    "/var/lib/docker/",
    "/var/lib/containers/",
    "/var/lib/containerd/",
    "/var/lib/kubelet/",
)


def cpu(root: "str") -> "dict[str, Any]":
    """`cpu`: how many this system may use, and their model."""
    info = text(root, "proc/cpuinfo", 4096)  # the kernel asks every processor for the whole of it
    found = _MODEL.search(info)
    return {
        "cpu": {
            "count": len(os.sched_getaffinity(0)),
            "model": " ".join(texts.words(found.group(1))) if found else text(root, "proc/device-tree/model"),
        }
    }


def memory(root: "str") -> "dict[str, int]":
    """`memory_mb`, `swap_mb`: what there is, or a container's limit when that's less."""
    sizes = {}
    for line in texts.lines(text(root, "proc/meminfo")):
        words = texts.words(line)
        if len(words) == 3:
            sizes[words[0].rstrip(":")] = int(words[1]) * 1024
    total = sizes.get("MemTotal", 0)
    for path in _memory_limits(root):
        limit = number(root, path)
        if limit:
            total = min(total, limit)
    return {"memory_mb": total // _MB, "swap_mb": sizes.get("SwapTotal", 0) // _MB}


def _memory_limits(root: "str") -> "list[str]":
    """The files that may hold a container's limit, with cgroups v2 and v1.

    The first process has the container's own cgroup, which is at the top of the tree, unless the container sees its
    machine's whole tree.
    """
    places = [("sys/fs/cgroup/{}memory.max", ""), ("sys/fs/cgroup/memory/{}memory.limit_in_bytes", "")]
    for line in texts.lines(text(root, "proc/1/cgroup")):
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        parts = [part for part in path.split("/") if part]
        if ".." in parts:  # seen from another namespace
            continue
        if "memory" in controllers.split(","):
            places += [(places[1][0], "/".join(parts[:end]) + "/") for end in range(1, len(parts) + 1)]
        elif not controllers:
            places += [(places[0][0], "/".join(parts[:end]) + "/") for end in range(1, len(parts) + 1)]
    return [form.format(folder) for form, folder in places]


def disks(root: "str") -> "dict[str, Any]":
    """`disks`: name -> its facts, for disks that stay.

    Loops, RAM disks, logical volumes, and drives that are empty or removable are none. Sizes in /sys/block are in
    sectors of 512 bytes, whatever the disk's own.
    """
    found = {}
    for name in names(root, "sys/block"):
        folder = "sys/block/" + name
        sectors = number(root, folder + "/size") or 0
        passing = not exists(root, folder + "/device") or number(root, folder + "/removable") == 1
        if passing or not sectors or re.match(r"sr|fd|nbd|mmcblk[0-9]+(boot|rpmb)", name):
            continue
        found[name] = {
            "name": name,
            "size_mb": sectors * 512 // _MB,
            "rotational": number(root, folder + "/queue/rotational") == 1,
            "model": text(root, folder + "/device/model", 256),
        }
    return {"disks": found}


def mounts(root: "str") -> "dict[str, Any]":
    """`mounts`: path -> its facts, from /proc/self/mountinfo (proc(5)), for file systems that hold data."""
    found: "dict[str, dict[str, Any]]" = {}
    for line in texts.lines(text(root, "proc/self/mountinfo", 16 * _MB)):
        mount, _, source = line.partition(" - ")
        fields, origin = mount.split(" "), source.split(" ")
        if len(fields) < 6 or len(origin) < 3:
            continue
        path, kind, device = _plain(fields[4]), origin[0], _plain(origin[1])
        found.pop(path, None)  # a mount over another hides it
        if not _holds_data(path, kind, device) or not os.path.isdir(os.path.join(root, path[1:])):
            continue
        found[path] = {
            "path": path,
            "device": device,
            "type": kind,
            "options": _options(fields[5], "" if kind == "overlay" else origin[2]),
            "size_mb": None if kind in _REMOTE else _size(os.path.join(root, path[1:])),
        }
    return {"mounts": found}


def _plain(field: "str") -> "str":
    """Spaces, tabs, newlines and backslashes are octal in mountinfo."""
    return _ESCAPE.sub(lambda match: chr(int(match.group(1), 8)), field)


def _holds_data(path: "str", kind: "str", device: "str") -> "bool":
    if kind == "overlay":
        return path == "/"  # a container's own; others belong to containers
    if kind == "squashfs" or path.startswith(_PASSING):
        return False
    return device.startswith("/dev/") or kind in _WITHOUT_DEVICE


def _options(own: "str", whole: "str") -> "list[str]":
    """The mount's options, then those of the whole file system, as mount(8) shows them."""
    options = own.split(",")
    rest = [one for one in whole.split(",") if one and one not in options]
    if "ro" in rest:
        options = ["ro" if option == "rw" else option for option in options]
    return options + [one for one in rest if one not in ("ro", "rw")]


def _size(path: "str") -> "int | None":
    try:
        status = os.statvfs(path)
    except OSError:
        return None
    return status.f_blocks * status.f_frsize // _MB
