"""The calls about feature toggles: look, keep as the inventory says, try a change out, settle it or put it back.

An app is `{"name", "path", "services", "user", "toggles": {"path", "values", "reload"}}`; see
`cdconf.agent.toggles.toggles`.
"""

from cdconf.agent.errors import Failed
from cdconf.agent.lease.identity import IDENTITY
from cdconf.agent.release import restartable
from cdconf.agent.toggles.toggles import Toggles


def look(agent, app):
    """How the app's toggles are here; changes nothing.

    Returns:
        `{"values", "problem", "last", "since", "trial", "unproven", "reload_due"}`: the file's values (None without
        any), what's wrong with the file, the values that cdconf wrote last, `{name: {"at", "owner"}}`, who tries out
        what isn't proven (None for nobody) and which toggles that is, and whether services are yet to be reloaded.
    """
    return Toggles(agent.store, app).look()


def put(agent, app):
    """Makes the file what the inventory says; returns `{"changed"}`."""
    agent.proceed()
    toggles = Toggles(agent.store, app)
    _check_reload(agent, app, toggles)
    return {"changed": toggles.put(app["toggles"]["values"], agent.lease)}


def try_out(agent, app, toggle, on):
    """Switches one toggle, until it's settled or put back; the others stay as they are here.

    Those that the file lacks, or that an interrupted run has left unproven, become what the inventory says.

    Returns:
        `{"changed"}`.
    """
    agent.proceed()
    toggles = Toggles(agent.store, app)
    _check_reload(agent, app, toggles)
    wanted, here = dict(app["toggles"]["values"]), toggles.read()[0] or {}
    unproven = toggles.look()["unproven"]
    values = {one: here[one] if one in here and one not in unproven else wanted[one] for one in wanted}
    values[toggle] = on
    changed = toggles.try_out(values, agent.lease)
    toggles.reload()
    return {"changed": changed}


def _check_reload(agent, app, toggles):
    """Raises `Failed` when the app's services would be reloaded into a release that isn't proven."""
    known = agent.store.read(IDENTITY, {})
    kept = restartable.problem(agent.store, app, known.get("environment", "ENV"))
    if kept and toggles.reloads():
        raise Failed("the toggles of {} aren't changed: {}".format(app["name"], kept))


def settle(agent, app):
    """The change has proven well."""
    agent.lease.check()
    Toggles(agent.store, app).settle(agent.lease)
    return {}


def put_back(agent, app):
    """Ends the change with what was here before; returns `{"changed"}`."""
    agent.lease.check()
    return {"changed": Toggles(agent.store, app).put_back()}
