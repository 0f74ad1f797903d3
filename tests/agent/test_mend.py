"""`drift --fix` on a host: what differs by hand alone is put right, and nothing else is touched or forgotten."""

import json

import pytest

from cdconf.agent.converge import apply, handlers, mend, type_agents
from cdconf.agent.errors import Failed, Missing, Obstacle
from cdconf.agent.records.store import AppliedResources, HostStore


class Thing:
    """A type whose resources have one value; the host is a dict."""

    def __init__(self):
        self.host, self.done, self.errors = {}, [], {}

    def observe(self, fields):
        if fields["name"] in self.errors:
            raise self.errors[fields["name"]]
        found = self.host.get(fields["name"])
        return None if found is None else {"value": found}

    def apply(self, fields, difference):
        self.done.append(fields["name"])
        if fields.get("absent"):
            del self.host[fields["name"]]
        else:
            self.host[fields["name"]] = fields["value"]

    def act(self, fields, action):
        if isinstance(self.errors.get("!"), Failed):
            raise self.errors["!"]
        self.done.append("!" + fields["name"])


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(HostStore("demo", str(tmp_path)), monkeypatch)


class World:
    def __init__(self, store, monkeypatch):
        self.store, self.thing = store, Thing()
        monkeypatch.setattr(type_agents, "agent_of", lambda name: self.thing)

    def catalog(self, *resources):
        known = {name: handler(name) for one in resources for name in one["notify"]}
        return {"resources": list(resources), "compare": {"thing": ["value"]}, "handlers": known, "complete": True}

    def provision(self, *resources):
        apply.Convergence(self.catalog(*resources), False, self.store, lambda event: None, lambda: None).run()
        self.thing.done.clear()

    def mend(self, *resources, check=False, leave=(), proceed=lambda: None, later=False):
        events = []
        run = mend.MendPass(self.catalog(*resources), check, self.store, events.append, proceed, leave, later)
        self.result = run.run()
        return [(one["title"], one["status"], one.get("left")) for one in events if one["status"] != "ok"]

    def pending(self):
        return [one["name"] for one in self.store.read(handlers.FILE, [])]

    def memory(self):
        return json.dumps(self.store.read(AppliedResources.FILE), sort_keys=True)


def resource(name, value=1, notify=(), absent=False):
    about = {"id": f"thing:{name}", "type": "thing", "title": name, "fields": {"name": name, "value": value}}
    about |= {"absent": absent, "identity": ["name"], "notify": list(notify), "sensitive": False, "source": "r:1"}
    return about | {"role": "r", "removable": True, "order": 0}


def handler(name):
    return {"name": name, "type": "thing", "title": name, "fields": {"name": name}, "action": "restart"}


def test_what_was_changed_by_hand_is_put_right_with_its_handlers(world):
    files = resource("a", notify=["restart"]), resource("b"), resource("old", absent=True)
    world.provision(*files)
    world.thing.host.update(a=9, old=1)
    wanted = [("a", "would_change", None), ("old", "would_change", None), ("restart", "would_change", None)]
    assert world.mend(*files, check=True) == wanted
    assert (world.result["mends"], world.thing.done) == (2, [])
    assert world.mend(*files) == [(title, "changed", None) for title, _, _ in wanted]
    assert world.thing.done == ["a", "old", "!restart"]
    assert world.mend(*files) == []
    assert world.result["mends"] == 0


def test_what_the_files_want_otherwise_is_left_and_so_are_its_handlers(world):
    world.provision(resource("a", notify=["restart"]), resource("b"), resource("c"))
    world.thing.host.update(b=9, c=9)
    before = world.memory()
    told = world.mend(resource("a", 2, notify=["restart"]), resource("b", 2), resource("c"), resource("new"))
    assert told == [
        ("a", "would_change", mend.FILES_CHANGED),
        ("b", "would_change", mend.FILES_CHANGED),
        ("c", "changed", None),
        ("new", "would_change", mend.NEVER_APPLIED),
    ]
    assert (world.thing.done, world.pending(), world.memory()) == (["c"], [], before)


def test_what_is_waived_is_left(world):
    files = resource("a"), resource("b")
    world.provision(*files)
    world.thing.host.update(a=9, b=9)
    assert world.mend(*files, leave=[["thing", "a"]]) == [("a", "would_change", mend.WAIVED), ("b", "changed", None)]
    assert world.thing.done == ["b"]


def test_orphans_are_left_and_remembered(world):
    world.provision(resource("a"), resource("b"))
    assert world.mend(resource("a")) == [("b", "orphaned", mend.ORPHANED)]
    assert world.mend(resource("a")) == [("b", "orphaned", mend.ORPHANED)]
    assert world.thing.host["b"] == 1


def test_files_that_ask_for_what_is_there_already_arent_noted(world):
    world.provision(resource("a"))
    world.thing.host["a"] = 2
    before = world.memory()
    assert world.mend(resource("a", 2)) == []
    assert world.memory() == before


def test_what_stands_in_the_way_and_what_depends_on_what_is_left_isnt_touched(world):
    files = resource("a"), resource("b"), resource("c")
    world.provision(*files)
    world.thing.errors.update(a=Obstacle("'/a' is a directory", "mv /a"), b=Missing("unit", "b"))
    world.thing.host["c"] = 9
    assert world.mend(*files) == [
        ("a", "would_change", mend.OBSTACLE),
        ("b", "unknown", mend.UNKNOWN),
        ("c", "changed", None),
    ]
    assert not world.result["failed"]


def test_what_fails_ends_it(world):
    files = resource("a"), resource("b")
    world.provision(*files)
    world.thing.errors["a"] = Failed("it can't be read")
    world.thing.host["b"] = 9
    assert world.mend(*files) == [("a", "failed", None)]
    assert (world.result["failed"], world.thing.done) == (True, [])


def test_a_handler_that_another_run_has_left_due_stays_due(world):
    files = resource("a"), resource("b", notify=["mine"])
    world.provision(*files)
    world.store.write(handlers.FILE, [handler("theirs"), handler("mine")])
    left = ("theirs", "would_change", mend.PENDING)
    assert world.mend(*files) == [left, ("mine", "would_change", mend.PENDING)]
    assert world.thing.done == []
    assert world.pending() == ["theirs", "mine"]
    world.thing.host["b"] = 9
    assert world.mend(*files) == [("b", "changed", None), ("mine", "changed", None), left]
    assert world.pending() == ["theirs"]


def test_a_run_that_was_cut_short_is_ended_by_the_next_one(world):
    files = (resource("a", notify=["restart"]),)
    world.provision(*files)
    world.thing.host["a"] = 9
    world.thing.errors["!"] = Failed("it doesn't start")
    assert world.mend(*files) == [("a", "changed", None), ("restart", "failed", None)]
    assert world.pending() == ["restart"]
    del world.thing.errors["!"]
    assert world.mend(*files, check=True) == [("restart", "would_change", None)]
    assert world.result["mends"] == 1
    assert world.mend(*files) == [("restart", "changed", None)]
    assert world.pending() == []


def test_handlers_wait_where_what_they_restart_isnt_proven_yet(world):
    files = (resource("a", notify=["restart"]),)
    world.provision(*files)
    world.thing.host["a"] = 9
    assert world.mend(*files, later=True) == [("a", "changed", None)]
    assert (world.thing.done, world.pending()) == (["a"], ["restart"])
    assert world.mend(*files) == [("restart", "changed", None)]


def test_a_lost_lease_ends_it_before_the_next_change(world):
    files = resource("a"), resource("b")
    world.provision(*files)
    world.thing.host.update(a=9, b=9)

    def proceed():
        if world.thing.done:
            raise Failed("the lease is lost", kind="lease_lost")

    with pytest.raises(Failed, match="the lease is lost"):
        world.mend(*files, proceed=proceed)
    assert world.thing.host == {"a": 1, "b": 9}
