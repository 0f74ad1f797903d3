"""Directories of the system that are never emptied, removed or given away as a whole."""

_SHARED = (
    "/etc/systemd /etc/systemd/system /etc/default /usr/bin /usr/sbin /usr/lib /usr/lib64 /usr/libexec /usr/share "
    "/usr/local /usr/local/bin /usr/local/sbin /usr/local/lib /var/lib /var/lib/cdconf /var/lib/dpkg /var/log /var/cache "
    "/var/spool /var/tmp"
).split()
_KERNEL = ("/proc/", "/sys/", "/dev/")


def is_systems(path):
    """Whether a path is `/`, a directory right below it, or another that many programs share."""
    return path.count("/") < 2 or path in _SHARED or path.startswith(_KERNEL)
