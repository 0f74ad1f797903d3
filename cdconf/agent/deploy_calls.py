"""The calls of deployments: stage, activate, check, confirm, roll back, pin.

An app is `{"name", "path", "services"}`.
"""

import os

from cdconf.agent import chunks, health, services
from cdconf.agent.base import Failed, run
from cdconf.agent.ledger import Ledger
from cdconf.agent.releases import Releases


def _open(agent, app):
    ledger = Ledger(agent.store, app["name"])
    return ledger, Releases(app["path"], ledger)


def status(agent, app):
    """What the host knows of an app; changes nothing.

    Returns:
        The ledger's page, with `linked` (the release that `current` points to), `services` (name -> systemd's
        state) and `problem` (why the services don't run from that release, None when they do).
    """
    ledger, releases = _open(agent, app)
    page = dict(ledger.page, linked=releases.linked(), problem=None)
    try:
        shown = services.show(app["services"]) if app["services"] else {}
        page["services"] = {name: state["ActiveState"] for name, state in shown.items()}
        if page["linked"]:
            current = os.path.join(app["path"], "current")
            services.verify(app["services"], releases.where(page["linked"]), current, None, within=0)
    except Failed as error:
        page["problem"] = error.message
    return page


def preflight(agent, app, release, tree, need_bytes, need_files):
    """Finds what would stop a deployment before anything is touched.

    Returns:
        `{"whole", "held"}`: whether the release with this tree digest is here, and so needs no staging, nor room on
        the disk; `[name, tree digest]` of those releases that are, the newest first.

    Raises:
        Failed: (`disk_full`) The release doesn't fit with a tenth to spare; a service has no unit here; `current` is
            no link.
    """
    services.check_loaded(app["services"])
    ledger, releases = _open(agent, app)
    releases.check_link()
    if releases.is_whole(release, tree):
        return {"whole": True, "held": []}
    need_bytes = max(0, need_bytes - releases.size_here(release))
    folder = app["path"]
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < need_bytes * 1.1 + 16 * 1024 * 1024:
        text = "{} has {} MB free, the release needs {} MB"
        raise Failed(text.format(folder, free >> 20, (need_bytes >> 20) + 16), kind="disk_full")
    if disk.f_files and disk.f_favail < need_files * 1.1:
        raise Failed(
            "{} has {} inodes free, the release needs {}".format(folder, disk.f_favail, need_files), kind="disk_full"
        )
    held = sorted(ledger.page["releases"].items(), key=lambda one: one[1]["staged_at"], reverse=True)
    return {"whole": False, "held": [[name, one["tree"]] for name, one in held]}


def changes(agent, app):
    """How the files of the current release differ from what was deployed; changes nothing.

    Returns:
        `{"count", "files"}`: the first hundred as `[what, path]`, `what` being `changed`, `missing` or `added`.
    """
    _, releases = _open(agent, app)
    name = releases.linked()
    found = releases.changes(name) if name else []
    return {"count": len(found), "files": found[:100]}


def prepare(agent, app, release, tree, lists, told):
    """Begins to stage a release from what is on this host.

    Args:
        agent: Whose session this is.
        app: The app.
        release: The release's name.
        tree: Its tree digest.
        lists: The digest of its chunk lists.
        told: Its manifest and chunk lists, as the difference to a release here; see `chunks.tell`.

    Returns:
        `{"lacking"}`: runs `[first, count]` of the numbers of the chunks that `stage` must be sent, see
        `chunks.table`; None when the base isn't here, and the tree must be told without one.
    """
    _, releases = _open(agent, app)
    agent.proceed()
    agent.staging = None
    heard = releases.hear(told, tree, lists)
    if heard is None:
        return {"lacking": None}
    staging = releases.prepare(release, heard[0], heard[1], lambda: _go_on(agent))
    agent.staging = (release, tree, staging)
    return {"lacking": chunks.runs(staging.lacking) if staging else []}


def stage(agent, app, release, about):
    """Puts the prepared release on disk beside the others, whole and verified; what lacks follows as raw frames."""
    ledger, releases = _open(agent, app)
    agent.proceed()
    prepared, agent.staging = agent.staging, None
    if prepared is None or prepared[:2] != (release, about["tree"]):
        raise Failed("the release '{}' wasn't prepared".format(release), kind="protocol")
    if prepared[2] is not None:
        releases.stage(prepared[2], release, about["tree"], agent.receive)
    ledger.staged(release, about["version"], about["archive"], about["tree"])
    return {}


def activate(agent, app, release):
    """Makes a staged release the current one: notes it, switches the link, restarts, verifies.

    Raises:
        Failed: (`release`) The service doesn't come up from the new release; the controller rolls back.
    """
    ledger, releases = _open(agent, app)
    agent.proceed()
    if not releases.has(release):
        raise Failed("the release '{}' isn't on this host".format(release))
    services.check_loaded(app["services"])
    releases.check_link()
    ledger.activating(release, agent.lease.run)
    _switch(app, releases, release)
    ledger.active(release)
    return {}


def _switch(app, releases, release):
    since = services.uptime()
    releases.point(release)
    current = os.path.join(app["path"], "current")
    try:
        for name in app["services"]:
            # A release that kept dying has used up systemd's start limit, which mustn't stop the one that follows it.
            run(["systemctl", "reset-failed", "--", services.unit(name)], timeout=30)
            services.systemctl("restart", name)
        services.verify(app["services"], releases.where(release), current, since)
    except Failed as error:
        error.kind = "release"
        raise


def roll_back(agent, app):
    """Back to the last verified release; with none, the services are stopped and `current` is removed.

    A host on which the activation was refused before it began serves on undisturbed.

    Returns:
        `{"release"}`: the name, or None.
    """
    ledger, releases = _open(agent, app)
    agent.lease.check()
    target = releases.verified()
    if ledger.page["activating"] is None and releases.linked() == target:
        return {"release": target}
    if target is None:
        for name in app["services"]:
            services.systemctl("stop", name)
        releases.point(None)
    else:
        _switch(app, releases, target)
    ledger.rolled_back(target)
    return {"release": target}


def confirm(agent, app, release, keep):
    """The deployment ended well: the release is verified, and old ones are cleaned."""
    ledger, releases = _open(agent, app)
    agent.lease.check()
    if releases.linked() != release:
        raise Failed("'{}' isn't the current release here".format(release))
    ledger.confirmed(release)
    return {"removed": releases.clean(keep)}


def pin(agent, app, archive, version, reason):
    """Refuses an artifact on this host from now on."""
    ledger, _ = _open(agent, app)
    agent.lease.check()
    ledger.pin(archive, version, reason)
    return {}


def unpin(agent, app, archive):
    """Allows it again."""
    ledger, _ = _open(agent, app)
    agent.lease.check()
    ledger.unpin(archive)
    return {}


def check_health(agent, check, within):
    """Waits until the app is healthy; see `health.wait`."""
    return health.wait(check, within, lambda: _go_on(agent))


def _go_on(agent):
    """Ends a long call that the controller stopped, or has left; cheap."""
    if agent.gone or agent.stopping:
        agent.proceed()
