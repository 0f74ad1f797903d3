"""Which directories processes still work in, so that they aren't removed below them (proc(5))."""

import os

from cdconf.agent import texts
from cdconf.agent.system import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def names(folder: "str", is_ours: "Callable[[int], bool]" = lambda pid: False) -> "set[str]":
    """The entries of a directory that processes work in, run from, or have open or mapped.

    A process of an older release may live long after its successor was started: a worker that ends its job, a shell.

    Args:
        folder: The directory.
        is_ours: Whether a process that can't be looked at may be one of those that work here; if so, all is in use.
    """
    prefix = os.path.realpath(folder).rstrip("/") + "/"
    pids = [int(pid) for pid in os.listdir("/proc") if texts.is_number(pid)]
    found = set()
    for pid, used in processes.seen(pids, lambda pid: _used(pid, prefix)).items():
        if used is None:
            used = _below(processes.words(pid), prefix)
            if is_ours(pid):
                return set(os.listdir(folder))
        found.update(used)
    return found


def _used(pid: "int", prefix: "str") -> "list[str] | None":
    """The entries that a process uses; None when that may not be seen."""
    paths = processes.paths_of(pid, ("cwd", "exe", "root"))
    if paths is None:
        return None
    root = "/proc/{}".format(pid)
    try:
        paths += processes.paths_of(pid, ["fd/" + name for name in os.listdir(os.path.join(root, "fd"))]) or []
    except OSError:
        pass  # it has ended
    for line in _lines(os.path.join(root, "maps")):
        if "/" in line:
            paths.append(line[line.index("/") :].rstrip("\n"))
    return _below(paths + processes.words(pid), prefix)


def _below(paths: "list[str]", prefix: "str") -> "list[str]":
    return sorted({path[len(prefix) :].split("/")[0] for path in paths if path.startswith(prefix)})


def _lines(path: "str") -> "list[str]":
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            return stream.readlines()
    except OSError:
        return []
