"""Switches an app to a release, or back: `current`, and the services that run from it."""

import os

from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed
from cdconf.agent.system import app_services, units


def switch_to(app, releases, release):
    """Points `current` to a release and restarts the services.

    Raises:
        Failed: (`release`) They don't run from it.
        Untold: They run, and whether from it can't be told.
    """
    since = app_services.uptime()
    releases.point(release)
    current = os.path.join(app["path"], "current")
    try:
        for name in app["services"]:
            # A release that kept dying has used up systemd's start limit, which mustn't stop the one that follows it.
            run(["systemctl", "reset-failed", "--", units.resolve(name)], timeout=30)
            app_services.systemctl("restart", name)
        app_services.verify(app["services"], releases.where(release), current, since)
    except app_services.Untold:
        raise
    except Failed as error:
        error.kind = "release"
        raise


def take_back(app, releases, target):
    """Runs `target`, or nothing when that's None."""
    if target is None:
        for name in app["services"]:
            app_services.systemctl("stop", name)
        releases.point(None)
        return
    try:
        switch_to(app, releases, target)
    except app_services.Untold:
        pass  # it was restarted, and is up; no more than that can be told on this host
