"""An app's services: restarted, and verified to run from the release that they should run from."""

import os
import time

from cdconf.agent.base import Failed, last_lines, run, run_ok

KINDS = ("service", "socket", "timer", "path", "mount", "automount", "swap", "target", "slice", "scope", "device")
SUFFIXES = tuple("." + kind for kind in KINDS)
TICKS = os.sysconf("SC_CLK_TCK")
SHOWN = "Id,LoadState,LoadError,ActiveState,SubState,UnitFileState,NeedDaemonReload,MainPID,Result"


def show(names, properties=SHOWN):
    """`systemctl show` of several units at once: `{name: {property: text}}`."""
    result = run(["systemctl", "show", "-p", properties, "--"] + [unit(name) for name in names], timeout=30)
    blocks = [block for block in result.out.split("\n\n") if block.strip()]
    if result.status != 0 or len(blocks) != len(names):
        raise Failed("systemctl show failed", status=result.status, output=last_lines(result.err))
    pairs = [dict(line.partition("=")[::2] for line in block.strip().splitlines()) for block in blocks]
    return dict(zip(names, pairs))


def check_loaded(names):
    """Raises `Failed` unless each service has a unit on this host."""
    for name, state in show(names).items() if names else ():
        if state["LoadState"] != "loaded":
            text = "service '{}' has no unit on this host ({}); does a role install it?"
            raise Failed(text.format(name, state["LoadState"]))


def unit(name):
    """The unit's full name; `web@1.2` is an instance whose name has a dot, not a unit of type `2`."""
    return name if name.endswith(SUFFIXES) else name + ".service"


def journal(name, count=15):
    """The last lines that a service logged."""
    result = run(["journalctl", "-u", unit(name), "-n", str(count), "--no-pager", "-o", "cat"], timeout=30)
    return last_lines(result.out, count)


def systemctl(verb, name):
    """Runs one systemctl verb on a service; `Failed` with the service's last words when it fails."""
    result = run(["systemctl", verb, "--", unit(name)], timeout=120)
    if result.status != 0:
        output = "\n".join(part for part in (last_lines(result.err), journal(name)) if part)
        raise Failed(
            "service '{}' can't {}".format(name, verb),
            command="systemctl {} {}".format(verb, unit(name)),
            status=result.status,
            output=output,
        )


def daemon_reload():
    """Has systemd read its unit files again."""
    run_ok(["systemctl", "daemon-reload"], timeout=120)


def started_at(pid):
    """Seconds after boot at which a process began (proc(5): /proc/PID/stat field 22); None when it's gone."""
    try:
        with open("/proc/{}/stat".format(pid), "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return int(fields[19]) / TICKS


def uptime():
    """Seconds since boot, on the clock that process start times use."""
    with open("/proc/uptime") as stream:
        return float(stream.read().split()[0])


def runs_from(pid, folder, current):
    """Whether a process works in the release's directory, runs a program of it, or was started through `current`."""
    folder = os.path.realpath(folder) + os.sep
    for name in ("cwd", "exe"):
        try:
            if (os.readlink("/proc/{}/{}".format(pid, name)) + os.sep).startswith(folder):
                return True
        except OSError:
            pass
    try:
        with open("/proc/{}/cmdline".format(pid), "rb") as stream:
            words = stream.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return False
    return any(word.startswith(folder) or word.startswith(current + os.sep) for word in words)


def verify(names, folder, current, since, within=15.0):
    """Waits until each service's main process is newer than `since` and runs from the release.

    Args:
        names: The app's services.
        folder: The release's directory.
        current: The app's `current` link.
        since: Seconds after boot of the activation; None accepts a process of any age.
        within: Seconds to wait.

    Raises:
        Failed: With the reason and the service's last lines.
    """
    deadline = time.monotonic() + within
    while True:
        wrong = _wrong(names, folder, current, since)
        if wrong is None:
            return
        if wrong[2] or time.monotonic() > deadline:
            raise Failed("service '{}' {}".format(wrong[0], wrong[1]), output=journal(wrong[0]))
        time.sleep(0.1)


def _wrong(names, folder, current, since):
    """(name, what's wrong, whether waiting is useless) of the first service that isn't verified."""
    for name, state in show(names).items() if names else ():
        if state["LoadState"] != "loaded":
            return name, "has no unit on this host ({}); does a role install it?".format(state["LoadState"]), True
        if state["ActiveState"] != "active":
            return name, "is {} ({})".format(state["ActiveState"], state["Result"]), state["ActiveState"] == "failed"
        pid = int(state["MainPID"] or 0)
        began = started_at(pid) if pid else None
        if began is None:
            return name, "has no main process", False
        # The kernel counts in ticks: a process of this very moment may seem one tick older.
        if since is not None and began < since - 2.0 / TICKS:
            return name, "still runs the old process", False
        if not runs_from(pid, folder, current):
            return name, "doesn't run from {}".format(folder), False
    return None
