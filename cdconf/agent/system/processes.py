"""What processes work in and run (proc(5)), also where root may not look.

A link such as /proc/PID/cwd is for root with the capability CAP_SYS_PTRACE, and for whoever has the process's user and
groups (ptrace(2)). Root in a container mostly lacks the capability; a forked child takes on that user and those groups.
"""

import json
import os
import signal

from cdconf.agent import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Who = tuple[int, int, tuple[int, ...]]  # see `identity`
    _Look = Callable[[int], list[str] | None]

WITHIN = 20  # seconds that a child may take


def links(pid: "int") -> "list[str] | None":
    """What a process works in and which program it is: two paths; None where that may not be read.

    A path is empty when there's none, as of a process that has ended.
    """
    return paths_of(pid, ("cwd", "exe"))


def paths_of(pid: "int", names: "Iterable[str]") -> "list[str] | None":
    """Where some links of a process lead; None when they may not be read."""
    found = []
    for name in names:
        try:
            found.append(os.readlink("/proc/{}/{}".format(pid, name)))
        except PermissionError:
            return None
        except OSError:
            found.append("")
    return found


def words(pid: "int") -> "list[str]":
    """A process's command line; empty when it's gone."""
    try:
        with open("/proc/{}/cmdline".format(pid), "rb") as stream:
            return stream.read().decode("utf-8", "surrogateescape").split("\0")
    except OSError:
        return []


def identity(pid: "int") -> "_Who | None":
    """`(uid, gid, groups)` of a process, its real ones; None when it's gone."""
    try:
        with open("/proc/{}/status".format(pid), encoding="utf-8", errors="replace", newline="\n") as stream:
            about = dict(line.partition(":")[::2] for line in stream)
        groups = tuple(int(word) for word in texts.words(about["Groups"]))
        return int(texts.words(about["Uid"])[0]), int(texts.words(about["Gid"])[0]), groups
    except (OSError, KeyError, IndexError, ValueError):
        return None


def unit(pid: "int") -> "str | None":
    """The unit of systemd that a process belongs to, such as `shop.service`; None where that can't be told."""
    try:
        with open("/proc/{}/cgroup".format(pid), encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            steps = [step for line in stream for step in texts.strip(line).split("/")]
    except OSError:
        return None
    return next((step for step in reversed(steps) if step.endswith((".service", ".scope"))), None)


def seen(pids: "Iterable[int]", look: "_Look") -> "dict[int, list[str] | None]":
    """What can be seen of processes: by this one, else by a child that has their user and groups.

    Args:
        pids: Their numbers.
        look: From a number to plain data, None when it may not be seen.

    Returns:
        `{pid: what look gives}`.
    """
    found = {pid: look(pid) for pid in pids}
    hidden: "dict[_Who, list[int]]" = {}
    for pid, value in found.items():
        who = identity(pid) if value is None else None
        if who is not None:
            hidden.setdefault(who, []).append(pid)
    for who, some in hidden.items() if os.geteuid() == 0 else ():
        found.update(_seen_as(who, some, look))
    return found


def _seen_as(who: "_Who", pids: "Iterable[int]", look: "_Look") -> "dict[int, list[str] | None]":
    """What a child sees that has somebody's identity; what it can't see isn't in the result."""
    ways = _ways()
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(WITHIN)
            with os.fdopen(sink, "wb") as stream:
                stream.write(json.dumps(_look_as(who, ways, pids, look)).encode("ascii"))
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    try:
        return dict(json.loads(data.decode("ascii")))
    except ValueError:
        return {}  # it was killed


def _ways() -> "list[Callable[[int], None]]":
    """How the child takes a user on: by functions of the uid, tried one after another."""
    ways = [lambda uid: os.setresuid(uid, uid, uid)]
    try:
        from cdconf.agent.system import kernel  # it needs ctypes, which the smallest Pythons lack
    except ImportError:
        return ways
    return [kernel.use_files_as] + ways


def _look_as(
    who: "_Who", ways: "list[Callable[[int], None]]", pids: "Iterable[int]", look: "_Look"
) -> "list[tuple[int, list[str] | None]]":
    """In the child, for good. Who looks at a process must have the capabilities that it has: root's come first."""
    uid, gid, groups = who
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    found: "list[tuple[int, list[str] | None]]" = []
    for become in ways:
        become(uid)
        values = [(pid, look(pid)) for pid in pids]
        found += [(pid, value) for pid, value in values if value is not None]
        pids = [pid for pid, value in values if value is None]
        if not pids:
            break
    return found
