"""Directories of the system that are never emptied, removed or given away as a whole."""

_SHARED = (
    "/etc/systemd",
    "/etc/systemd/system",
    "/etc/default",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
)
# Each program's own is below these.
_SHELVES = ("/var/",)
_KERNEL = ("/proc/", "/sys/", "/dev/")


def is_systems(path):
    """Whether a path is `/`, a directory right below it, or another that many programs share."""
    shelf = path.startswith(_SHELVES) and path.count("/") == 2
    own = path == "/var/lib/cdconf" or path.startswith("/var/lib/cdconf/")
    return path.count("/") < 2 or shelf or own or path in _SHARED or path.startswith(_KERNEL)
