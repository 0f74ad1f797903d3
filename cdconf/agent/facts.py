"""Read-only data of this host, from files and the kernel: no process is started."""

import os
import socket
import sys


def os_release(path="/etc/os-release"):
    """The fields of os-release(5), lower case, unquoted."""
    result = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                name, separator, value = line.strip().partition("=")
                if separator and not name.startswith("#"):
                    result[name.lower()] = value.strip("\"'")
    except OSError:
        pass
    return result


def _memory_mb():
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)
    except (ValueError, OSError):
        return None


def _default_ipv4():
    """The address that this host would use to reach the world; connecting a UDP socket sends nothing."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]
    except OSError:
        return None
    finally:
        probe.close()


def _first(candidates):
    for name, path in candidates:
        if os.path.exists(path):
            return name
    return None


def gather():
    """All facts, plain data. None of them changes from one minute to the next."""
    release = os_release()
    return {
        "os": {
            "id": release.get("id", "linux"),
            "version": release.get("version_id", ""),
            "codename": release.get("version_codename", ""),
            "family": (release.get("id_like") or release.get("id", "linux")).split()[0],
            "name": release.get("pretty_name", ""),
        },
        "hostname": socket.gethostname(),
        "kernel": os.uname().release,
        "architecture": os.uname().machine,
        "cpus": os.cpu_count(),
        "memory_mb": _memory_mb(),
        "default_ipv4": _default_ipv4(),
        "python_version": "{}.{}.{}".format(*sys.version_info[:3]),
        "package_manager": _first(
            [
                ("apt", "/usr/bin/apt-get"),
                ("dnf", "/usr/bin/dnf"),
                ("yum", "/usr/bin/yum"),
                ("apk", "/sbin/apk"),
            ]
        ),
        "init": "systemd" if os.path.isdir("/run/systemd/system") else None,
    }
