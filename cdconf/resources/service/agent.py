"""Observes services with one systemctl call and starts, stops, enables, disables and masks them."""

import glob
import os
import time

from cdconf.agent import files, texts
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run, run_ok
from cdconf.agent.errors import Failed, Missing, Obstacle
from cdconf.agent.release import app_services
from cdconf.agent.system import openrc, units

RUNNING = ("active", "reloading", "activating")
FIXED = {"static", "transient"}
VERBS = {"restart": "restart", "reload": "try-reload-or-restart", "start": "start", "stop": "stop"}
START_LIMIT = 60
STEADY = 0.2  # s that a process has to live of which systemd knows no other sign that it's up
NO_SIGN = ("simple", "exec", "idle")
SHOWN = app_services.SHOWN + ",Type,RemainAfterExit,FragmentPath,DropInPaths,SourcePath,ExecMainStatus"
SHOWN += ",ActiveEnterTimestampMonotonic,NRestarts"


def observe(fields):
    """See `observe_many`."""
    state = observe_many([fields])[0]
    if isinstance(state, Failed):
        raise state
    return state


def observe_many(many):
    """Whether each is enabled, running and masked; for a unit that isn't there its `Missing`."""
    if _openrc():
        return [_attempt(_openrc_state, fields) for fields in many]
    shown = app_services.show([fields["name"] for fields in many], SHOWN)
    return [_attempt(_state, fields, shown[fields["name"]]) for fields in many]


def _attempt(function, *arguments):
    try:
        return function(*arguments)
    except Failed as error:
        return error


def _openrc():
    """Whether OpenRC is in charge; a host that has neither of the two can't have services."""
    if programs.find("systemctl"):
        return False
    if programs.find("rc-service"):
        return True
    raise Failed("this host has neither systemd nor OpenRC, so cdconf can't tell its services")


def _openrc_state(fields):
    if "masked" in fields:
        raise Failed("OpenRC can't mask services; remove `masked:`")
    return openrc.state(fields["name"])


def _state(fields, shown):
    name, masked = fields["name"], shown["LoadState"] == "masked"
    if shown["LoadState"] == "not-found" and not fields.get("masked"):
        raise Missing("unit", app_services.unit(name))
    if shown["LoadState"] in ("bad-setting", "error"):
        raise Failed("unit '{}' can't be loaded: {}".format(app_services.unit(name), _load_error(shown)))
    if masked and "masked" not in fields and (fields.get("enabled") or fields.get("running")):
        repair = "`masked: false` unmasks it, or `systemctl unmask {}`".format(app_services.unit(name))
        raise Obstacle("service '{}' is masked".format(name), repair)
    if fields.get("running") and shown.get("Type") == "oneshot" and shown["RemainAfterExit"] == "no":
        text = "service '{}' is a oneshot, which isn't running any more when it has done its work: set {}, or {}"
        remedies = "RemainAfterExit=yes in its unit", "replace `running:` by a handler with `action: start`"
        raise Failed(text.format(name, *remedies), output=_words_of_failure(name, shown))
    state = {
        "running": "restarting" if shown["SubState"] == "auto-restart" else shown["ActiveState"] in RUNNING,
        "restarts": int(shown.get("NRestarts") or 0),  # what only drift looks at
        "masked": "until the next boot" if shown["UnitFileState"] == "masked-runtime" else masked,
    }
    state["enabled"] = not masked and _enabled(shown)
    if "enabled" in fields:
        _check_enabling(fields, shown, state)
    return state


def _words_of_failure(name, shown):
    return app_services.journal(name) if shown["ActiveState"] == "failed" else ""


def _check_enabling(fields, shown, state):
    """Raises `Failed` where systemd can't do what's wanted."""
    what = shown["UnitFileState"]
    if what == "generated" and not _is_script(shown) and state["enabled"] != fields["enabled"]:
        what = "generated from " + (shown["SourcePath"] or "something else")
    elif not fields["enabled"] or (what not in FIXED and not (what == "indirect" and _installs_nothing(shown))):
        return
    raise Failed("service '{}' is {}: it can't be enabled or disabled; remove `enabled:`".format(fields["name"], what))


def _installs_nothing(shown):
    return not units.also(shown)


def _enabled(shown):
    """Whether it starts at each boot: neither a link until the next boot, nor a unit file that's only linked, does."""
    name, what = shown["Id"], shown["UnitFileState"]
    if what == "indirect":
        others = units.also(shown)
        return bool(others) and all(_enabled(one) for one in app_services.show(others, SHOWN).values())
    if what == "generated":
        return _starts_by_script(name) if _is_script(shown) else units.is_wanted(name, *units.GENERATED)
    if what in ("enabled", "disabled") and units.is_wanted(name, units.SYSTEM) != (what == "enabled"):
        # Links that were made or removed by hand: `show` tells of them once systemd has been reloaded.
        what = texts.strip(run(["systemctl", "is-enabled", "--", name], timeout=30).out)
    return what == "enabled"


def _is_script(shown):
    return shown["SourcePath"].startswith("/etc/init.d/")


def _starts_by_script(name):
    """A unit that systemd generated from /etc/init.d is enabled by the links of its runlevels."""
    return bool(glob.glob("/etc/rc[2345].d/S[0-9][0-9]" + glob.escape(os.path.splitext(name)[0])))


def _load_error(shown):
    """The reason, which systemd shows as `org.freedesktop… "Unit … has a bad unit file setting."`."""
    return shown.get("LoadError", "").partition(" ")[2].strip('" ') or shown["LoadState"]


def apply(fields, difference):
    """Unmasks before and masks after the rest; enables before it starts, so that a reboot in between does no harm."""
    name = fields["name"]
    if _openrc():
        if "enabled" in difference:
            openrc.enable(name, fields["enabled"])
        if "running" in difference:
            act(fields, "start" if fields["running"] else "stop")
        return
    shown = _ready(fields, difference)
    if "enabled" in difference and fields["enabled"]:
        app_services.systemctl("enable", name)
    elif "enabled" in difference:
        _disable(name, shown)
    if "running" in difference:
        act(fields, "start" if fields["running"] else "stop")
        _check_up(fields)
    if "masked" in difference and fields["masked"]:
        app_services.systemctl("mask", name)


def _ready(fields, difference):
    """What systemd shows of the unit once it's unmasked, if it should be, and read as it's on the disk."""
    name = fields["name"]
    shown = app_services.show([name])[name]
    if shown["LoadState"] == "not-found" and not fields.get("masked"):
        raise Missing("unit", app_services.unit(name))
    if "masked" in difference and not fields["masked"]:
        _unmask(name)
    if "masked" in difference or shown["NeedDaemonReload"] == "yes":
        app_services.daemon_reload()
    shown = app_services.show([name], SHOWN)[name]
    _state(fields, shown)
    return shown


def _unmask(name):
    app_services.systemctl("unmask", name)
    run_ok(["systemctl", "unmask", "--runtime", "--", units.resolve(name)], timeout=120)


def _disable(name, shown):
    """Disabling removes every link to the unit's file; those by which it's known at all are made again."""
    known_by = (shown["FragmentPath"], os.path.join(units.SYSTEM, units.unit(name)))
    links = {path: os.readlink(path) for path in known_by if path.startswith(units.SYSTEM) and os.path.islink(path)}
    app_services.systemctl("disable", name)
    lost = {path: target for path, target in links.items() if not os.path.lexists(path)}
    if shown["FragmentPath"] in lost or units.resolve(name) != shown["Id"]:
        for path, target in lost.items():
            files.put_link(path, target)
        app_services.daemon_reload()


def _check_up(fields):
    """Raises `Failed` for a unit that was started without an error, and isn't up: it had nothing to do, or mustn't."""
    name = fields["name"]
    shown = app_services.show([name], SHOWN)[name]
    if fields["running"] and shown["ActiveState"] == "inactive":
        text = "service '{}' isn't running after it was started: it ended at once (exit status {}), or wasn't to start"
        raise Failed(text.format(name, shown.get("ExecMainStatus", "?")), output=app_services.journal(name))


def act(fields, action):
    """Does it, and waits until the service is up or down."""
    name = fields["name"]
    if _openrc():
        openrc.act(name, action)
        return
    shown = app_services.show([name])[name]
    if shown["LoadState"] == "not-found":
        raise Missing("unit", app_services.unit(name))
    if shown["NeedDaemonReload"] == "yes":
        app_services.daemon_reload()
    app_services.systemctl(VERBS[action], name)
    if action in ("restart", "start"):
        _wait(name)


def _wait(name):
    deadline = time.monotonic() + START_LIMIT
    while True:
        shown = app_services.show([name], SHOWN)[name]
        if _is_steady(shown) or (shown["ActiveState"] == "inactive" and shown["Result"] == "success"):
            return
        if shown["ActiveState"] == "failed" or time.monotonic() > deadline:
            raise Failed(
                "service '{}' is {} ({})".format(name, shown["ActiveState"], shown["Result"]),
                output=app_services.journal(name),
            )
        time.sleep(0.1)


def _is_steady(shown):
    if shown["ActiveState"] != "active" or shown.get("Type") not in NO_SIGN:
        return shown["ActiveState"] == "active"
    return time.monotonic() - int(shown["ActiveEnterTimestampMonotonic"] or 0) / 1e6 >= STEADY
