"""Which directories processes still work in, so that they aren't removed below them (proc(5))."""

import os


def names(folder):
    """The entries of a directory that processes work in, run from, or have open or mapped.

    A process of an older release may live long after its successor was started: a worker that ends its job, a shell.
    """
    prefix = os.path.realpath(folder).rstrip("/") + "/"
    found = set()
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            found.update(path[len(prefix) :].split("/")[0] for path in _paths(pid) if path.startswith(prefix))
    return found


def _paths(pid):
    root = os.path.join("/proc", pid)
    links = [os.path.join(root, name) for name in ("cwd", "exe", "root")]
    try:
        links += [os.path.join(root, "fd", name) for name in os.listdir(os.path.join(root, "fd"))]
    except OSError:
        pass  # it has ended, or is another user's
    for link in links:
        try:
            yield os.readlink(link)
        except OSError:
            continue
    for line in _lines(os.path.join(root, "maps")):
        if "/" in line:
            yield line[line.index("/") :].rstrip("\n")
    for line in _lines(os.path.join(root, "cmdline")):
        for word in line.split("\0"):
            yield word


def _lines(path):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.readlines()
    except OSError:
        return []
