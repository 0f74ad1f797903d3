"""Provisioning hosts that serve: what's drained is put back whatever happens, and a failure stops the batches."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import verify
from cdconf.deploy.rollout import Failure
from cdconf.engine import Outcome
from cdconf.errors import FAILED, UNREACHABLE, Interrupted, Unreachable
from cdconf.events import HostDone
from cdconf.provision import rolling
from cdconf.provision.rolling import Careful

APP = SimpleNamespace(
    name="shop", groups=("web",), batches=("1",), soak=0.0, max_unavailable=None, health=None, drain=None
)
WEB = [SimpleNamespace(name=name, groups=("web",)) for name in ("a", "b")]


class Drains:
    def __init__(self, told, begins, ends):
        self.told, self.begins, self.ends = told, begins, ends

    kept = {}  # noqa: RUF012  nothing writes there

    def begin(self, hosts):
        self.told.append(("drain", *(host.name for host in hosts)))
        return self.begins

    def doubt(self, names):
        self.told.append(("doubt", *names))
        return {}

    def keep(self, failures):
        if failures:
            self.told.append(("keep", *failures))
        return {}

    def end(self, names, *, proven):
        if names:
            self.told.append(("undrain" if proven else "undrain as it was", *names))
        return self.ends if names else {}

    def finish(self, only):
        self.told.append(("finish",))


def provisioned(monkeypatch, converge=lambda hosts: [], begins=(), ends=(), proven=(), app=APP):
    """Returns the exit codes (or the error), what was done in order, and what became of the hosts."""
    told, events = [], []

    def changes(hosts):
        told.append(("converge", *(host.name for host in hosts)))
        return converge(hosts)

    def smoke(project, environment, fleet, hosts, emit, deciding):
        told.append(("smoke", *(host.name for host in hosts)))
        return dict(proven)

    fleet = SimpleNamespace(
        environment=SimpleNamespace(hosts={}), each=lambda hosts, job: Outcome(), resume=lambda: None
    )
    monkeypatch.setattr(verify, "smoke", smoke)
    monkeypatch.setattr(Careful, "_deciding", lambda self, hosts: (None, {}))
    monkeypatch.setattr(Careful, "_drains", lambda self, app: [Drains(told, dict(begins), dict(ends))])
    try:
        result = Careful(None, fleet, [app], changes, events.append).run(WEB)
    except Interrupted as error:
        result = error
    done = {event.host: (event.status, event.error) for event in events if isinstance(event, HostDone)}
    return result, told, done


def batch(name):
    return [(what, name) for what in ("drain", "doubt", "converge", "smoke", "undrain")]


def test_batch_by_batch_hosts_are_drained_changed_proven_and_put_back(monkeypatch):
    result, told, _ = provisioned(monkeypatch)
    assert not any(result)
    assert told == [*batch("a"), *batch("b"), ("finish",)]


def test_a_host_that_can_not_be_changed_is_put_back_once_it_is_proven_and_the_next_batch_is_not_begun(monkeypatch):
    result, told, done = provisioned(monkeypatch, converge=lambda hosts: [FAILED])
    assert result == [FAILED]
    assert told == [*batch("a"), ("finish",)]
    assert done["b"] == ("not_attempted", None)


def kept(name):
    return [*batch(name)[:-1], ("keep", name), ("finish",)]


@pytest.mark.parametrize("converged", [[], [FAILED]])
def test_a_host_that_is_not_well_afterwards_is_kept_out_of_use_and_said(monkeypatch, converged):
    bad = {"a": Failure("smoke tests failed: x", verdict=True)}
    result, told, done = provisioned(monkeypatch, converge=lambda hosts: list(converged), proven=bad)
    assert (result, told) == ([*converged, FAILED], kept("a"))
    assert done == {"a": ("failed", "smoke tests failed: x"), "b": ("not_attempted", None)}


def test_of_a_batch_those_are_put_back_that_are_proven_and_none_when_the_tests_could_not_run(monkeypatch):
    app = SimpleNamespace(**vars(APP) | {"batches": ("2",)})
    bad = {"a": Failure("smoke tests failed: x", verdict=True)}
    _, told, _ = provisioned(monkeypatch, proven=bad, app=app)
    assert told[-3:] == [("keep", "a"), ("undrain", "b"), ("finish",)]
    problem = {"a": Failure("the smoke tests can't be collected", verdict=False)}
    _, told, _ = provisioned(monkeypatch, proven=problem, app=app)
    assert told[-2:] == [("keep", "a", "b"), ("finish",)]


def test_a_host_whose_health_fails_is_kept_and_the_healthy_one_is_tested_and_put_back(monkeypatch):
    ill = {"a": Failure("not healthy", verdict=True)}
    monkeypatch.setattr(verify, "unhealthy", lambda fleet, apps, hosts, emit, deciding: ill)
    app = SimpleNamespace(**vars(APP) | {"batches": ("2",)})
    result, told, _ = provisioned(monkeypatch, app=app)
    assert result == [FAILED]
    assert told[3:] == [("smoke", "b"), ("keep", "a"), ("undrain", "b"), ("finish",)]


def test_a_drain_that_fails_changes_nothing(monkeypatch):
    result, told, done = provisioned(monkeypatch, begins={"a": Failure("lb1 hangs", verdict=False, unreachable=True)})
    assert (result, told) == ([UNREACHABLE], [("drain", "a"), ("undrain as it was", "a"), ("finish",)])
    assert done["a"] == ("unreachable", "lb1 hangs")


def test_a_load_balancer_that_can_not_note_who_is_about_to_be_changed_leaves_the_batch_unchanged(monkeypatch):
    """One of several may have noted it, so that the hosts are proven before they go back into use."""
    failure = {"a": Failure("lb2 hangs", verdict=False, unreachable=True)}
    monkeypatch.setattr(Drains, "doubt", lambda self, names: failure)
    result, told, done = provisioned(monkeypatch)
    assert (result, done["a"][0], done["b"][0]) == ([UNREACHABLE], "unreachable", "not_attempted")
    assert told == [("drain", "a"), ("keep", "a"), ("smoke", "a"), ("undrain", "a"), ("finish",)]


def test_a_host_that_stays_drained_fails_the_run_and_is_named(monkeypatch):
    result, told, done = provisioned(monkeypatch, ends={"a": Failure("lb1 doesn't put it back", verdict=False)})
    assert (result, told) == ([FAILED], [*batch("a"), ("finish",)])
    assert done["a"] == ("failed", "is still drained: lb1 doesn't put it back")


@pytest.mark.parametrize("well", [True, False])
def test_a_signal_in_the_midst_of_a_change_keeps_the_host_until_it_is_proven(monkeypatch, well):
    def interrupted(hosts):
        raise Interrupted("interrupted")

    bad = {} if well else {"a": Failure("smoke tests failed: x", verdict=True)}
    result, told, _ = provisioned(monkeypatch, converge=interrupted, proven=bad)
    assert isinstance(result, Interrupted)
    assert told[:5] == [("drain", "a"), ("doubt", "a"), ("converge", "a"), ("keep", "a"), ("smoke", "a")]
    assert told[5:] == [("undrain", "a") if well else ("keep", "a"), ("finish",)]


def test_batches_soak_and_what_has_fallen_ill_since_stops_them(monkeypatch):
    slept = []
    monkeypatch.setattr(rolling, "count_down", lambda names, what, seconds, emit: slept.append((*names, seconds)))
    app = SimpleNamespace(**vars(APP) | {"soak": 30.0})
    result, told, _ = provisioned(monkeypatch, app=app)
    assert (result, slept) == ([], [("a", 30.0)])
    ill = {"a": Failure("x", verdict=False)}
    monkeypatch.setattr(rolling, "unhealthy", lambda fleet, apps, hosts, emit, deciding: ill if slept[1:] else {})
    result, told, done = provisioned(monkeypatch, app=app)
    assert (result, told) == ([FAILED], [*batch("a"), ("finish",)])
    assert done["b"][0] == "not_attempted"


def test_a_load_balancer_that_is_silent_leaves_all_hosts_unchanged(monkeypatch):
    def silent(self, app):
        raise Unreachable("doesn't answer", host="lb1")

    events, told = [], []
    monkeypatch.setattr(Careful, "_drains", silent)
    result = Careful(None, None, [APP], told.append, events.append).run(WEB)
    assert (result, told) == ([UNREACHABLE], [])
    done = {event.host: event.status for event in events if isinstance(event, HostDone)}
    assert done == {"a": "not_attempted", "b": "not_attempted", "lb1": "unreachable"}


@pytest.mark.parametrize("limit", ["1", "50%"])
def test_max_unavailable_refuses_a_batch_here_too(monkeypatch, limit):
    app = SimpleNamespace(**vars(APP) | {"max_unavailable": limit})
    refused = Failure("batch b isn't begun", verdict=False)
    room = SimpleNamespace(
        limit=1,
        first_the_unwell=lambda hosts: list(reversed(hosts)),
        refusal=lambda names: {"a": refused} if names == ["a"] else {},
    )
    monkeypatch.setattr(Careful, "_room", lambda self, app, kept: room)
    result, told, done = provisioned(monkeypatch, app=app)
    assert (result[-1], told) == (FAILED, [*batch("b"), ("finish",)])
    assert done["a"] == ("failed", "batch b isn't begun")
