"""Whoever asks many hosts says what becomes of their errors: forgetting them isn't possible."""

import ast
from pathlib import Path

import pytest

from cdconf.engine import Outcome
from cdconf.errors import HostFailed, Unreachable
from tests.engine.test_fleet import World

CONTROLLER = Path(__file__).resolve().parents[2] / "cdconf"
ERRORS = {"b": HostFailed("b is damaged", host="b")}


def test_results_come_only_together_with_the_errors():
    outcome = Outcome({"a": 1}, ERRORS)
    with pytest.raises(HostFailed, match="b is damaged"):
        outcome.all()
    assert outcome.split() == ({"a": 1}, ERRORS)
    assert not {"results", "errors"} & set(dir(outcome))
    assert Outcome({"a": 1}).all() == {"a": 1}


def job(session):
    if session.host.name == "b":
        raise ERRORS["b"]
    return session.host.name


def forgetful(fleet, hosts, then=None):
    with fleet:
        fleet.connect(hosts, lease=False)
        fleet.each(hosts, job)
        if then is not None:
            raise then


def test_a_fleet_raises_an_error_that_nobody_asked_for_before_it_asks_again_and_at_its_end():
    with pytest.raises(HostFailed, match="b is damaged"):
        forgetful(*World().fleet("one"))
    fleet, hosts = World().fleet("one")
    with fleet:
        fleet.connect(hosts, lease=False)
        fleet.each(hosts, job)
        with pytest.raises(HostFailed, match="b is damaged"):
            fleet.each(hosts, job)
        _, errors = fleet.each(hosts, job).split()
    assert list(errors) == ["b"]


def test_an_error_that_ends_the_run_is_not_hidden_by_a_forgotten_one():
    with pytest.raises(ValueError, match="first"):
        forgetful(*World().fleet("one"), ValueError("first"))


def test_a_host_without_a_session_is_an_error_not_left_out():
    fleet, hosts = World(dead="a").fleet("one")
    with fleet:
        assert list(fleet.connect(hosts[1:], lease=False)) == []
        results, errors = fleet.each(hosts, lambda session: session.host.name).split()
        assert results == {"b": "b", "c": "c"}
        assert isinstance(errors["a"], Unreachable)
        assert [host.name for host in fleet.connected(hosts)] == ["b", "c"]


def asked(tree):
    """The calls `….each(hosts, job)` of a module, with the syntax around each."""
    around = {id(child): parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for one in ast.walk(tree):
        is_each = isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "each"
        if is_each and len(one.args) == 2:
            yield one, around[id(one)], around


def test_no_line_of_the_controller_throws_errors_of_hosts_away():
    modules = {path: ast.parse(path.read_text()) for path in CONTROLLER.rglob("*.py")}
    found = [(path, *one) for path, tree in modules.items() for one in asked(tree)]
    assert len(found) > 20
    for path, call, attribute, around in found:
        where = f"{path}:{call.lineno}"
        if isinstance(attribute, ast.Return):  # its caller says
            continue
        assert isinstance(attribute, ast.Attribute), where
        assert attribute.attr in ("all", "split"), where
        statement = around[id(around[id(attribute)])]
        if attribute.attr == "split" and isinstance(statement, ast.Assign):
            assert not statement.targets[0].elts[1].id.startswith("_"), where
        elif attribute.attr == "split":
            assert not isinstance(statement, ast.Expr), where
