"""The calls of drains, for hosts that take other hosts out of use: load balancers.

A drain is `{"app", "command", "undrain", "timeout"}`; a host to be drained is `{"name", "address"}`.
"""

import os
import time

from cdconf.agent.errors import Failed
from cdconf.agent.lease import lease
from cdconf.agent.records import store
from cdconf.agent.switch import drains
from cdconf.agent.switch.drains import HostDrains


def status(agent, app):
    """What this host has drained for an app; changes nothing.

    Returns:
        `{"hosts": {name: {"address", "at", "kept"}}, "run", "expires_in_s", "problem", "applied"}`: see `HostDrains`;
        the run that drained them, None when nothing is; seconds until they're put back unless its beats come, None when
        only the next run does that; why the host couldn't do so by itself; whether the host was ever provisioned.
    """
    found = HostDrains(agent.store, app)
    armed = found.armed() or {"hosts": {}, "run": None, "problem": None}
    left = found.left(agent.store.read(lease.FILE))
    return {
        "hosts": armed["hosts"],
        "run": armed["run"],
        "expires_in_s": None if left is None else max(0, round(left)),
        "problem": armed["problem"],
        "applied": os.path.exists(agent.store.path(store.AppliedResources.FILE)),
    }


def begin(agent, drain, hosts, within=None):
    """Drains hosts, written down before; what fails stays written down, and must be ended too.

    Args:
        agent: The agent.
        drain: The drain.
        hosts: The hosts.
        within: Seconds without a beat after which this host puts them back; None: never.

    Raises:
        Failed: A command ended badly; the host has no systemd.
    """
    agent.proceed()
    HostDrains(agent.store, drain["app"]).begin(drain, hosts, agent.lease, within, round(time.time()))
    for host in hosts:
        agent.proceed()
        drains.execute(drain, "command", host["name"], host["address"])
    return {}


def holds(agent, app, names):
    """Whether hosts are still drained, by this run.

    Raises:
        Failed: (`lease_lost`) This host has put them back, or will.
    """
    agent.lease.check()
    armed = HostDrains(agent.store, app).armed()
    missing = [name for name in names if armed is None or name not in armed["hosts"]]
    if missing or armed["run"] != agent.lease.run:
        raise Failed("{} is no longer drained here".format(", ".join(missing or names)))
    return {}


def keep(agent, app, reasons):
    """Keeps drained hosts out of use, since they didn't prove well: see `HostDrains.keep`."""
    agent.lease.check()
    HostDrains(agent.store, app).keep(reasons, agent.lease, round(time.time()))
    return {}


def end(agent, drain, names=None, proven=False):
    """Puts drained hosts back, all when there are no names; those that aren't drained here are left alone.

    Args:
        agent: The agent.
        drain: The drain.
        names: The hosts.
        proven: They have proven well, or a person says so: also those that are kept.

    Returns:
        `{"ended", "failed"}`: names; `{name: text}` of those that can't be put back; and `"kept"`, `{name: why}`, when
        there are such.
    """
    found = HostDrains(agent.store, drain["app"])
    armed = found.armed()
    here = sorted(armed["hosts"]) if armed is not None else []
    result = {"ended": [], "failed": {}}
    for name in here if names is None else [one for one in names if one in here]:
        agent.lease.check()
        kept = armed["hosts"][name].get("kept")
        if kept and not proven:
            result.setdefault("kept", {})[name] = kept["reason"]
            continue
        try:
            found.put_back(name, drain)
            result["ended"].append(name)
        except Failed as error:
            result["failed"][name] = error.text()
    return result
