"""Observes services with one systemctl call and starts, stops, enables, disables and masks them."""

import glob
import os
import time

from cdconf.agent import openrc, programs, services
from cdconf.agent.base import Failed, Missing, Obstacle

ENABLED = {"enabled", "enabled-runtime", "linked", "linked-runtime", "alias"}
FIXED = {"static", "indirect", "transient"}
VERBS = {"restart": "restart", "reload": "try-reload-or-restart", "start": "start", "stop": "stop"}
START_LIMIT = 60


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
    shown = services.show([fields["name"] for fields in many])
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
        raise Missing("unit", services.unit(name))
    if shown["LoadState"] in ("bad-setting", "error"):
        raise Failed("unit '{}' can't be loaded: {}".format(services.unit(name), _load_error(shown)))
    if masked and "masked" not in fields and (fields.get("enabled") or fields.get("running")):
        repair = "`masked: false` unmasks it, or `systemctl unmask {}`".format(services.unit(name))
        raise Obstacle("service '{}' is masked".format(name), repair)
    if fields.get("enabled") and shown["UnitFileState"] in FIXED:
        raise Failed(
            "service '{}' is {}: it can't be enabled or disabled; remove `enabled:`".format(
                name, shown["UnitFileState"]
            )
        )
    return {
        "running": shown["ActiveState"] in ("active", "reloading", "activating"),
        "enabled": _starts_by_script(name) if shown["UnitFileState"] == "generated" else _enabled(shown),
        "masked": masked,
    }


def _enabled(shown):
    return shown["UnitFileState"] in ENABLED


def _starts_by_script(name):
    """A unit that systemd generated from /etc/init.d is enabled by the links of its runlevels."""
    return bool(glob.glob("/etc/rc[2345].d/S[0-9][0-9]" + glob.escape(os.path.splitext(services.unit(name))[0])))


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
    shown = services.show([name])[name]
    if shown["LoadState"] == "not-found" and not fields.get("masked"):
        raise Missing("unit", services.unit(name))
    if "masked" in difference and not fields["masked"]:
        services.systemctl("unmask", name)
    if "masked" in difference or shown["NeedDaemonReload"] == "yes":
        services.daemon_reload()
    _state(fields, services.show([name])[name])
    if "enabled" in difference:
        services.systemctl("enable" if fields["enabled"] else "disable", name)
    if "running" in difference:
        act(fields, "start" if fields["running"] else "stop")
    if "masked" in difference and fields["masked"]:
        services.systemctl("mask", name)


def act(fields, action):
    """Does it, and waits until the service is up or down."""
    name = fields["name"]
    if _openrc():
        openrc.act(name, action)
        return
    shown = services.show([name])[name]
    if shown["LoadState"] == "not-found":
        raise Missing("unit", services.unit(name))
    if shown["NeedDaemonReload"] == "yes":
        services.daemon_reload()
    services.systemctl(VERBS[action], name)
    if action in ("restart", "start"):
        _wait(name)


def _wait(name):
    deadline = time.monotonic() + START_LIMIT
    while True:
        shown = services.show([name])[name]
        if shown["ActiveState"] == "active" or (shown["ActiveState"] == "inactive" and shown["Result"] == "success"):
            return
        if shown["ActiveState"] == "failed" or time.monotonic() > deadline:
            raise Failed(
                "service '{}' is {} ({})".format(name, shown["ActiveState"], shown["Result"]),
                output=services.journal(name),
            )
        time.sleep(0.1)
