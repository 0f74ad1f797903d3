"""An app's services: restarted, and verified to run from the release that they should run from."""

import os
import time

from cdconf.agent import texts
from cdconf.agent.commands.execute import last_lines, run, run_ok
from cdconf.agent.errors import Failed
from cdconf.agent.release import works_in
from cdconf.agent.system import processes
from cdconf.agent.system.units import resolve, unit

TICKS = os.sysconf("SC_CLK_TCK")
REPLACED = 5.0  # seconds that a reload waits for the workers of before; one that ends a long request no longer listens
UNCHANGED = 2.0  # seconds after which a service that has started no new process keeps those that it has
SHOWN = "Id,LoadState,LoadError,ActiveState,SubState,UnitFileState,NeedDaemonReload,MainPID,Result"


def show(names, properties=SHOWN):
    """`systemctl show` of several units at once: `{name: {property: text}}`; of an alias it's the unit behind it."""
    result = run(["systemctl", "show", "-p", properties, "--"] + [resolve(name) for name in names], timeout=30)
    blocks = [block for block in result.out.split("\n\n") if texts.strip(block)]
    if result.status != 0 or len(blocks) != len(names):
        raise Failed("systemctl show failed", status=result.status, output=last_lines(result.err))
    pairs = [dict(line.partition("=")[::2] for line in texts.lines(texts.strip(block))) for block in blocks]
    return dict(zip(names, pairs))


def check_loaded(names):
    """Raises `Failed` unless each service has a unit on this host."""
    for name, state in show(names).items() if names else ():
        if state["LoadState"] != "loaded":
            text = "service '{}' has no unit on this host ({}); does a role install it?"
            raise Failed(text.format(name, state["LoadState"]))


def journal(name, count=15):
    """The last lines that a service logged."""
    result = run(["journalctl", "-u", resolve(name), "-n", str(count), "--no-pager", "-o", "cat"], timeout=30)
    return last_lines(result.out, count)


def last_words(names):
    """The last lines that an app's services logged; each below the unit's name when there are several."""
    parts = [(name, journal(name)) for name in names]
    if len(parts) == 1:
        return parts[0][1]
    return "\n".join("{}:\n{}".format(unit(name), text) for name, text in parts if text)


def systemctl(verb, name):
    """Runs one systemctl verb on a service; `Failed` with the service's last words when it fails."""
    full = resolve(name)
    result = run(["systemctl", verb, "--", full], timeout=120)
    if result.status != 0:
        output = "\n".join(part for part in (last_lines(result.err), journal(name)) if part)
        raise Failed(
            "service '{}' can't {}".format(name, verb),
            command="systemctl {} {}".format(verb, full),
            status=result.status,
            output=output,
        )


def reload(name):
    """Reloads a service, and waits for workers that it replaces: they'd answer a health check with the old release."""
    main = int(show([name])[name]["MainPID"] or 0)
    full = resolve(name)
    before = set(works_in.pids_of(full))
    systemctl("reload", name)
    began, old = time.monotonic(), before - {main}
    while old:
        time.sleep(0.1)
        now, waited = set(works_in.pids_of(full)), time.monotonic() - began
        old &= now
        if waited > REPLACED or (waited > UNCHANGED and now <= before):
            return


def daemon_reload():
    """Has systemd read its unit files again."""
    run_ok(["systemctl", "daemon-reload"], timeout=120)


def started_at(pid):
    """Seconds after boot at which a process began (proc(5): /proc/PID/stat field 22); None when it's gone."""
    try:
        with open("/proc/{}/stat".format(pid), "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()  # texts: bytes
    except OSError:
        return None
    return int(fields[19]) / TICKS


def uptime():
    """Seconds since boot, on the clock that process start times use."""
    with open("/proc/uptime", newline="\n") as stream:
        return float(texts.words(stream.read())[0])


class Untold(Failed):
    """Nobody here can tell whether a service runs from a release: that's no fault of the release.

    Args:
        name: The service.
        pid: Its main process.
        folder: The release's directory.
        current: The app's `current` link.
    """

    def __init__(self, name, pid, folder, current):
        text = (
            "service '{}': can't tell whether it runs from {}: root here may not read /proc/{}/cwd (no CAP_SYS_PTRACE)"
        )
        remedy = (
            "give root on this host the capability (docker run: `--cap-add SYS_PTRACE`), or let WorkingDirectory= or "
            "ExecStart= of the service's unit lead to {}"
        )
        Failed.__init__(self, text.format(name, folder, pid), details={"hint": remedy.format(current)})


def runs_from(name, pid, folder, current):
    """Whether a service's main process runs from a release; None when that can't be told.

    It does when it works in the release's directory, when its program is in there, or when an argument leads there or
    through `current`. Where root may not see what it works in, the unit's WorkingDirectory= and ExecStart= count too.
    """
    places = [os.path.realpath(folder), folder, current]
    links = processes.seen([pid], processes.links)[pid]
    if any(_is_at(path, places[:1]) for path in links or ()) or _lead(processes.words(pid), places):
        return True
    if links is not None:
        return False
    about = show([name], "WorkingDirectory,ExecStart")[name]
    told = [about.get("WorkingDirectory", "").lstrip("!-")] + texts.words(about.get("ExecStart", ""))
    return True if _lead(told, places) else None


def _lead(words, places):
    """Whether one of some words is such a path, or is `--x=PATH` with one."""
    return any(_is_at(path, places) for word in words for path in (word, word.partition("=")[2]))


def _is_at(path, places):
    return any((path.rstrip("/") + "/").startswith(place + "/") for place in places)


def verify(app, folder, current, since, within=15.0):
    """Waits until each service runs from the release: by default its main process does, and is newer than `since`.

    Args:
        app: The app, with its `services`; see `cdconf.agent.release.activation` for those that aren't restarted.
        folder: The release's directory.
        current: The app's `current` link.
        since: Seconds after boot of the activation; None accepts a process of any age.
        within: Seconds to wait.

    Raises:
        Failed: (`release`) With the reason and the service's last lines.
        Untold: All is well but that nobody can tell whether it runs from the release.
    """
    deadline = time.monotonic() + within
    while True:
        wrong = _wrong(app, folder, current, since)
        if wrong is None:
            return
        name, problem, is_final = wrong
        if is_final or time.monotonic() > deadline:
            if isinstance(problem, Untold):
                raise problem
            raise Failed("service '{}' {}".format(name, problem), output=journal(name), kind="release")
        time.sleep(0.1)


def _wrong(app, folder, current, since):
    """(name, what's wrong, whether waiting is useless) of the first service that isn't verified.

    What's wrong is a text, or an `Untold`.
    """
    hows = app.get("activation") or {}
    for name, state in show(app["services"]).items() if app["services"] else ():
        how = hows.get(name, "restart")
        if state["LoadState"] != "loaded":
            return name, "has no unit on this host ({}); does a role install it?".format(state["LoadState"]), True
        if how == "none" and state["ActiveState"] != "failed" and unit(name).endswith(".service"):
            continue
        if state["ActiveState"] != "active":
            return name, "is {} ({})".format(state["ActiveState"], state["Result"]), state["ActiveState"] == "failed"
        problem = None
        if how == "restart":
            problem = _process_wrong(name, int(state["MainPID"] or 0), folder, current, since)
        elif how != "none":
            problem = works_in.told_wrong(name, folder)
        if problem is not None:
            return name, problem, False
    return None


def _process_wrong(name, pid, folder, current, since):
    """What's wrong with the main process of a service that was restarted; None for nothing."""
    began = started_at(pid) if pid else None
    if began is None:
        return "has no main process"
    # The kernel counts in ticks: a process of this very moment may seem one tick older.
    if since is not None and began < since - 2.0 / TICKS:
        return "still runs the old process"
    is_it = runs_from(name, pid, folder, current)
    return None if is_it else Untold(name, pid, folder, current) if is_it is None else "doesn't run from " + folder
