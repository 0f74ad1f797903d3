"""What a host tells of the last runs that it remembers."""

from cdconf.agent.records import events as past


def event(name, run, reason="deploy app@1"):
    return {"at": 1.0, "event": name, "run": run, "owner": "me", "reason": reason}


def test_each_run_is_told_with_what_it_did_in_order():
    events = [event("staged", "r1"), event("staged", "r2", "rollback app"), event("activated", "r1"), {"event": "x"}]
    assert past.recent(events) == {
        "r1": {"owner": "me", "reason": "deploy app@1", "events": ["staged", "activated"]},
        "r2": {"owner": "me", "reason": "rollback app", "events": ["staged"]},
    }


def test_only_the_last_runs_are_told_and_these_whole():
    events = [event("staged", f"r{number}") for number in range(9)]
    assert sorted(past.recent([*events, event("pinned", "r8")])) == [f"r{number}" for number in range(4, 9)]
    assert past.recent([*events, event("pinned", "r4")])["r4"]["events"] == ["staged", "pinned"]
    assert past.recent([]) == {}
