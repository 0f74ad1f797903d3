"""That false words are found, and true ones aren't."""

import pytest

from tests.chaos import words
from tests.chaos.plan import KINDS

OLD, NEW = {"version": "v1", "revision": "1"}, {"version": "v2", "revision": "1"}
PAGE = {"linked": "v1-a", "verified": ["v1-a"], "services": {"app": "active"}, "problem": None}


def real(version="v1", revision="1", **others):
    made = {"linked": f"{version}-a", "active": "active", "served": version, "revision": revision, "written": revision}
    return made | {"ledger": {"verified": [f"{version}-a"], "events": []}} | others


def truth(down=(), **webs):
    return {"web": webs or {"web1": real()}, "lb": {"down": set(down), "drained": {}, "noted_at": {}}}


def status(page=PAGE, **others):
    return {"status": {"web1": {"lease": None, "left": None, "apps": {"app": page}}}, "drained": {}} | others


def events(*named, run="r1", at=100.0):
    return {"verified": ["v1-a"], "events": [{"event": event, "run": run, "at": at} for event in named]}


def test_a_status_that_is_true_is_no_finding():
    assert words.of_status(status(), truth(), "deploy", True) == []
    kept = status(drained={"app": {"web1": {"lb1": {"kept": {"reason": "x"}}}}})
    assert words.of_status(kept, truth(down=["web1"]), "provision", True) == []


@pytest.mark.parametrize(
    ("document", "found", "says"),
    [
        ({"status": {}}, truth(), "nothing of web1"),
        (status(PAGE | {"linked": "v2-a"}), truth(), "current is v1-a, not v2-a"),
        (status(PAGE | {"services": {"app": "failed"}}), truth(), "the service is active, not failed"),
        (status(PAGE | {"verified": []}), truth(), "verified is ['v1-a'], not []"),
        (status(PAGE | {"problem": "it doesn't run"}), truth(), "'it doesn't run', while"),
        (status(), truth(web1=real(served="v0")), "'None', while the process of v0 runs"),
        (status(), truth(down=["web1"]), "status says drained: [], and nginx passes by ['web1']"),
        (status(interrupted={"app": {"kind": "deployment"}}), truth(), "and it was a provision"),
    ],
)
def test_a_status_that_is_false_is_found(document, found, says):
    assert says in "; ".join(words.of_status(document, found, "provision", True))


def test_a_run_that_ended_in_order_leaves_no_host_behind_and_holds_none():
    about = {"owner": "anna", "run": "r1"}
    left = {"status": {"web1": {"lease": None, "left": about, "apps": {"app": PAGE}}}, "drained": {}}
    assert "never gave web1 back" in words.of_status(left, truth(), "deploy", True)[0]
    assert words.of_status(left, truth(), "deploy", False) == []
    held = {"status": {"web1": {"lease": about, "left": None, "apps": {"app": PAGE}}}, "drained": {}}
    assert "nobody is at work" in words.of_status(held, truth(), "deploy", False)[0]


def interrupted(**about):
    told = {"kind": "deployment", "run": "r1", "release": "v2-a", "ending": "roll_back"}
    told |= {"reverted": [], "others": ["web1"], "confirmed": []} | about
    return status(interrupted={"app": told})


def test_what_status_says_of_an_interruption_is_held_against_what_the_run_did():
    assert words.of_status(interrupted(ending="again"), truth(), "deploy", False) == []
    touched = truth(web1=real(ledger=events("activated", "reverted")))
    assert "no host was touched" in words.of_status(interrupted(ending="again"), touched, "deploy", False)[0]
    assert "calls a deployment a rollback" in words.of_status(interrupted(kind="rollback"), truth(), "deploy", False)[0]
    assert "never activated" in words.of_status(interrupted(reverted=["web1"], others=[]), truth(), "deploy", False)[0]
    assert "has it confirmed" in words.of_status(interrupted(confirmed=["web1"]), truth(), "deploy", False)[0]


def test_last_words_of_a_run_are_held_against_the_hosts():
    said = "error: x (NOT rolled back: web1; STILL DRAINED: web1)"
    stuck = truth(down=["web1"], web1=real("v2", ledger=events("activated")))
    assert words.of_end(said, stuck, 50.0, 110.0) == []
    back = truth(web1=real(ledger=events("activated", "reverted")))
    found = words.of_end(said, back, 50.0, 110.0)
    assert "went back 10 s before" in found[0]
    assert "in use again long before" in found[1]
    assert words.of_end("NOT rolled back: web1", back, 50.0, 101.0) == [], "it can't have known"
    assert "never activated" in words.of_end("NOT rolled back: web1", truth(), 50.0, 110.0)[0]
    assert "were activated" in words.of_end("(no host was touched)", back, 50.0, 110.0)[0]
    assert "isn't verified" in words.of_end("(every touched host was rolled back)", stuck, 50.0, 110.0)[0]


@pytest.mark.parametrize(
    ("told", "now", "is_true"),
    [
        ("changed", real("v2"), True),
        ("changed", real("v1"), False),
        ("rolled_back", real("v1"), True),
        ("rolled_back", real("v2"), False),
        ("not_attempted", real("v2"), False),
        ("unreachable", real("v2"), True),
    ],
)
def test_what_a_run_says_of_a_host_is_held_against_what_it_serves(told, now, is_true):
    document = {"exit_code": 1, "hosts": {"web1": {"status": told}}}
    assert (words.of_hosts(document, truth(web1=now), "deploy", OLD, NEW) == []) is is_true


def test_a_provision_is_held_against_what_is_on_the_disk_and_what_the_process_has_read():
    new = OLD | {"revision": "2"}
    document = {"exit_code": 1, "hosts": {"web1": {"status": "changed"}}}
    assert words.of_hosts(document, truth(web1=real(revision="2")), "provision", OLD, new) == []
    half = truth(web1=real(revision="1", written="2"))
    assert words.of_hosts(document, half, "provision", OLD, new) != []


@pytest.mark.parametrize(
    ("kind", "code", "served", "is_true"),
    [
        ("deploy-pipe-controller", 0, "v2", True),
        ("deploy-pipe-controller", 0, "v1", False),
        ("deploy-pipe-controller", 1, "v1", False),
        ("deploy-hangup-controller", 143, "v1", True),
        ("deploy-hangup-controller", 130, "v1", False),
        ("deploy-cut-web", 4, "v1", True),
        ("deploy-cut-web", 1, "v1", False),
    ],
)
def test_exit_codes_are_held_against_what_was_done(kind, code, served, is_true):
    found = words.of_exit(KINDS[kind], code, None, truth(web1=real(served)), NEW)
    assert (found == []) is is_true


def test_the_history_knows_a_run_by_its_exit_code_or_that_it_was_killed():
    document = {"runs": [{"command": "deploy", "exit_code": 4}], "killed": [{"command": "deploy", "started_at": 99.0}]}
    assert words.of_history(document, "deploy", 4, 99.0) == []
    assert "not deploy 0" in words.of_history(document, "deploy", 0, 99.0)[0]
    assert words.of_history(document, "deploy", None, 99.0) == []
    assert "doesn't say" in words.of_history(document, "deploy", None, 200.0)[0]
