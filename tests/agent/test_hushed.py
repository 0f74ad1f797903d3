"""Failures of sensitive resources: neither the command nor its words, whatever part of a run they come from."""

from types import SimpleNamespace

import pytest

from cdconf.agent.converge import apply, type_agents
from cdconf.agent.errors import Failed
from cdconf.agent.records.store import HostStore

WORDS = "open sesame"
FAILURE = Failed("it failed", command=f"say '{WORDS}'", status=1, output=WORDS)
THING = {
    "type": "thing",
    "id": "thing one",
    "title": "one",
    "source": "roles/x/role.yml:1",
    "role": "x",
    "fields": {"name": "one"},
    "absent": False,
    "notify": [],
    "identity": ["name"],
    "removable": True,
    "order": 0,
}


def failed(tmp_path, resources, module, *, sensitive):
    """The events of one pass, with --prune."""
    resources = [dict(one, sensitive=sensitive) for one in resources]
    catalog = {"resources": resources, "compare": {"thing": []}, "handlers": {}, "complete": True}
    events = []
    store = HostStore("demo", str(tmp_path))
    apply.Convergence(catalog, False, store, events.append, lambda: None, prune=True).run()
    return events


@pytest.fixture
def module(monkeypatch):
    def throw(*_):
        raise FAILURE

    one = SimpleNamespace(observe=lambda fields: {}, apply=throw, throw=throw)
    monkeypatch.setattr(type_agents, "agent_of", lambda name: one)
    return one


@pytest.mark.parametrize("sensitive", [True, False])
@pytest.mark.parametrize("part", ["observe", "apply", "remove"])
def test_what_a_failure_quotes_is_shown_unless_it_is_sensitive(tmp_path, module, part, sensitive):
    if part == "observe":
        module.observe = module.throw
        [event] = failed(tmp_path, [THING], module, sensitive=sensitive)
    elif part == "apply":
        module.observe = lambda fields: None
        [event] = failed(tmp_path, [THING], module, sensitive=sensitive)
    else:
        assert failed(tmp_path, [THING], module, sensitive=sensitive)[0]["status"] == "ok"
        [event] = failed(tmp_path, [], module, sensitive=sensitive)  # it has gone from the files, and can't be removed
    assert (event["status"], "it failed" in event["message"]) == ("failed", True)
    assert (WORDS in event["message"]) is not sensitive


def test_what_a_command_s_guard_asks_for_is_shown_unless_it_is_sensitive(tmp_path, module):
    module.observe, module.apply = lambda fields: None, lambda *_: None
    module.unmet = lambda fields: Failed(f"`{WORDS}` still fails")
    for sensitive in (True, False):
        [event] = failed(tmp_path, [THING], module, sensitive=sensitive)
        assert (event["status"], WORDS in event["message"]) == ("failed", not sensitive)
