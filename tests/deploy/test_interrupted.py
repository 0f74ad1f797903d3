"""Where an interrupted deployment stands, told from hosts' ledgers alone."""

import pytest

from cdconf.deploy.interrupted import standing

OLD, NEW = "1-aa", "2-bb"


def host(verified=OLD, linked=None, activating=None, confirmed=None, reverted=None, at=10):
    """A page; `activating`, `confirmed` and `reverted` are runs."""
    return {
        "verified": [OLD] if verified == OLD else [OLD, verified],
        "linked": linked or verified,
        "activating": activating and {"to": linked or NEW, "run": activating, "at": at},
        "confirmed": confirmed and {"release": verified, "run": confirmed, "at": at},
        "reverted": reverted and {"release": NEW, "to": OLD, "run": reverted, "at": at, "problem": None},
    }


IDLE = host(confirmed="r0")
ACTIVE = host(linked=NEW, activating="r1", confirmed="r0")
BEGUN = {**ACTIVE, "linked": OLD}  # killed between noting it and switching the link
TOLD = host(verified=NEW, confirmed="r1")
BACK = host(confirmed="r0", reverted="r1")


@pytest.mark.parametrize(
    ("pages", "ending"),
    [
        ([IDLE, IDLE], None),
        ([TOLD, TOLD], None),
        ([BACK, IDLE], None),
        ([BACK, BACK], None),
        ([ACTIVE, IDLE], "roll_back"),
        ([ACTIVE, BACK], "roll_back"),
        ([BEGUN, ACTIVE], "roll_back"),
        ([ACTIVE, ACTIVE], "confirm"),
        ([TOLD, ACTIVE], "confirm"),
        ([TOLD, BACK], "finish"),
        ([TOLD, ACTIVE, BACK], "finish"),
        ([TOLD, BEGUN], "finish"),
        ([host(linked="3-cc", activating="r2", confirmed="r0", at=20), ACTIVE], "roll_back"),
        ([host(verified="3-cc", confirmed="r2"), BACK], None),
    ],
)
def test_how_it_is_ended(pages, ending):
    found = standing({f"h{number}": page for number, page in enumerate(pages)}, {})
    assert (found.ending if found else None) == ending


@pytest.mark.parametrize("note", ["activating", "confirmed"])
def test_an_interrupted_rollback_is_known_as_one(note):
    pages = {"a": TOLD, "b": ACTIVE}
    assert standing(pages, {}).kind == "deployment"
    which = "b" if note == "activating" else "a"
    page = {**pages[which], note: {**pages[which][note], "back": True}}
    assert standing({**pages, which: page}, {}).kind == "rollback"


def test_every_host_is_named_once_and_what_is_said_names_them_all():
    pages = {"a": TOLD, "b": ACTIVE, "c": BACK, "d": IDLE}
    found = standing(pages, {})
    assert (found.confirmed, found.activated, found.reverted, found.others) == (("a",), ("b",), ("c",), ("d",))
    assert str(found) == (
        f"the deployment of {NEW} was interrupted: verified on a; active, unconfirmed on b; "
        "taken back by the dead man's switch on c; not on d"
    )
    assert found.as_dict()["ending"] == "finish"


def test_a_deployment_at_work_is_not_interrupted():
    assert standing({"a": ACTIVE, "b": IDLE}, {"a": {"run": "r1"}}) is None
    assert standing({"a": ACTIVE, "b": IDLE}, {"a": {"run": "r9"}}).ending == "roll_back"


def staged(run="r1", **about):
    return {**IDLE, "begun": {"release": NEW, "run": run}, **about}


def test_one_that_was_killed_before_it_touched_a_host_says_where_it_was_staged():
    found = standing({"a": staged(), "b": IDLE}, {}, {"a": {"run": "r1"}, "b": {"run": "r1"}})
    assert (found.ending, found.staged, found.activated) == ("again", ("a",), ())
    assert str(found).endswith("was interrupted, before any host was touched: staged on a; not on b")
    assert found.as_dict()["staged"] == ["a"]


@pytest.mark.parametrize("left", [None, {"run": "r2"}])
def test_one_that_ended_in_order_before_it_touched_a_host_is_no_interrupted_one(left):
    assert standing({"a": staged(), "b": staged()}, {}, {"a": left, "b": left}) is None


def test_hosts_that_hold_the_release_and_those_about_to_be_switched_are_told_apart():
    about_to = {**ACTIVE, "linked": "1"}
    found = standing({"a": ACTIVE, "b": about_to, "c": staged(), "d": IDLE}, {})
    assert (found.activated, found.unlinked, found.staged) == (("a", "b"), ("b",), ("c",))
    words = "active, unconfirmed on a; about to be activated on b; staged on c; not on d"
    assert str(found).endswith(words)
    assert found.ending == "roll_back"


def test_what_went_back_by_itself_has_ended_though_another_host_still_holds_the_release():
    began = {"begun": {"release": NEW, "run": "r1"}}
    left = {"b": {"run": "r1", "owner": "x", "reason": "y", "age_s": 1}}
    assert standing({"a": {**IDLE, **began}, "b": {**IDLE, **began}}, {}, left).ending == "again"
    assert standing({"a": BACK, "b": {**IDLE, **began}}, {}, left) is None


def seen(run, *events, reason="deploy app@2"):
    return {"recent": {run: {"owner": "x", "reason": reason, "events": list(events)}}}


def test_one_that_was_rolled_back_in_order_has_ended_though_a_host_was_cut_off_meanwhile():
    cut = staged(**seen("r1", "staged"))
    left = {"b": {"run": "r1", "owner": "x", "reason": "y", "age_s": None}}
    assert standing({"a": IDLE | seen("r1", "staged"), "b": cut}, {}, left).ending == "again"
    for events in (("staged", "activated", "rolled_back"), ("activated", "rolled_back", "pinned"), ("activated",)):
        assert standing({"a": IDLE | seen("r1", *events), "b": cut}, {}, left) is None


def test_what_was_interrupted_is_called_what_it_was():
    back = seen("r1", "activated", reason="rollback app")
    found = standing({"a": ACTIVE | back, "b": IDLE}, {})
    assert str(found).startswith(f"the rollback to {NEW} was interrupted: active, unconfirmed on a")
    assert (found.as_dict()["kind"], found.as_dict()["run"]) == ("rollback", "r1")
    found = standing({"a": ACTIVE | seen("r1", "activated"), "b": IDLE}, {})
    assert str(found).startswith(f"the deployment of {NEW} was interrupted")


def test_a_lease_whose_process_was_killed_is_not_at_work():
    lease = {"run": "r1", "inner": [], "dead": ["r1"]}
    assert standing({"a": ACTIVE, "b": IDLE}, {"a": lease}).ending == "roll_back"
    inner = {"run": "r0", "inner": [{"run": "r1"}], "dead": ["r0"]}
    assert standing({"a": ACTIVE, "b": IDLE}, {"a": inner}) is None
