"""One failed resource hides nothing: a check goes on to the end, and what can't be mended by itself is drift."""

import pytest

from cdconf.agent.converge import apply, type_agents
from cdconf.agent.errors import Failed, Missing, Obstacle, in_the_way
from cdconf.agent.records.store import HostStore
from cdconf.resources.service import agent as service

STATES = {
    "right": {"value": 1},
    "other": {"value": 2},
    "broken": Failed("it can't be read"),
    "gone": Missing("unit", "x"),
    "hinted": Failed("there's none of it", details={"hint": "make one"}),
    "blocked": in_the_way("/etc/a b", "a directory"),
}


class Thing:
    """A type whose resources are found in the states that their names say."""

    def __init__(self, many):
        self.mended = []
        if many:
            self.observe_many = lambda fields: [STATES[self.now(one)] for one in fields]

    def now(self, fields):
        return "right" if fields["name"] in self.mended else fields["name"]

    def observe(self, fields):
        found = STATES[self.now(fields)]
        if isinstance(found, Failed):
            raise found
        return found

    def apply(self, fields, difference):
        self.mended.append(fields["name"])


def run(tmp_path, monkeypatch, *names, check, many=False):
    thing, events = Thing(many), []
    monkeypatch.setattr(type_agents, "agent_of", lambda name: thing if name == "thing" else unloadable(name))
    resources = [resource(name) for name in names]
    handler = {"name": "h", "type": "thing", "title": "h", "fields": {}, "action": "run"}
    compare = {"thing": ["value"], "lost": ["value"]}
    catalog = {"resources": resources, "compare": compare, "handlers": {"h": handler}, "complete": True}
    done = apply.Convergence(catalog, check, HostStore("demo", str(tmp_path)), events.append, lambda: None).run()
    return [(one["title"], one["status"]) for one in events], done["failed"], thing.mended, events


def unloadable(name):
    raise Failed(f"the agent of resource type '{name}' can't be loaded")


def resource(name):
    kind = "lost" if name == "lost" else "thing"
    about = {"id": f"{kind}:{name}", "type": kind, "title": name, "fields": {"name": name, "value": 1}, "absent": False}
    about |= {"identity": ["name"], "notify": ["h"] if name == "other" else [], "sensitive": False, "source": "r:1"}
    return about | {"role": "r", "removable": True, "order": 0}


@pytest.mark.parametrize("many", [False, True])
def test_a_check_goes_on_to_the_end(tmp_path, monkeypatch, many):
    names = ["right", "broken", "other", "lost"]
    events, failed, mended, _ = run(tmp_path, monkeypatch, *names, check=True, many=many)
    found = [("right", "ok"), ("other", "would_change"), ("broken", "failed"), ("lost", "failed")]
    assert (sorted(events), failed, mended) == (sorted([*found, ("h", "would_change")]), True, [])


@pytest.mark.parametrize(("before", "status"), [("right", "failed"), ("broken", "unknown"), ("blocked", "unknown")])
def test_what_is_missing_behind_something_unsettled_is_unknown(tmp_path, monkeypatch, before, status):
    events, *_ = run(tmp_path, monkeypatch, before, "gone", check=True)
    assert events[1] == ("gone", status)


def test_what_is_in_the_way_is_drift_and_told_with_the_way_to_mend_it(tmp_path, monkeypatch):
    events, failed, _, found = run(tmp_path, monkeypatch, "blocked", "other", check=True)
    assert (events[0], failed) == (("blocked", "would_change"), False)
    assert found[0]["message"] == "'/etc/a b' is a directory"
    assert found[0]["repair"] == "move it away: `mv -T '/etc/a b' '/etc/a b.away'`"


def test_applying_fails_where_something_is_in_the_way_and_says_the_same(tmp_path, monkeypatch):
    events, failed, mended, found = run(tmp_path, monkeypatch, "blocked", "other", check=False)
    assert (events, failed, mended) == ([("blocked", "failed")], True, [])
    assert found[0]["message"].endswith("is a directory; move it away: `mv -T '/etc/a b' '/etc/a b.away'`")


@pytest.mark.parametrize("many", [False, True])
def test_what_stands_before_the_one_that_failed_is_applied(tmp_path, monkeypatch, many):
    events, failed, mended, _ = run(tmp_path, monkeypatch, "other", "broken", "right", check=False, many=many)
    assert (events, failed, mended) == ([("other", "changed"), ("broken", "failed")], True, ["other"])


def test_a_masked_service_that_should_run_is_such_an_obstacle(monkeypatch):
    shown = {
        "LoadState": "masked",
        "ActiveState": "inactive",
        "UnitFileState": "masked",
        "LoadError": "",
        "Id": "a.service",
    }
    monkeypatch.setattr(service, "_openrc", lambda: False)
    monkeypatch.setattr(service.app_services, "show", lambda names, properties: dict.fromkeys(names, shown))
    with pytest.raises(Obstacle) as caught:
        service.observe({"name": "a", "running": True})
    assert (caught.value.problem, "`systemctl unmask a.service`" in caught.value.repair) == (
        "service 'a' is masked",
        True,
    )


@pytest.mark.parametrize("many", [False, True])
def test_a_failure_brings_its_hint(tmp_path, monkeypatch, many):
    events = run(tmp_path, monkeypatch, "hinted", check=False, many=many)[3]
    assert (events[0]["message"], events[0]["repair"]) == ("there's none of it", "make one")
