"""History out of hosts' memories: whole, once, and beside what a journal has."""

import pytest

from cdconf.history.rebuild import rebuilt

RUN, OTHER = "0198aaaaaaaa-1111", "0198aaaabbbb-2222"
BEGAN = int("0198aaaaaaaa", 16) / 1000
A = "a" * 64


def event(kind, at=1.0, run=RUN, **about):
    by = {"run": run, "owner": "ann@laptop pid 7", "reason": "deploy shop 2"} if run else {}
    return {"at": BEGAN + at, "event": kind, "release": "2-abc", "version": "2", "archive": A, **by, **about}


def page(*events, **state):
    empty = {"current": None, "verified": [], "activating": None, "releases": {}, "pinned": {}}
    return {**empty, "confirmed": None, "reverted": None, **state, **({"events": list(events)} if events else {})}


def memory(shop=None, provisions=(), **about):
    return {"apps": {"shop": shop} if shop else {}, "provisions": list(provisions), **about}


def well(first=1.0):
    return page(event("staged", first), event("activated", first + 1), event("verified", first + 2))


def ask(memories, known=(), **keywords):
    return rebuilt("demo", "dev", memories, [as_row(one) for one in known], **keywords)


def as_row(record):
    return {"project": "demo", "source": "journal", "run": None, "events": [], **record}


def test_a_deployment_is_one_record_of_all_its_hosts():
    (record,) = ask({"web1": memory(well()), "web2": memory(well(1.5))})
    wanted = {"id": RUN, "run": RUN, "source": "hosts", "command": "deploy", "environment": "dev", "app": "shop"}
    wanted |= {"version": "2", "artifact": A, "user": "ann", "controller": "laptop", "started_at": BEGAN}
    wanted |= {"duration_s": 3.5, "exit_code": 0, "error": None}
    assert {name: record[name] for name in wanted} == wanted
    assert {name: host["status"] for name, host in record["hosts"].items()} == {"web1": "changed", "web2": "changed"}
    assert [one["event"] for one in record["events"] if one["host"] == "web1"] == ["staged", "activated", "verified"]


def test_one_that_was_rolled_back_and_pinned_says_why():
    shop = page(
        event("staged"),
        event("activated", 2),
        event("rolled_back", 3, to="1-old", why="smoke tests failed"),
        event("pinned", 4, why="smoke tests failed: test_it"),
    )
    (record,) = ask({"web1": memory(shop), "web2": memory(page(event("staged")))})
    assert (record["exit_code"], record["error"]) == (1, "smoke tests failed: test_it")
    assert record["hosts"]["web1"]["status"] == "rolled_back"
    assert record["hosts"]["web2"]["status"] == "not_attempted"


def test_of_one_that_was_interrupted_nobody_knows_how_it_ended():
    shop = page(event("staged"), event("activated"), activating={"to": "2-abc", "run": RUN, "at": BEGAN})
    (record,) = ask({"web1": memory(shop)})
    assert (record["exit_code"], record["hosts"]["web1"]["status"]) == (None, "interrupted")


def test_one_that_was_killed_before_its_first_event_is_there_as_well():
    (record,) = ask({"web1": memory(page(activating={"to": "2-abc", "run": RUN, "at": BEGAN + 1}))})
    assert (record["run"], record["version"], record["exit_code"]) == (RUN, "2", None)
    assert record["hosts"]["web1"]["status"] == "interrupted"


def test_one_that_the_switch_ended_says_so():
    itself = {**event("reverted", 9), "owner": "the host itself"}
    (record,) = ask({"web1": memory(page(event("activated"), itself))})
    assert record["error"] == "web1 went back by itself"
    assert (record["user"], record["exit_code"]) == ("ann", 1)


def test_a_decision_that_one_host_missed_is_no_plain_failure():
    missed = page(event("activated"), {**event("reverted", 9), "owner": "the host itself"})
    (record,) = ask({"web1": memory(well()), "web2": memory(missed)})
    assert record["exit_code"] is None


def test_provisioning_is_a_record_with_its_counts():
    by = {"run": OTHER, "owner": "bob@ci pid 1", "reason": "provision", "catalog": "c"}
    first = {**by, "at": BEGAN, "counts": {"ok": 2, "changed": 3}, "failed": False}
    second = {**by, "at": BEGAN + 1, "counts": {"ok": 1, "failed": 1}, "failed": True}
    (record,) = ask({"web1": memory(provisions=[first]), "web2": memory(provisions=[second])})
    assert (record["command"], record["app"], record["user"], record["exit_code"]) == ("provision", None, "bob", 1)
    assert record["hosts"]["web1"] == {"status": "changed", "ok": 2, "changed": 3, "failed": 0}
    assert record["hosts"]["web2"]["status"] == "failed"


def test_twice_adds_nothing():
    memories = {"web1": memory(well()), "web2": memory(OLD)}
    known = ask(memories)
    assert len(known) == 3
    assert ask(memories, known) == []


def test_a_host_that_was_silent_before_is_added_to_the_record_and_none_is_lost():
    known = ask({"web1": memory(well())})
    (record,) = ask({"web2": memory(well())}, known)
    assert (record["id"], set(record["hosts"])) == (RUN, {"web1", "web2"})
    assert ask({"web2": memory(well())}, [record]) == []


def test_events_that_a_host_has_forgotten_since_stay():
    known = ask({"web1": memory(well())})
    assert ask({"web1": memory(page(event("verified", 3)))}, known) == []


def test_a_run_that_the_journal_has_is_not_rebuilt():
    known = {"id": "x", "run": RUN, "command": "deploy", "app": "shop", "version": "2", "artifact": A}
    assert ask({"web1": memory(well())}, [{**known, "hosts": {}, "exit_code": 0, "started_at": BEGAN}]) == []


@pytest.mark.parametrize(("began", "controller", "missing"), [(-3, "laptop", 0), (9, "laptop", 1), (-3, "ci", 1)])
def test_a_journal_s_line_without_the_run_s_id_is_known_by_its_time_and_place(began, controller, missing):
    line = {"id": "x", "command": "deploy", "app": "shop", "version": "2", "artifact": A, "controller": controller}
    line |= {"hosts": {}, "exit_code": 0, "started_at": BEGAN + began, "duration_s": 20.0}
    assert len(ask({"web1": memory(well())}, [line])) == missing


def test_a_run_that_is_at_work_tells_of_itself_when_it_ends():
    assert ask({"web1": memory(well(), at_work=[RUN]), "web2": memory(well())}) == []


OLD = page(
    current="2-abc",
    verified=["1-old", "2-abc"],
    releases={
        "1-old": {"version": "1", "archive": "b" * 64, "tree": "t", "staged_at": 1000},
        "2-abc": {"version": "2", "archive": A, "tree": "t", "staged_at": 2000},
    },
    pinned={"c" * 64: {"reason": "it hung", "version": "3", "at": 3000}},
    confirmed={"release": "2-abc", "run": RUN, "at": 2001},
)
del OLD["reverted"]


def test_a_ledger_without_events_tells_what_it_can():
    found = {one["version"]: one for one in ask({"web1": memory(OLD)})}
    assert set(found) == {"1", "2", "3"}
    assert (found["1"]["run"], found["1"]["started_at"], found["1"]["exit_code"]) == (None, 1000.0, 0)
    assert (found["2"]["run"], found["2"]["artifact"], found["2"]["exit_code"]) == (RUN, A, 0)
    assert (found["3"]["error"], found["3"]["exit_code"], found["3"]["user"]) == ("it hung", 1, None)


def test_what_no_run_is_known_of_and_the_journal_tells_is_not_told_twice():
    line = {"id": "x", "command": "deploy", "app": "shop", "version": "1", "artifact": "b" * 64, "controller": "laptop"}
    line |= {"hosts": {"web1": {}}, "exit_code": 0, "started_at": 990.0, "duration_s": 20.0}
    assert {one["version"] for one in ask({"web1": memory(OLD)}, [line])} == {"2", "3"}


def test_statements_say_how_an_artifact_came_to_be():
    (record,) = ask({"web1": memory(well())}, built={A: "built from 0123456789 by ann@laptop"})
    assert record["detail"] == "built from 0123456789 by ann@laptop"


def test_a_rebuilt_run_stands_where_its_fences_and_its_hosts_clocks_put_it():
    """Whoever ran it had a clock that was two hours behind; the host's number is its time in milliseconds."""
    fence = int((BEGAN + 7203) * 1000)
    late = page(
        *(event(kind, 7200 + at, fence=fence + 1) for at, kind in enumerate(("staged", "activated", "verified")))
    )
    (record,) = ask({"web1": memory(late), "web2": memory(page(event("staged", 7200, fence=fence)))})
    assert (record["started_at"], record["fences"]) == (BEGAN, {"web1": fence + 1, "web2": fence})
    assert record["clock_difference_s"] == 7203.0
    assert record["duration_s"] == 0.0, "not two hours"


def test_fences_of_older_versions_are_no_times():
    (record,) = ask({"web1": memory(page(event("staged", fence=7), event("verified", 2.0, fence=7)))})
    assert (record["fences"], record.get("clock_difference_s"), record["duration_s"]) == ({"web1": 7}, None, 2.0)
