"""What a host remembers of an app's database migrations, and how one is run here.

`migrations.json`: `{app: [entry]}`, at most one entry for a phase and a tree, in the order of their numbers. An entry
is `{"phase": "expand" or "contract", "tree", "release", "version", "command", "number", "order", "state", "host",
"run", "began", "ended", "status", "forgotten"}`:

- `number` counts what was run in the environment; of two entries for the same thing the higher one is true.
- `order` is the number under which the release was first expanded here: its place among the environment's releases;
  0 for a contract of a release that was never expanded, as far as is known.
- `state` is `begun`, `failed` or `done`. It's `done` once the command has ended well, which the host on which it ran
  writes down itself; `begun` without a run at work means that nobody knows how it ended.
- `command` is null for an app without that migration: the release was only noted.
- `forgotten` are the trees that a contract has taken from the rollbacks.

Every host of the app is told all of it, so that the loss of one forgets nothing.
"""

import time

from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed
from cdconf.agent.records.ledger import Ledger, in_turn
from cdconf.agent.release.releases import Releases

FILE = "migrations.json"
STATES = ("begun", "failed", "done")
KEPT = 30  # entries of each phase: a thousand hosts tell them to one controller


def merged(*memories):
    """What several hosts remember together: the newest entry of each phase and tree, by number."""
    newest = {}
    for memory in memories:
        for entry in memory:
            key = (entry["phase"], entry["tree"])
            if key not in newest or _rank(entry) > _rank(newest[key]):
                newest[key] = entry
    entries = sorted(newest.values(), key=_rank)
    kept = []
    for phase in ("expand", "contract"):
        kept += [entry for entry in entries if entry["phase"] == phase][-KEPT:]
    return sorted(kept, key=_rank)


def _rank(entry):
    return entry["number"], STATES.index(entry["state"]), entry["began"] or 0


def read(store, app):
    """The entries of an app."""
    return merged(store.read(FILE, {}).get(app) or [])


def write(store, app, entries):
    """Replaces the entries of an app; the other apps' stay."""
    pages = store.read(FILE, {})
    pages[app] = entries
    store.write(FILE, pages)


def memory(agent, app):
    """What this host remembers of the app: `{"entries"}`; changes nothing."""
    return {"entries": read(agent.store, app["name"])}


def learn(agent, app, entries):
    """Takes in what other hosts remember."""
    agent.lease.check()
    known = read(agent.store, app["name"])
    together = merged(known, entries)
    if together != known:
        write(agent.store, app["name"], together)
    return {}


def forget(agent, app):
    """Forgets all: the database isn't the one that was migrated any more."""
    agent.lease.check()
    if read(agent.store, app["name"]):
        write(agent.store, app["name"], [])
    return {}


def give_up(agent, app, releases):
    """Takes releases from those that a rollback could go to; never the last verified one."""
    agent.lease.check()
    ledger = Ledger(agent.store, app["name"])
    verified = ledger.page["verified"]
    ledger.page["verified"] = in_turn([name for name in verified if name not in releases or name == verified[-1]])
    if ledger.page["verified"] != verified:
        ledger.save()
    return {}


def migrate(agent, app, entry, user, env_file, within):
    """Runs a migration in its release, and writes down that it began and how it ended.

    What came of it is a fact, so it's written down also when the controller is gone by then, or the lease.

    Args:
        agent: Whose session this is.
        app: The app.
        entry: The entry, without `state`, `began`, `ended` and `status`.
        user: Whose process it is; None: root's.
        env_file: A file with its environment, or None.
        within: Seconds that it may take.

    Returns:
        `{"entry", "output", "problem"}`: the last lines that it printed, and in words how it failed, None if it didn't.

    Raises:
        Failed: It couldn't be started.
    """
    from cdconf.agent.system import project_commands

    agent.proceed()
    releases = Releases(app["path"], Ledger(agent.store, app["name"]))
    if not releases.has(entry["release"]):
        raise Failed("the release '{}' isn't on this host".format(entry["release"]))
    cwd = releases.where(entry["release"])
    entry = dict(entry, state="begun", began=round(time.time()), ended=None, status=None)
    _note(agent, app, entry)
    try:
        result = project_commands.execute(entry["command"], user, cwd, None, env_file, within)
    except Failed as error:
        entry = _note(agent, app, dict(entry, state="failed", ended=round(time.time())))
        if not error.details.get("timed_out"):
            raise
        return {"entry": entry, "output": error.output, "problem": "is " + error.message}
    status = result["status"]
    entry = dict(entry, state="failed" if status else "done", ended=round(time.time()), status=status)
    return {
        "entry": _note(agent, app, entry),
        "output": last_lines(b"".join((result["stdout"], result["stderr"])).decode("utf-8", "replace")),
        "problem": "failed" if status else None,
    }


def _note(agent, app, entry):
    write(agent.store, app["name"], merged(read(agent.store, app["name"]), [entry]))
    return entry


CALLS = {"memory": memory, "learn": learn, "forget": forget, "give_up": give_up, "run": migrate}
