"""Provisioning hosts that serve: what's drained is put back whatever happens, and a failure stops the batches."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import careful
from cdconf.deploy.careful import Careful
from cdconf.deploy.rollout import Failure
from cdconf.errors import FAILED, UNREACHABLE, Interrupted, Unreachable
from cdconf.events import HostDone

APP = SimpleNamespace(
    name="shop", groups=("web",), batches=("1",), soak=0.0, max_unavailable=None, health=None, drain=None
)
WEB = [SimpleNamespace(name=name, groups=("web",)) for name in ("a", "b")]


class Drains:
    def __init__(self, told, begins, ends):
        self.told, self.begins, self.ends = told, begins, ends

    def begin(self, hosts):
        self.told.append(("drain", *(host.name for host in hosts)))
        return self.begins

    def end(self, names):
        self.told.append(("undrain", *names))
        return self.ends

    def finish(self, only):
        self.told.append(("finish",))


def provisioned(monkeypatch, converge=lambda hosts: [], begins=(), ends=(), proven=(), app=APP):
    """Returns the exit codes (or the error), what was done in order, and what became of the hosts."""
    told, events = [], []

    def changes(hosts):
        told.append(("converge", *(host.name for host in hosts)))
        return converge(hosts)

    def smoke(project, environment, fleet, hosts, emit):
        told.append(("smoke", *(host.name for host in hosts)))
        return dict(proven)

    fleet = SimpleNamespace(
        environment=SimpleNamespace(hosts={}), each=lambda hosts, job: SimpleNamespace(errors={}), resume=lambda: None
    )
    monkeypatch.setattr(careful, "smoke", smoke)
    monkeypatch.setattr(Careful, "_drains", lambda self, app: [Drains(told, dict(begins), dict(ends))])
    try:
        result = Careful(None, fleet, [app], changes, events.append).run(WEB)
    except Interrupted as error:
        result = error
    done = {event.host: (event.status, event.error) for event in events if isinstance(event, HostDone)}
    return result, told, done


def batch(name):
    return [(what, name) for what in ("drain", "converge", "smoke", "undrain")]


def test_batch_by_batch_hosts_are_drained_changed_proven_and_put_back(monkeypatch):
    result, told, _ = provisioned(monkeypatch)
    assert not any(result)
    assert told == [*batch("a"), *batch("b"), ("finish",)]


def test_a_host_that_can_not_be_changed_is_put_back_and_the_next_batch_is_not_begun(monkeypatch):
    result, told, done = provisioned(monkeypatch, converge=lambda hosts: [FAILED])
    assert result == [FAILED]
    assert told == [("drain", "a"), ("converge", "a"), ("undrain", "a"), ("finish",)]
    assert done["b"] == ("not_attempted", None)


def test_a_host_that_is_not_well_afterwards_is_put_back_and_said(monkeypatch):
    result, told, done = provisioned(monkeypatch, proven={"a": Failure("smoke tests failed: x", verdict=True)})
    assert (result, told) == ([FAILED], [*batch("a"), ("finish",)])
    assert done == {"a": ("failed", "smoke tests failed: x"), "b": ("not_attempted", None)}


def test_a_drain_that_fails_changes_nothing(monkeypatch):
    result, told, done = provisioned(monkeypatch, begins={"a": Failure("lb1 hangs", verdict=False, unreachable=True)})
    assert (result, told) == ([UNREACHABLE], [("drain", "a"), ("undrain", "a"), ("finish",)])
    assert done["a"] == ("unreachable", "lb1 hangs")


def test_a_host_that_stays_drained_fails_the_run_and_is_named(monkeypatch):
    result, told, done = provisioned(monkeypatch, ends={"a": Failure("lb1 doesn't put it back", verdict=False)})
    assert (result, told) == ([FAILED], [*batch("a"), ("finish",)])
    assert done["a"] == ("failed", "is still drained: lb1 doesn't put it back")


def test_a_signal_puts_back_what_is_drained(monkeypatch):
    def interrupted(hosts):
        raise Interrupted("interrupted")

    result, told, _ = provisioned(monkeypatch, converge=interrupted)
    assert isinstance(result, Interrupted)
    assert told == [("drain", "a"), ("converge", "a"), ("undrain", "a"), ("finish",)]


def test_batches_soak_and_what_has_fallen_ill_since_stops_them(monkeypatch):
    slept = []
    monkeypatch.setattr(careful, "count_down", lambda names, what, seconds, emit: slept.append((*names, seconds)))
    app = SimpleNamespace(**vars(APP) | {"soak": 30.0})
    result, told, _ = provisioned(monkeypatch, app=app)
    assert (result, slept) == ([], [("a", 30.0)])
    monkeypatch.setattr(Careful, "_unhealthy", lambda self, hosts: {"a": Failure("x", False)} if slept[1:] else {})
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
    monkeypatch.setattr(Careful, "_room", lambda self, app: room)
    result, told, done = provisioned(monkeypatch, app=app)
    assert (result[-1], told) == (FAILED, [*batch("b"), ("finish",)])
    assert done["a"] == ("failed", "batch b isn't begun")
