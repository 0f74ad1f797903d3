"""How an app's services are brought to a release, and which counts as running from it.

An app's `activation` names those of its services that aren't restarted:

- restart (all others): the main process began after the activation, and runs from the release.
- `reload`, `signal NAME`: it was told, is active, and has a process in the release, or none in another one of the app.
- `none`: what runs stays; it only must not have failed. A socket, timer or path unit is started where it isn't active.
"""

import os

from cdconf.agent import processes, services, texts, units
from cdconf.agent.base import Failed, run


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
        services.systemctl("restart", name)
    elif how == "reload":
        services.systemctl("reload", name)
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
        triggered = services.show([name], "Triggers")[name].get("Triggers", "")
        for service in texts.words(triggered) if units.unit(name).endswith(".socket") else ():
            services.systemctl("stop", service)
    services.systemctl("start", name)


def stop(names):
    """Stops services; what could start others first."""
    for name in sorted(names, key=lambda one: units.unit(one).endswith(".service")):
        services.systemctl("stop", name)


def is_active(name):
    """Whether systemd calls a unit active."""
    return run(["systemctl", "is-active", "-q", "--", units.resolve(name)], timeout=30).status == 0


def told_wrong(name, folder):
    """What's wrong with a service that was told of a release and goes on by itself; None for nothing.

    A program that's none of the app's own, such as a web server, works in no release: that it's active must do.
    """
    where = places(name, os.path.dirname(folder))
    release = os.path.basename(folder)
    if not where or release in where:
        return None
    return "still works in {} alone".format(", ".join(where))


def places(name, releases):
    """The names of the releases that a service's processes work in or were started from; None where nobody can tell.

    Args:
        name: The service.
        releases: The directory of the app's releases.
    """
    prefix, full = os.path.realpath(releases) + "/", units.resolve(name)
    pids = [int(pid) for pid in os.listdir("/proc") if texts.is_number(pid)]
    seen = processes.seen([pid for pid in pids if processes.unit(pid) == full], processes.links)
    if any(links is None for links in seen.values()):
        return None
    found = [path[len(prefix) :].split("/")[0] for links in seen.values() for path in links if path.startswith(prefix)]
    return sorted(set(found))


def shown(app, releases):
    """Of each service what brings it to a release, and which releases it works in, see `places`."""
    hows = app.get("activation") or {}
    return {
        name: {
            "activate": hows.get(name, "restart"),
            "works_in": places(name, releases) if units.unit(name).endswith(".service") else [],
        }
        for name in app["services"]
    }


def stop_for_migration(agent, app, release, within=None):
    """Stops the services that must not see the database being migrated: the first step of an activation.

    It's armed and noted as one, so that whatever ends it starts them again: a rollback, the dead man's switch, the
    activation itself. Nothing else is touched.
    """
    from cdconf.agent.ledger import Ledger
    from cdconf.agent.switch import Switch

    ledger = Ledger(agent.store, app["name"], agent.lease.by())
    agent.proceed()
    if release not in ledger.page["releases"]:
        raise Failed("the release '{}' isn't on this host".format(release))
    services.check_loaded(app["services"])
    names = [name for name in app["stops"] if is_active(name)]
    if within:
        Switch(agent.store, app["name"]).arm(app, release, agent.lease, within)
    # What was left half-done before is whole again only when all services are restarted.
    ledger.activating(release, agent.lease.run, stopped=None if ledger.page["activating"] else names)
    for name in names:
        services.systemctl("stop", name)
    return {}


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
        services.systemctl("start", name)
    return True
