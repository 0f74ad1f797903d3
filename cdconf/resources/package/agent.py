"""Observes packages in dpkg's own database and changes them with apt-get."""

import os
import time

from cdconf.agent import apt
from cdconf.agent.base import Missing


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """The installed version of each; None for what isn't installed."""
    if not os.path.exists("/usr/bin/apt-get"):
        raise Missing("program", "apt-get")
    installed, provided = apt.installed()
    states = []
    for fields in many:
        version = installed.get(fields["name"])
        if version is not None:
            states.append({"version": version})
        else:
            states.append({} if fields["name"] in provided and "version" not in fields else None)
    return states


def apply(fields, difference):
    """See `apply_many`."""
    apply_many([(fields, difference)])


def apply_many(changes):
    """One transaction for removals, one for installs with and one without recommended packages."""
    gone = [fields["name"] for fields, difference in changes if difference.get("exists") == (True, False)]
    if gone:
        apt.apt_get(["remove"] + gone)
    for recommends in (False, True):
        wanted = [
            "{}={}".format(fields["name"], fields["version"]) if "version" in fields else fields["name"]
            for fields, difference in changes
            if difference.get("exists") != (True, False) and bool(fields.get("recommends")) is recommends
        ]
        if wanted:
            apt.install(wanted, recommends, time.time())
