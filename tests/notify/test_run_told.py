"""What's told of deployments, gates, stages and stops: each once, whoever tells it."""

import pytest

from cdconf.events import HostResult
from cdconf.notify.run_ended import EndedRun, Red, red_stage, told_of
from tests.notify.boxes import Box

SHOP = {"app": "shop", "version": "1.4", "artifact": "a" * 64}
HOSTS = {"web1": HostResult("changed"), "web2": HostResult("changed")}
APPROVALS = {
    "name": "approvals",
    "state": "missing",
    "why": "0 of 1",
    "command": "cdconf approve shop@1.4 --to production",
}
STOP = {"name": "no stop", "state": "missing", "why": "it's stopped", "command": None}
MADE = {"app": "shop", "version": "1.4", "archive": "a" * 64}
STAGE = {"state": "passed", "why": "", "environment": None, "artifacts": [], "missing": [], "tests": (), "hint": None}


def ended(command="deploy", environment="production", run="r1", extra=SHOP, **about):
    return EndedRun("demo", run, command, environment, about.pop("code", 0), "ann on laptop", extra, **about)


def tells(box, one):
    with box.outbox.change():
        told = told_of(box.outbox, one)
        box.outbox.add(told, box.targets, "demo")
    return [(found.kind, found.title) for found in told]


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_a_deployment_that_was_kept_is_released(box):
    one = ended(hosts=HOSTS, committed_at=1.0)
    assert tells(box, one) == [("released", "demo: production: released shop@1.4")]
    tells(box, one)
    (message,) = box.outbox.messages("waiting")
    assert message.body == "on web1, web2\nby ann on laptop"


def test_one_that_was_kept_but_ended_badly_says_so(box):
    tells(box, ended(hosts=HOSTS, committed_at=1.0, code=4, error="web2 was lost"))
    assert "but: web2 was lost" in box.outbox.messages("waiting")[0].body


def test_one_that_was_kept_and_is_resumed_for_a_host_that_was_cut_off_is_told_once(box):
    resumed = SHOP | {"resumed": True}
    tells(box, ended(hosts=HOSTS, committed_at=1.0, code=4, error="web2 was lost"))
    assert tells(box, ended(run="r2", hosts=HOSTS, committed_at=2.0, extra=resumed)) == []
    back = {"web1": HostResult("rolled_back")}
    tells(box, ended(run="r3", hosts=back, code=1, error_kind="deploy_failed", extra=SHOP | {"version": "1.5"}))
    assert tells(box, ended(run="r4", hosts=HOSTS, committed_at=3.0, extra=resumed))[0][0] == "released"


def test_a_resumed_one_that_nobody_has_told_is_told(box):
    """The run that began it was killed."""
    found = tells(box, ended(hosts=HOSTS, committed_at=1.0, extra=SHOP | {"resumed": True}))
    assert found[0][0] == "released"


def test_the_same_release_again_is_another_event(box):
    for run in ("r1", "r2"):
        tells(box, ended(run=run, hosts=HOSTS, committed_at=1.0))
    assert len(box.outbox.messages("waiting")) == 2


def test_one_that_had_nothing_to_do_tells_nothing(box):
    assert tells(box, ended(hosts={"web1": HostResult("ok")})) == []


def test_one_that_failed_went_back(box):
    hosts = {"web1": HostResult("rolled_back"), "web2": HostResult("not_attempted")}
    found = tells(box, ended(hosts=hosts, code=1, error="health check failed", error_kind="deploy_failed"))
    assert found == [("rolled_back", "demo: production: deployment of shop@1.4 failed; rolled back web1")]


def test_one_that_failed_before_any_host_changed_is_told_too(box):
    (found,) = tells(box, ended(code=1, error="disk full", error_kind="deploy_failed"))
    assert found == ("rolled_back", "demo: production: deployment of shop@1.4 failed; no host had to go back")


def test_a_rollback_by_hand(box):
    found = tells(box, ended("rollback", hosts=HOSTS, committed_at=1.0))
    assert found == [("rolled_back", "demo: production: rolled back to shop@1.4")]


def test_other_errors_and_other_verbs_are_nobodys_news(box):
    assert tells(box, ended(code=1, error="no such app", error_kind="usage")) == []
    assert tells(box, ended("provision", hosts=HOSTS)) == []
    assert tells(box, ended("deploy", environment=None, hosts=HOSTS, committed_at=1.0)) == []


def test_a_missing_approval_is_told_once_until_it_is_there(box):
    waits = ended(code=3, extra=SHOP | {"gates": [APPROVALS, STOP]})
    for run in ("r1", "r2", "r3"):
        tells(box, ended(code=3, run=run, extra=waits.extra))
    (message,) = box.outbox.messages("waiting")
    assert message.title == "demo: production: shop@1.4 needs approval"
    assert "cdconf approve shop@1.4 --to production" in message.body
    there = SHOP | {"gates": [APPROVALS | {"state": "there"}]}
    assert tells(box, ended(run="r4", extra=there, hosts=HOSTS, committed_at=1.0))[0][0] == "released"
    tells(box, ended(code=3, run="r5", extra=waits.extra))
    assert [one.kind for one in box.outbox.messages("waiting")] == ["approval_needed", "released", "approval_needed"]


def test_a_gate_that_waits_for_anything_else_needs_nobody(box):
    assert tells(box, ended(code=3, extra=SHOP | {"gates": [STOP]})) == []


def pipeline(run="p1", row="r1", **stages):
    extra = {"commit": "c" * 40, "pipeline_run": run, "stages": {name: STAGE | one for name, one in stages.items()}}
    return ended("pipeline run", None, row, extra)


def test_a_red_stage(box):
    red = {"state": "failed", "why": "2 tests failed", "tests": ("a::b on web1",), "artifacts": [MADE]}
    one = pipeline(commit={}, acceptance=red)
    assert tells(box, one) == [("stage_failed", "demo: stage 'acceptance' is red: commit cccccccccc")]
    tells(box, pipeline(row="r2", acceptance=red))  # another process tells the same run
    (message,) = box.outbox.messages("waiting")
    assert message.body == "2 tests failed\na::b on web1\nby ann on laptop"


def test_a_red_stage_that_was_told_before_its_run_ended_is_told_once(box):
    red = {"state": "failed", "why": "2 tests failed", "artifacts": [MADE]}
    early = red_stage(Red("demo", "ann on laptop", "p1", "c" * 10, "acceptance"), STAGE | red)
    with box.outbox.change():
        box.outbox.add([early], box.targets, "demo")
    assert tells(box, pipeline(acceptance=red)) == [("stage_failed", early.title)]
    (message,) = box.outbox.messages("waiting")
    assert (message.title, message.body) == (early.title, early.body)


def test_a_stage_that_waits_for_approvals_and_its_deployment_tell_the_same_event(box):
    blocked = {"state": "blocked", "environment": "production", "artifacts": [MADE], "missing": [APPROVALS]}
    tells(box, ended(code=3, extra=SHOP | {"gates": [APPROVALS]}))
    tells(box, pipeline(release=blocked))
    tells(box, pipeline(run="p2", row="r7", release=blocked))
    assert [one.kind for one in box.outbox.messages("waiting")] == ["approval_needed"]


def test_a_stop_is_told_once_whoever_tells_it(box):
    failed = SHOP | {"stops": ["stops/1.json"]}
    tells(box, ended(code=1, extra=failed, error="health check failed"))
    tells(box, ended("smoke", code=1, run="r2", extra=failed, error="health check failed"))
    (message,) = box.outbox.messages("waiting")
    assert (message.kind, message.title) == ("line_stopped", "demo: production: the line is stopped: shop@1.4")


def test_a_stop_by_hand_and_its_end(box):
    tells(box, ended("pipeline stop", None, extra={"app": "shop", "stop": "stops/1.json", "note": "loses orders"}))
    tells(box, ended("pipeline resume", None, run="r2", extra={"lifted": ["lifts/1.json"]}))
    first, second = box.outbox.messages("waiting")
    assert (first.kind, "why: loses orders" in first.body) == ("line_stopped", True)
    assert (second.kind, second.title) == ("line_resumed", "demo: a stop was lifted: the line goes on")
