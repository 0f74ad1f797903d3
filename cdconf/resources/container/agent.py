"""Observes containers with one `inspect` and makes them anew when anything differs but whether they run."""

import time

from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.errors import Failed
from cdconf.agent.system import containers

FRESH = "{}.cdconf-new"
SETTLE = 1.0  # seconds after which a container that was started must still run


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """The state of each; None for a container that doesn't exist."""
    states = [None] * len(many)
    groups = {}
    for number, fields in enumerate(many):
        groups.setdefault(containers.runtime(fields.get("runtime")), []).append(number)
    for program, numbers in groups.items():
        found = containers.inspect(program, [many[number]["name"] for number in numbers])
        for number in numbers:
            one = found.get(many[number]["name"])
            states[number] = None if one is None else containers.state(many[number], one)
    return states


def apply(fields, difference):
    """Starts, stops, removes, or makes it anew beside the old one before that goes."""
    program, name = containers.runtime(fields.get("runtime")), fields["name"]
    if difference.get("exists") == (True, False):
        _remove(program, name)
        return
    if set(difference) == {"running"}:
        _run(program, fields)
        return
    _fetch(program, fields)
    fresh = FRESH.format(name)
    run([program, "rm", "--force", fresh], timeout=120)  # what a killed run left behind
    arguments, environment = containers.create(fresh, fields)
    containers.call(program, arguments, env=environment)
    if "exists" not in difference:
        _remove(program, name)
    containers.call(program, ["rename", fresh, name])
    _run(program, fields)


def _remove(program, name):
    """Stops it in peace, then removes it; its named volumes stay."""
    containers.call(program, ["stop", name], timeout=300)
    containers.call(program, ["rm", "--force", name], timeout=120)


def _fetch(program, fields):
    """Has the image on the host, before anything is removed for it."""
    image, policy = fields["image"], fields["pull"]
    if policy != "always" and run([program, "image", "inspect", image], timeout=60).status == 0:
        return
    if policy == "never":
        raise Failed("there's no image '{}' on this host, and `pull: never` forbids to get it".format(image))
    containers.call(program, ["pull", image], timeout=3600)


def _run(program, fields):
    name = fields["name"]
    if not fields["running"]:
        containers.call(program, ["stop", name], timeout=300)
        return
    containers.call(program, ["start", name])
    time.sleep(SETTLE)
    found = containers.inspect(program, [name]).get(name)
    if found is None or not found["State"].get("Running"):
        logs = run([program, "logs", "--tail", "15", name], timeout=60)
        status = found["State"].get("ExitCode") if found else None
        raise Failed("container '{}' ended at once".format(name), status=status, output=last_lines(logs.out + logs.err))
