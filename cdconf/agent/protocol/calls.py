"""What the controller may ask of an agent, by name. Arguments and results are plain data."""

import time

from cdconf.agent.errors import Failed
from cdconf.agent.lease import lease
from cdconf.agent.records import events, ledger, store


def call(agent, name, arguments):
    """Serves one request; raises `Failed` for an unknown call."""
    area, _, verb = name.partition(".")
    function = _loaded(area, verb) if verb in LATER.get(area, ()) else CALLS.get(name)
    if function is None:
        raise Failed("this agent knows no call '{}'".format(name), kind="protocol")
    return function(agent, **arguments)


def _loaded(area, verb):
    """A call of a module that's loaded for it alone; provision needs none of them."""
    if area == "app":
        from cdconf.agent.protocol import deploy_calls as module
    elif area == "drain":
        from cdconf.agent.protocol import drain_calls as module
    elif area == "toggles":
        from cdconf.agent.protocol import toggle_calls as module
    elif area == "maintenance":
        from cdconf.agent.switch import maintenance as module
    else:
        from cdconf.agent.migrations import migrations

        return migrations.CALLS[verb]
    return getattr(module, verb)


def open_session(agent, project, facts=(), ends_leases=False):
    """Begins: names the project, and gathers the groups of facts that the run will read. Changes nothing.

    A run that `ends_leases` gets no lease here, and so meets no damaged one.

    Returns:
        `{"facts", "identity", "lease", "left", "time"}`: the environment that the host belongs to, who holds it, if
        any, who never gave it back, and the host's clock, in seconds since 1970.
    """
    agent.store = store.HostStore(project)
    agent.lease = lease.Lease(agent.store)
    return {
        "facts": gather_facts(agent, facts) if facts else {},
        "identity": agent.store.read(lease.IDENTITY),
        "lease": None if ends_leases else agent.lease.status(),
        "left": None if ends_leases else agent.lease.left(),
        "time": time.time(),
    }


def projects(agent):
    """Whose the host is, by all projects; see `whose.identities`."""
    from cdconf.agent.lease import projects as whose  # asked for only where an operator has a policy

    return whose.identities()


def gather_facts(agent, groups):
    """Facts of this host, `{fact: value}`; see `facts.gather`."""
    from cdconf.agent.facts import groups as facts  # most runs of a deployment read none

    return facts.gather(groups)


def take_lease(agent, run, owner, reason, ttl, environment, host, seal=None, moved_from=None):
    """Takes the host's lease for this run.

    Returns:
        `{"fence", "before", "applied"}`: its number, that of the lease before, and `events.applied_from`.
    """
    fence = agent.lease.acquire(run, owner, reason, ttl, environment, host, seal, moved_from)
    agent.watch_lease()
    return {"fence": fence, "before": agent.lease.before, "applied": events.applied_from(agent.store)}


def join_lease(agent, outer, secret, **about):
    """Works within the lease of the run that has started this one; returns that run's `fence`, and `applied`."""
    from cdconf.agent.lease import nested  # few runs are started by another

    agent.lease = nested.join(agent.store, outer, secret, **about)
    agent.watch_lease()
    return {"fence": agent.lease.fence, "applied": events.applied_from(agent.store)}


def check_lease(agent):
    """Whether this run still holds the host; raises `Failed` (mostly `lease_lost`) when it doesn't."""
    loss = agent.lease.loss()
    if loss is not None:
        raise loss
    return {}


def give_lease_back(agent):
    """Ends this run's lease."""
    agent.lease.release()
    return {}


def force_lease(agent):
    """Ends anyone's lease; returns its holder or None, of a damaged one `{"damaged": WHY}`."""
    return lease.force_release(agent.store)


def converge(agent, catalog, check, prune=False, digest=None, files=None):
    """Applies a catalog, or says what that would change; streams one event per resource.

    Args:
        agent: The agent.
        catalog: The catalog.
        check: Change nothing; the result then has `applied`, see `events.applied_from`.
        prune: Remove what has gone from the files.
        digest: What the host remembers the catalog by.
        files: `{"commit", "dirty"}` of the files that it's made of.
    """
    proceed = (lambda: None) if check else agent.proceed
    if not check:
        agent.proceed()
    from cdconf.agent.converge.apply import Convergence

    convergence = Convergence(catalog, check, agent.store, agent.event, proceed, prune)
    if check:
        return dict(convergence.run(), applied=events.applied_from(agent.store))
    events.provisions(agent.store)
    failed = True
    try:
        result = convergence.run()
        failed = result["failed"]
        return result
    finally:
        events.provisioned(agent.store, agent.lease.by(), digest, convergence.counts, failed, files)


def mend(agent, catalog, check, leave, later=False):
    """Puts right what isn't as it was applied, where the catalog still says what was; see `mend.Mending`.

    Args:
        agent: The agent.
        catalog: The catalog, all of it.
        check: Change nothing.
        leave: `[type, title]` of what is left as it is: it's waived.
        later: See `mend.Mending`.
    """
    from cdconf.agent.converge.mend import MendPass  # only `drift --fix` needs it

    if check:
        return MendPass(catalog, True, agent.store, agent.event, lambda: None, leave).run()
    agent.proceed()
    before = events.failed_last(agent.store)
    mending, failed = MendPass(catalog, False, agent.store, agent.event, agent.proceed, leave, later), True
    try:
        result = mending.run()
        failed = result["failed"]
        return result
    finally:
        events.mended(agent.store, agent.lease.by(), mending.counts, failed or before is not None)


def remember(agent):
    """What the host knows of its past; see `ledger.remembered`."""
    return ledger.remembered(agent.store)


def portray_host(agent, **arguments):
    """What the host really is; see `portray.portray`."""
    from cdconf.agent.converge import whole_host  # only comparisons of environments need it

    return whole_host.portray(agent, **arguments)


def look_for_plan(agent, catalog, prune=False):
    """Check mode with marks; see `marks.Marked`."""
    from cdconf.agent.converge.marks import Marked  # only for plans that are saved, or applied

    found = Marked(catalog, agent.store, agent.event, prune).run()
    return dict(found, applied=events.applied_from(agent.store))


def look_for_drift(agent, catalog=None):
    """Check mode that tells since when, and with evidence; without a catalog what was applied is compared alone.

    See `drifting.Drifting`; the result is that of `converge`.
    """
    from cdconf.agent.converge.drifting import Drifting  # only for drift

    found = Drifting(catalog, agent.store, agent.event).run()
    return dict(found, applied=events.applied_from(agent.store))


def look_at_applied(agent):
    """Compares the host with what it remembers, and with nothing else; see `look_for_drift`."""
    return look_for_drift(agent)


def note_drift(agent, kind, title, there):
    """Remembers, or forgets, a finding that the controller has made; see `drifting.note`."""
    from cdconf.agent.converge import drifting

    return {"at": drifting.note(agent.store, kind, title, there)}


def run_command(agent, command, user=None, cwd=None, env=None, env_file=None, timeout=600, data=None):
    """Runs a command line; see `execute.execute`. Large output is sent before, as in `stream.stream`."""
    from cdconf.agent import wire
    from cdconf.agent.system import project_commands

    result = project_commands.execute(command, user, cwd, env, env_file, timeout, data)
    for name, event in (("stdout", "out"), ("stderr", "err")):
        printed = result[name]
        if len(printed) > wire.CHUNK:
            for start in range(0, len(printed), wire.CHUNK):
                agent.event({event: printed[start : start + wire.CHUNK]})
            result[name] = b""
    return result


def reboot(agent):
    """Reboots the host; the answer may be lost with the connection."""
    from cdconf.agent.commands import execute as commands
    from cdconf.agent.errors import Missing

    agent.lease.check()
    try:
        commands.run_ok(["systemctl", "reboot"], timeout=60)
    except Missing:
        commands.run_ok(["reboot"], timeout=60)
    return {}


def put_look_key(agent, **arguments):
    """Lets a key look at this host; see `look_key.put`."""
    from cdconf.agent.protocol import look_key  # once per host

    return look_key.put(agent, **arguments)


def take_look_key_away(agent, **arguments):
    """Takes that back; see `look_key.take_away`."""
    from cdconf.agent.protocol import look_key

    return look_key.take_away(agent, **arguments)


def stream_command(agent, **arguments):
    """Runs a command line and sends what it prints as it comes; see `stream.stream`."""
    from cdconf.agent.protocol import stream  # provision doesn't need it

    return stream.stream(agent, **arguments)


CALLS = {
    "open": open_session,
    "facts": gather_facts,
    "projects": projects,
    "lease.take": take_lease,
    "lease.join": join_lease,
    "lease.check": check_lease,
    "lease.give_back": give_lease_back,
    "lease.force": force_lease,
    "converge": converge,
    "mend": mend,
    "history": remember,
    "portray": portray_host,
    "plan": look_for_plan,
    "drift.look": look_for_drift,
    "drift.applied": look_at_applied,
    "drift.note": note_drift,
    "run": run_command,
    "boot_id": lambda agent: lease.boot_id(),
    "reboot": reboot,
    "stream": stream_command,
    "look.put": put_look_key,
    "look.take_away": take_look_key_away,
}
LATER = {  # area -> the calls of it: `app.status` and so on
    "app": (
        "status",
        "preflight",
        "changes",
        "prepare",
        "stage",
        "share",
        "install",
        "stop",
        "hook",
        "activate",
        "restart",
        "adopt",
        "holds",
        "roll_back",
        "confirm",
        "pin",
        "unpin",
        "check_health",
    ),
    "drain": ("status", "begin", "holds", "keep", "end"),
    "migrations": ("memory", "learn", "forget", "give_up", "run"),
    "toggles": ("look", "put", "try_out", "settle", "put_back"),
    "maintenance": ("on", "off", "status"),
}
