"""What's the commit's fault is red, what may go well the next time isn't, and what a person must do is neither."""

import pytest

from cdconf.pipeline.children import ChildResult
from cdconf.pipeline.entries import MissingRequirement
from cdconf.pipeline.outcome import outcome_of


def ended(code, kind=None, **about):
    error = {"kind": kind, "message": "it broke\nbadly", "file": None, "line": None, "hint": "mend it"}
    return ChildResult(code, {"error": error if kind else None, "hosts": {}, **about})


@pytest.mark.parametrize(
    ("what", "done", "state", "code", "is_said"),
    [
        ("build", ended(0), "passed", 0, False),
        ("run", ended(1, "command_failed"), "failed", 1, False),
        ("build", ended(1, "build_failed"), "failed", 1, False),
        ("build", ended(1, "artifact"), "interrupted", 1, False),
        ("provision", ended(1, "invalid_file"), "failed", 1, False),
        ("provision", ended(1, "provider"), "interrupted", 1, False),
        ("provision", ended(1, "secret"), "interrupted", 1, False),
        ("deploy a@1", ended(1, "command_failed"), "failed", 1, True),
        ("deploy a@1", ended(1, "deploy_failed", verdict=True), "failed", 1, True),
        ("deploy a@1", ended(1, "deploy_failed", verdict=False), "interrupted", 1, False),
        ("deploy a@1", ended(1, "host_failed"), "interrupted", 1, False),
        ("deploy a@1", ended(1, "invalid_file"), "failed", 1, False),
        ("deploy a@1", ended(4, "unreachable"), "interrupted", 4, False),
        ("deploy a@1", ended(3, "pinned"), "blocked", 3, False),
        ("deploy a@1", ended(130, "interrupted"), "interrupted", 130, False),
        ("deploy a@1", ended(143, "interrupted"), "interrupted", 143, False),
        ("deploy a@1", ChildResult(-9), "interrupted", 1, False),
        ("deploy a@1", ChildResult(1), "interrupted", 1, False),
    ],
)
def test_what_an_end_means(what, done, state, code, is_said):
    found = outcome_of(done, what)
    assert (found.state, found.code, found.is_said) == (state, code, is_said)
    assert "\n" not in found.why
    assert bool(found.why) == (state != "passed")


def test_an_end_without_a_document_is_explained_by_what_was_printed():
    lines = ["error: an older one", "error: no such option", "  hint: x"]
    assert outcome_of(ChildResult(1), "build", lines).why == "no such option"
    assert outcome_of(ChildResult(-9), "build").why == "build ended with signal 9"


def test_a_provision_that_failed_on_hosts_is_red_and_says_where():
    failed = {"type": "package", "title": "nginx", "status": "failed", "message": "no such package"}
    hosts = {"web1": {"status": "ok"}, "web2": {"status": "failed", "resources": [failed]}}
    found = outcome_of(ChildResult(1, {"error": None, "hosts": hosts}), "provision")
    assert (found.state, found.why) == ("failed", "web2: package nginx failed: no such package")


@pytest.mark.parametrize("resources", [[], [{"type": "file", "title": "/a", "status": "failed", "message": "full"}]])
def test_an_error_that_only_sums_up_what_hosts_said_changes_nothing(resources):
    hosts = {"web1": {"status": "failed", "error": "a full disk", "resources": resources}}
    error = {"kind": "hosts_failed", "message": "web1: a full disk", "file": None, "line": None, "hint": None}
    plain, summed = (outcome_of(ChildResult(1, {"error": one, "hosts": hosts}), "provision") for one in (None, error))
    assert plain == summed
    assert (plain.state == "failed") == bool(resources)


def test_a_host_that_is_not_as_it_must_be_is_not_red():
    hosts = {"web1": {"status": "failed", "error": "a deployment was interrupted", "resources": []}}
    found = outcome_of(ChildResult(1, {"error": None, "hosts": hosts}), "provision")
    assert (found.state, found.code, found.why) == ("interrupted", 1, "web1: a deployment was interrupted")
    assert found.is_of_hosts
    assert not outcome_of(ended(1, "secret"), "provision").is_of_hosts


def test_smoke_tests_that_failed_are_named():
    smoke = [{"test": "app: test_it", "passed": False}, {"test": "app: test_other", "passed": True}]
    hosts = {"web1": {"status": "rolled_back", "smoke": smoke}}
    found = outcome_of(ended(1, "deploy_failed", verdict=True, hosts=hosts), "deploy a@1")
    assert found.tests == ("app: test_it on web1",)


def test_what_a_gate_misses_is_passed_on():
    gates = [
        {"name": "no stop", "state": "there", "why": "x", "command": None},
        {"name": "approvals", "state": "missing", "why": "0 of 1", "command": "cdconf approve a@1 --to production"},
    ]
    found = outcome_of(ended(3, "gate", gates=gates), "deploy a@1")
    assert found.missing == (MissingRequirement("approvals", "0 of 1", "cdconf approve a@1 --to production"),)
    assert not found.is_held
    assert outcome_of(ended(3, "lease_held"), "deploy a@1").is_held
