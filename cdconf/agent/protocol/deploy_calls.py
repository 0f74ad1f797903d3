"""The calls of deployments: stage, activate, check, confirm, roll back, pin.

An app is `{"name", "path", "services", "activation", "stops", "confirm_within", "user", "keep", "shared", "packages",
"toggles", "procedure"}`. Without `confirm_within`, or with 0, activations have no dead man's switch; `shared` are the
paths that releases share, as `{"directories", "files"}`; see `cdconf.agent.release.activation` for `activation` and
`stops`, `app_packages` there for `packages`, and `cdconf.agent.toggles.toggles` for `toggles`. All but the first three
may be missing.
"""

import os

from cdconf.agent.errors import Failed
from cdconf.agent.files import disk_space
from cdconf.agent.lease import lease
from cdconf.agent.migrations import migrations
from cdconf.agent.records import events as past
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.release import activation, app_packages, app_services, chunks, health, hooks, shared_paths
from cdconf.agent.release.releases import Releases
from cdconf.agent.switch import switch
from cdconf.agent.switch.switch import Switch
from cdconf.agent.toggles import toggles


def _open(agent, app):
    ledger = Ledger(agent.store, app["name"], agent.lease.by())
    return ledger, Releases(app["path"], ledger)


def status(agent, app):
    """What the host knows of an app; changes nothing.

    Returns:
        The ledger's page without its events, with `linked` (the release that `current` points to), `services` (name ->
        systemd's state), `problem` (why the services don't run from that release, None when they do), `begun`,
        `recent`, `deployed` and `provision_failed` (see `past`), for an app with `closely` also `units` (see
        `activation.shown`), `reverts_in_s` (when the host goes back by itself
        unless beats come; None when it won't) and `migrations` (see `cdconf.agent.migrations.migrations`).
    """
    ledger, releases = _open(agent, app)
    page = dict(ledger.page, linked=releases.linked(), problem=None)
    events = page.pop("events")  # many, and of the past
    page["begun"] = past.begun(events)
    page["recent"] = past.recent(events)
    page["deployed"] = past.deployed(events, page["linked"])
    left = Switch(agent.store, app["name"]).left(agent.store.read(lease.FILE))
    page["reverts_in_s"] = None if left is None else max(0, round(left))
    page["migrations"] = migrations.read(agent.store, app["name"])
    page["provision_failed"] = past.failed_last(agent.store)
    try:
        shown = app_services.show(app["services"]) if app["services"] else {}
        page["services"] = {name: state["ActiveState"] for name, state in shown.items()}
        if app.get("closely"):
            page["units"] = activation.shown(app, releases.folder)
        if page["linked"]:
            current = os.path.join(app["path"], "current")
            stopped = (page["activating"] or {}).get("stopped", ())
            at_work = dict(app, services=[name for name in app["services"] if name not in stopped])
            app_services.verify(at_work, releases.where(page["linked"]), current, None, within=0)
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
            no link; there's no systemd for the dead man's switch; a shared file is missing.
    """
    if app.get("confirm_within"):
        switch.check()
    app_services.check_loaded(app["services"])
    ledger, releases = _open(agent, app)
    releases.check_link()
    shared_paths.check(app, releases, release)
    toggles.check(app)
    app_packages.check(app)
    if releases.is_whole(release, tree):
        return {"whole": True, "held": []}
    disk_space.check(app["path"], max(0, need_bytes - releases.size_here(release)), need_files, "the release")
    disk_space.check(agent.store.folder, need_files * disk_space.RECORD, 8, "what is remembered of it")
    held = sorted(ledger.page["releases"].items(), key=lambda one: one[1]["staged_at"], reverse=True)
    return {"whole": False, "held": [[name, one["tree"]] for name, one in held]}


def changes(agent, app):
    """How the files of the current release differ from what was deployed; changes nothing.

    Returns:
        `{"count", "files"}`: the first hundred as `[what, path]`, see `Releases.changes`.
    """
    _, releases = _open(agent, app)
    name = releases.linked()
    found = releases.changes(name, app) if name else []
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
    links = releases.shared(release)
    if prepared[2] is not None:
        links = shared_paths.paths_of(app)
        shared_paths.make(app)
        releases.stage(prepared[2], release, about["tree"], agent.receive, links)
    ledger.staged(release, about["version"], about["archive"], about["tree"], links)
    return share(agent, app, release)


def share(agent, app, release):
    """Gives a staged release its links into shared/, as cdconf.yml has them now."""
    _, releases = _open(agent, app)
    agent.proceed()
    releases.share(app, release)
    return {}


def install(agent, app, release):
    """Installs the packages that a staged release's lock files name; returns `{"packages"}`, see `app_packages`."""
    _, releases = _open(agent, app)
    agent.proceed()
    if not releases.has(release):
        raise Failed("the release '{}' isn't on this host".format(release))
    return {"packages": app_packages.install(app, releases, release, lambda: _go_on(agent))}


def stop(agent, app, release, within=None):
    """Stops the services that must not see the database being migrated: the first step of an activation.

    It's armed and noted as one, so that whatever ends it starts them again: a rollback, the dead man's switch, the
    activation itself. Nothing else is touched.
    """
    ledger = Ledger(agent.store, app["name"], agent.lease.by())
    agent.proceed()
    if release not in ledger.page["releases"]:
        raise Failed("the release '{}' isn't on this host".format(release))
    app_services.check_loaded(app["services"])
    names = [name for name in app["stops"] if activation.is_active(name)]
    if within:
        Switch(agent.store, app["name"]).arm(app, release, agent.lease, within)
    # What was left half-done before is whole again only when all services are restarted.
    ledger.activating(release, agent.lease.run, stopped=None if ledger.page["activating"] else names)
    for name in names:
        app_services.systemctl("stop", name)
    return {}


def activate(agent, app, release, within=None, back=False):
    """Makes a staged release the current one: arms the switch, notes it, switches the link, restarts, verifies.

    Args:
        agent: The agent.
        app: The app.
        release: The release's name.
        within: Seconds without a beat after which the host goes back by itself; None: never.
        back: It's a rollback: once it has ended well, the host forgets what ran after the release.

    Returns:
        `{"hooks"}`: what came of them, see `cdconf.agent.release.hooks`; missing where none ran.

    Raises:
        Failed: (`release`) The service doesn't come up from the new release, or the hook before it failed; the
            controller rolls back.
    """
    ledger, releases = _open(agent, app)
    agent.proceed()
    if not releases.has(release):
        raise Failed("the release '{}' isn't on this host".format(release))
    app_services.check_loaded(app["services"])
    releases.check_link()
    releases.share(app, release)
    if within:
        Switch(agent.store, app["name"]).arm(app, release, agent.lease, within)
    told = _before(agent, app, ledger, release, back)
    ledger.activating(release, agent.lease.run, back)
    toggles.begin(agent.store, app, agent.lease)
    activation.switch_to(app, releases, release)
    toggles.restarted(agent.store, app)
    ledger.active(release, app.get("procedure"))
    told += hooks.run(app, "after_activate", release, lambda: _go_on(agent))
    return {"hooks": told} if told else {}


def _before(agent, app, ledger, release, back):
    """Runs the hook before an activation. Nothing but services may be stopped by then, so going back restarts none."""
    if not hooks.has(app, "before_activate"):
        return []
    begun = ledger.page["activating"]
    stopped = begun.get("stopped") if begun else []
    ledger.activating(release, agent.lease.run, back, stopped)
    return hooks.must(app, "before_activate", release, lambda: _go_on(agent))


def hook(agent, app, release, which):
    """Runs a hook in the release that's current; returns `{"hooks"}`."""
    _, releases = _open(agent, app)
    agent.proceed()
    if releases.linked() != release:
        raise Failed("'{}' isn't the current release here".format(release))
    return {"hooks": hooks.run(app, which, release, lambda: _go_on(agent))}


def restart(agent, app, environment):
    """Restarts the services of the app's verified release, where they stopped or run from another one.

    Raises:
        Failed: The current release isn't the verified one, or isn't as it was deployed; (`release`) it doesn't come up.
    """
    from cdconf.agent.release import restartable

    _, releases = _open(agent, app)
    agent.proceed()
    linked = releases.linked()
    problem = restartable.problem(agent.store, app, environment)
    if problem or linked is None or releases.changes(linked):
        raise Failed(problem or "the release isn't as it was deployed")
    try:
        activation.switch_to(app, releases, linked)
    except app_services.Untold:
        pass
    return {}


def adopt(agent, app, release, within=None):
    """Takes up an activation that another run has left unfinished: from here on it holds while this one lives.

    Raises:
        Failed: The release isn't, or no longer, what was left here.
    """
    ledger, releases = _open(agent, app)
    agent.proceed()
    activating = ledger.page["activating"]
    if activating is None or activating["to"] != release or releases.linked() != release:
        raise Failed("'{}' isn't activated here any more".format(release))
    if within:
        Switch(agent.store, app["name"]).arm(app, release, agent.lease, within)
    ledger.activating(release, agent.lease.run, bool(activating.get("back")))
    return {}


def holds(agent, app, release):
    """Whether an activation still stands: this run's, the current release, its services at work.

    Raises:
        Failed: (`release`) The services no longer run from it; (`lease_lost`) the host has gone back, or will.
    """
    ledger, releases = _open(agent, app)
    agent.lease.check()
    activating = ledger.page["activating"]
    ours = activating is not None and activating["to"] == release and activating["run"] == agent.lease.run
    if not ours or releases.linked() != release:
        raise Failed("'{}' isn't what this run left here".format(release))
    current = os.path.join(app["path"], "current")
    app_services.verify(app, releases.where(release), current, None, within=5.0)
    return {}


def roll_back(agent, app, why=None):
    """Back to the last verified release; with none, the services are stopped and `current` is removed.

    `why` is what the host remembers as the reason.

    A host on which the activation was refused before it began, or that has gone back by itself, serves on undisturbed.

    Returns:
        `{"release", "hooks"}`: the name, or None; and what came of its hook, if it has one and went back just now.
    """
    ledger, releases = _open(agent, app)
    reverted = ledger.page["reverted"]
    if reverted is not None and reverted["run"] == agent.lease.run:
        return {"release": reverted["to"]}
    agent.lease.check()
    target = releases.verified()
    problem = toggles.put_back(agent.store, app)
    is_back = ledger.page["activating"] is not None or releases.linked() != target
    if is_back:
        activation.take_back(app, releases, target)
        toggles.restarted(agent.store, app)
        ledger.rolled_back(target, why)
    Switch(agent.store, app["name"]).disarm()
    if problem is not None:
        raise problem
    if app.get("keep"):
        releases.clean(app["keep"], app)  # else what keeps failing would fill the disk
    told = hooks.run(app, "after_rollback", target, lambda: _go_on(agent)) if is_back else []
    return {"release": target, "hooks": told} if told else {"release": target}


def confirm(agent, app, release, keep):
    """The deployment ended well: the release is verified, and old ones are cleaned."""
    ledger, releases = _open(agent, app)
    agent.lease.check()
    if releases.linked() != release:
        raise Failed("'{}' isn't the current release here".format(release))
    ledger.confirmed(release, agent.lease.run, app.get("procedure"), bool(app.get("canary")))
    Switch(agent.store, app["name"]).disarm()
    toggles.settle(agent.store, app, agent.lease)
    return {"removed": releases.clean(keep, app)}


def pin(agent, app, archive, version, reason):
    """Refuses an artifact on this host from now on."""
    ledger, _ = _open(agent, app)
    agent.lease.check()
    ledger.pin(archive, version, reason)
    return {}


def unpin(agent, app, archive, reason=None):
    """Allows it again."""
    ledger, _ = _open(agent, app)
    agent.lease.check()
    ledger.unpin(archive, reason)
    return {}


def check_health(agent, check, within, names=()):
    """Waits until the app is healthy; see `health.wait`. Events tell `{"attempt", "left_s", "problem"}`.

    Args:
        agent: The agent.
        check: The check.
        within: Seconds.
        names: The app's services: a failure shows what they logged last.
    """

    def say(attempt, left, problem):
        agent.event({"attempt": attempt, "left_s": round(left, 1), "problem": problem})

    try:
        return health.wait(check, within, lambda: _go_on(agent), say)
    except Failed as error:
        if names and error.kind == "release" and not error.output:
            error.output = app_services.last_words(names)
        raise


def _go_on(agent):
    """Ends a long call that the controller stopped, or has left; cheap."""
    if agent.gone or agent.stopping:
        agent.proceed()
