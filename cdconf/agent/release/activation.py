"""How an app's services are brought to a release, and which counts as running from it.

An app's `activation` names those of its services that aren't restarted:

- restart (all others): the main process began after the activation, and runs from the release.
- `reload`, `signal NAME`: it was told, is active, and has a process in the release, or none in another one of the app.
- `none`: what runs stays; it only must not have failed. A socket, timer or path unit is started where it isn't active.
"""

import os

from cdconf.agent import texts
from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed
from cdconf.agent.release import app_services, works_in
from cdconf.agent.system import units


def bring(app, name):
    """Brings one service to the release that `current` points to."""
    full = units.resolve(name)
    how = (app.get("activation") or {}).get(name, "restart")
    is_service = full.endswith(".service")
    if how == "none" and is_service:
        return
    # A release that kept dying has used up systemd's start limit, which mustn't stop the one that follows it.
    run(["systemctl", "reset-failed", "--", full], timeout=30)
    if how == "none":
        _start(name)
    elif how == "restart" or not is_active(name):
        app_services.systemctl("restart", name)
    elif how == "reload":
        app_services.reload(name)
    else:
        signal = texts.words(how)[1]
        words = ["systemctl", "kill", "--kill-who=main", "--signal=" + signal, "--", full]
        result = run(words, timeout=30)
        if result.status != 0:
            text = "service '{}' can't be sent {}".format(name, signal)
            raise Failed(text, command=" ".join(words), status=result.status, output=result.err)


def _start(name):
    """Starts a unit that starts others. A socket can't be taken by systemd while its service has it."""
    if not is_active(name):
        triggered = app_services.show([name], "Triggers")[name].get("Triggers", "")
        for service in texts.words(triggered) if units.unit(name).endswith(".socket") else ():
            app_services.systemctl("stop", service)
    app_services.systemctl("start", name)


def stop(names):
    """Stops services; what could start others first."""
    for name in sorted(names, key=lambda one: units.unit(one).endswith(".service")):
        app_services.systemctl("stop", name)


def is_active(name):
    """Whether systemd calls a unit active."""
    return run(["systemctl", "is-active", "-q", "--", units.resolve(name)], timeout=30).status == 0


def shown(app, releases):
    """Of each service what brings it to a release, and which releases it works in, see `works_in.places`."""
    hows = app.get("activation") or {}
    return {
        name: {
            "activate": hows.get(name, "restart"),
            "works_in": works_in.places(name, releases) if units.unit(name).endswith(".service") else [],
        }
        for name in app["services"]
    }


def start_again(page, linked, target):
    """Starts what was stopped for a migration, where no more than that was done; whether it was.

    Args:
        page: The app's page of the ledger.
        linked: What `current` points to.
        target: The release that the host is to run.
    """
    names = (page["activating"] or {}).get("stopped")
    if names is None or target is None or linked != target:
        return False
    for name in names:
        app_services.systemctl("start", name)
    return True


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
            bring(app, name)
        app_services.verify(app, releases.where(release), current, since)
    except app_services.Untold:
        raise
    except Failed as error:
        error.kind = "release"
        raise


def take_back(app, releases, target):
    """Runs `target`, or nothing when that's None."""
    if target is None:
        stop(app["services"])
        releases.point(None)
        return
    if start_again(releases.ledger.page, releases.linked(), target):
        return
    try:
        switch_to(app, releases, target)
    except app_services.Untold:
        pass  # it was restarted, and is up; no more than that can be told on this host
