"""When handlers run: at the end, where the files flush them, and, of an earlier run, where they can't be due anew."""

import pytest

from cdconf.agent.converge import apply, handlers, type_agents
from cdconf.agent.errors import Failed
from cdconf.agent.records.store import HostStore


class Thing:
    """A type whose resources become right when they're applied, and whose handlers can be made to fail."""

    def __init__(self):
        self.done, self.broken, self.right = [], set(), set()

    def observe(self, fields):
        if fields["name"] in self.broken:
            raise Failed("it can't be read")
        return {"value": 1} if fields["name"] in self.right else {}

    def apply(self, fields, difference):
        self.done.append(fields["name"])
        self.right.add(fields["name"])

    def act(self, fields, action):
        if fields["name"] in self.broken:
            raise Failed("it doesn't start")
        self.done.append("!" + fields["name"])


@pytest.fixture
def thing(monkeypatch):
    one = Thing()
    monkeypatch.setattr(type_agents, "agent_of", lambda name: one)
    return one


def resource(name, notify=(), flush=()):
    about = {"id": f"thing:{name}", "type": "thing", "title": name, "fields": {"name": name, "value": 1}}
    about |= {"absent": False, "identity": ["name"], "notify": list(notify), "sensitive": False, "source": "r:1"}
    return about | {"role": "r", "removable": True, "order": 0} | ({"flush": list(flush)} if flush else {})


def handler(name):
    return {"name": name, "type": "thing", "title": name, "fields": {"name": name}, "action": "restart"}


def run(tmp_path, *resources, check=False, extra=()):
    known = {name: handler(name) for one in resources for name in (*one["notify"], *one.get("flush", ()))}
    catalog = {"resources": list(resources), "compare": {"thing": ["value"]}, "handlers": known, "complete": True}
    events = []
    done = apply.Convergence(catalog, check, HostStore("demo", str(tmp_path)), events.append, lambda: None).run()
    told = [(one["title"], one["status"], one.get("message")) for one in events if one["status"] != "ok"]
    return told, done["failed"]


def left_over(tmp_path, *names):
    HostStore("demo", str(tmp_path)).write(handlers.FILE, [handler(name) for name in names])


def pending(tmp_path):
    return [one["name"] for one in HostStore("demo", str(tmp_path)).read(handlers.FILE, [])]


def test_they_run_at_the_end_in_the_order_in_which_they_became_due(tmp_path, thing):
    run(tmp_path, resource("a", ["h"]), resource("b", ["g", "h"]))
    assert thing.done == ["a", "b", "!h", "!g"]
    assert pending(tmp_path) == []


def test_a_flush_runs_those_that_are_due_there_and_no_others(tmp_path, thing):
    run(tmp_path, resource("a", ["h", "g"]), resource("b", ["h"], flush=["h", "i"]))
    assert thing.done == ["a", "!h", "b", "!g", "!h"], "h became due once more behind the flush"


def test_a_flush_that_fails_ends_the_run_and_stays_due(tmp_path, thing):
    thing.broken.add("h")
    told, failed = run(tmp_path, resource("a", ["h"]), resource("b", flush=["h"]))
    assert ([one[:2] for one in told], failed) == ([("a", "changed"), ("h", "failed")], True)
    assert (thing.done, pending(tmp_path)) == (["a"], ["h"])


def test_what_is_left_over_runs_behind_the_last_that_notifies_it(tmp_path, thing):
    left_over(tmp_path, "h", "other")
    thing.right.update("ab")
    run(tmp_path, resource("a", ["h"]), resource("b", ["h"]), resource("c"))
    assert thing.done == ["!h", "c", "!other"]
    assert pending(tmp_path) == []


def test_what_is_left_over_does_not_block_what_would_mend_it(tmp_path, thing):
    left_over(tmp_path, "h")
    thing.right.add("a")
    thing.broken.add("h")
    thing.apply = lambda fields, difference: thing.right.add(fields["name"]) or thing.broken.discard("h")
    told, failed = run(tmp_path, resource("a", ["h"]), resource("the cure"))
    tried = "it failed, and is tried again at the end: it doesn't start"
    assert told[:2] == [("h", "skipped", tried), ("the cure", "changed", None)]
    assert (told[2][:2], failed, pending(tmp_path)) == (("h", "changed"), False, [])


def test_what_is_left_over_waits_while_what_notifies_it_is_not_right(tmp_path, thing):
    left_over(tmp_path, "h")
    thing.broken.add("a")
    assert run(tmp_path, resource("a", ["h"]), resource("b"))[1]
    assert (thing.done, pending(tmp_path)) == ([], ["h"])


def test_a_check_shows_where_they_would_run_and_runs_none(tmp_path, thing):
    left_over(tmp_path, "old")
    thing.right.add("first")
    resources = [resource("first", ["old"]), resource("a", ["h"]), resource("b", ["h"], flush=["h"])]
    told, _ = run(tmp_path, *resources, check=True)
    assert [(name, text) for name, _, text in told if text] == [
        ("old", "pending since an earlier run; runs after thing first"),
        ("h", "notified; runs here, before thing b"),
        ("h", "notified; runs at the end"),
    ]
    assert (thing.done, pending(tmp_path)) == ([], ["old"])
