"""Orphans that an earlier version remembered: removed when that can be, else forgotten aloud, never a bug."""

from types import SimpleNamespace

import pytest

from cdconf.agent.converge import apply, type_agents
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.records.store import HostStore

ENTRY = {"type": "thing", "title": "one", "role": "x", "source": "r:1", "removable": True, "order": 0, "digest": "d"}
AFTER = {**ENTRY, "type": "link", "title": "after", "order": -1, "fields": {}}


class Thing:
    """A type that needs `name`, and since today `scope`."""

    def __init__(self):
        self.here = True
        self.scopes = {None: "system", "user": "user"}

    def observe(self, fields):
        self.scopes[fields["scope"]]
        return {} if self.here and fields["name"] + "" else None

    def apply(self, fields, difference):
        assert fields["absent"]
        self.here = False


@pytest.fixture
def thing(monkeypatch):
    one = Thing()

    def agent_of(name):
        if name == "gone":
            raise Failed("the agent of resource type 'gone' can't be loaded: no module")
        return one if name == "thing" else SimpleNamespace(observe=lambda fields: None)

    monkeypatch.setattr(type_agents, "agent_of", agent_of)
    return one


def pruned(tmp_path, *entries, check=False):
    """The events, whether it failed, and what's still remembered."""
    store, events = HostStore("demo", str(tmp_path)), []
    store.write("applied.json", {str(number): entry for number, entry in enumerate(entries)})
    catalog = {"resources": [], "compare": {}, "handlers": {}, "complete": True}
    done = apply.Convergence(catalog, check, store, events.append, lambda: None, prune=True).run()
    left = [one["title"] for one in store.read("applied.json").values()]
    return [(one["title"], one["status"], one.get("message")) for one in events], done["failed"], left


def test_a_field_that_was_not_remembered_counts_as_not_given(tmp_path, thing):
    events, failed, left = pruned(tmp_path, {**ENTRY, "fields": {"name": "n"}}, AFTER)
    assert (events[0], failed, left, thing.here) == (("one", "changed", None), False, [], False)


@pytest.mark.parametrize("copied", [False, True])
def test_one_that_cannot_be_removed_without_it_is_forgotten_aloud_and_the_rest_goes_on(tmp_path, thing, copied):
    if copied:
        observe = thing.observe
        thing.observe = lambda fields: observe(dict(fields))  # as types do that hand fields on
    events, failed, left = pruned(tmp_path, {**ENTRY, "fields": {"scope": "user"}}, AFTER)
    assert events[0][:2] == ("one", "changed")
    assert "can't be removed: an earlier cdconf didn't remember its 'name'; it was forgotten" in events[0][2]
    assert (events[1][0], failed, left, thing.here) == ("after", False, [], True)


def test_one_whose_type_is_gone_is_forgotten_aloud(tmp_path, thing):
    gone = {**ENTRY, "type": "gone", "fields": {}}
    events, failed, left = pruned(tmp_path, gone, AFTER)
    assert events[0][:2] == ("one", "changed")
    assert "there's no resource type 'gone' any more; it was forgotten" in events[0][2]
    assert (failed, left) == (False, [])
    events, failed, left = pruned(tmp_path, gone, check=True)
    told = "can't be removed: there's no resource type 'gone' any more, only forgotten"
    assert (events, left) == ([("one", "would_change", told)], ["one"])


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (RuntimeError("x"), "failed", "a bug in this resource type"),
        (Failed("it's busy"), "failed", "it's busy"),
        (OSError("no"), "failed", "no"),
        (Missing("program", "x"), "changed", None),
    ],
)
def test_what_fails_this_time_stays_remembered(tmp_path, thing, error, status, words):
    def observe(fields):
        raise error

    thing.observe = observe
    events, failed, left = pruned(tmp_path, {**ENTRY, "fields": {"name": "n", "scope": "user"}})
    assert (events[0][1], failed, bool(left)) == (status, status == "failed", status == "failed")
    assert words is None or words in events[0][2]


def test_what_was_never_removable_is_forgotten(tmp_path, thing):
    events, failed, left = pruned(tmp_path, {**ENTRY, "removable": False, "fields": {}})
    assert (events[0][1], failed, left) == ("changed", False, [])
    assert events[0][2].startswith("can't be removed; it was forgotten")
