"""What should be gone, where what it's in isn't there either: check mode and apply say the same of it."""

from types import SimpleNamespace

import pytest

from cdconf.agent.converge import apply, type_agents
from cdconf.agent.errors import Down, Failed, Missing
from cdconf.agent.records.store import HostStore


def converged(tmp_path, monkeypatch, error, *, check, changed_before=False):
    """The statuses of one pass over a resource that observing ends with an error, and whether it was alright."""

    def observe(fields):
        if fields.get("absent"):
            raise error

    monkeypatch.setattr(type_agents, "agent_of", lambda name: SimpleNamespace(observe=observe))
    gone = {
        "type": "thing",
        "id": "thing gone",
        "title": "gone",
        "fields": {},
        "absent": True,
        "notify": [],
        "sensitive": False,
    }
    before = [dict(gone, id="thing new", title="new", absent=False)] if changed_before else []
    catalog = {"resources": [*before, gone], "compare": {"thing": []}, "handlers": {}, "complete": True}
    events = []
    done = apply.Convergence(catalog, check, HostStore("demo", str(tmp_path)), events.append, lambda: None).run()
    return [one["status"] for one in events], not done["failed"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("error", "statuses", "alright"),
    [
        (Missing("program", "nft"), ["ok"], True),
        (Down("running server", "postgresql"), ["failed"], False),
        (Failed("it's a directory"), ["failed"], False),
    ],
)
def test_what_should_be_gone_is_judged_alike(tmp_path, monkeypatch, check, error, statuses, alright):
    assert converged(tmp_path, monkeypatch, error, check=check) == (statuses, alright)


@pytest.mark.parametrize("error", [Missing("program", "nft"), Down("running server", "postgresql")])
def test_it_is_unknown_while_an_earlier_change_may_bring_it(tmp_path, monkeypatch, error):
    found = converged(tmp_path, monkeypatch, error, check=True, changed_before=True)
    assert found == (["would_change", "unknown"], True)
