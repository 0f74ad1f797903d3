"""Observes services with one systemctl call and starts, stops, enables and disables them."""

import time

from cdconf.agent import services
from cdconf.agent.base import Failed, Missing

ENABLED = {"enabled", "enabled-runtime", "linked", "linked-runtime", "alias"}
VERBS = {"restart": "restart", "reload": "try-reload-or-restart", "start": "start", "stop": "stop"}
START_LIMIT = 60


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """Whether each is enabled and running; raises `Missing` for a unit that isn't there."""
    shown = services.show([fields["name"] for fields in many])
    return [_state(fields, shown[fields["name"]]) for fields in many]


def _state(fields, shown):
    if shown["LoadState"] in ("not-found", "bad-setting", "error"):
        raise Missing("unit", services.unit(fields["name"]))
    if shown["LoadState"] == "masked" and (fields.get("enabled") or fields.get("running")):
        raise Failed("service '{}' is masked; `systemctl unmask` it".format(fields["name"]))
    state = {"running": shown["ActiveState"] in ("active", "reloading", "activating")}
    if shown["UnitFileState"] in ("static", "indirect", "generated", "transient") and "enabled" in fields:
        raise Failed(
            "service '{}' is {}: it can't be enabled or disabled; remove `enabled:`".format(
                fields["name"], shown["UnitFileState"]
            )
        )
    state["enabled"] = shown["UnitFileState"] in ENABLED
    return state


def apply(fields, difference):
    """Enables before it starts, so that a reboot in between does no harm."""
    name = fields["name"]
    if services.show([name])[name]["NeedDaemonReload"] == "yes":
        services.daemon_reload()
    if "enabled" in difference:
        services.systemctl("enable" if fields["enabled"] else "disable", name)
    if "running" in difference:
        act(fields, "start" if fields["running"] else "stop")


def act(fields, action):
    """Does it, and waits until the service is up or down."""
    name = fields["name"]
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
