"""Signals while a rollout runs: nothing is left half confirmed or half rolled back."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import deployment
from cdconf.deploy.runner import Runner, Target
from cdconf.engine.fleet import Outcome
from cdconf.errors import Interrupted, Terminated
from cdconf.inventory import Shared
from cdconf.session import AgentError

OPTIONS = deployment.Deployment(mask=lambda text: text)
APP = SimpleNamespace(
    name="app",
    path="/srv/app",
    services=(),
    health=None,
    keep=5,
    confirm_within=60.0,
    soak=0.0,
    file="cdconf.yml",
    line=1,
    batches=["1"],
    user=None,
    shared=Shared(),
    toggles={},
)
UNWELL = AgentError("not healthy", host="b", reason="release", details={}, detail=None)


class Fleet:
    """Does the agent's calls on paper; `script` says what happens instead at the nth time of a call."""

    def __init__(self, script):
        self.script = script
        self.times = {}
        self.calls = []

    def each(self, hosts, job):
        outcome = Outcome()
        for host in hosts:
            session = SimpleNamespace(host=host, call=lambda name, host=host, **keywords: self.call(host.name, name))
            try:
                outcome.results[host.name] = job(session)
            except AgentError as error:
                outcome.errors[host.name] = error
        return outcome

    def call(self, host, name):
        key = (name, host)
        self.times[key] = self.times.get(key, 0) + 1
        self.calls.append(key)
        what = self.script.get((*key, self.times[key]))
        if what is not None:
            raise what
        return {"release": "old"}

    def resume(self):
        self.calls.append("resume")


def rolled_out(script, monkeypatch):
    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    pins = []
    monkeypatch.setattr(Runner, "pin", lambda self, reason: pins.append(reason))
    fleet, events = Fleet(script), []
    hosts = [SimpleNamespace(name=name) for name in "ab"]
    target = Target(APP, "new", None, hosts)
    error = None
    try:
        deployment._roll_out(None, None, fleet, target, events.append, OPTIONS, expand=False, pin=True)
    except (Interrupted, KeyboardInterrupt) as caught:
        error = caught
    return fleet.calls, pins, error


def test_a_signal_during_the_confirmation_does_not_keep_it_from_the_other_hosts(monkeypatch):
    calls, pins, error = rolled_out({("app.confirm", "a", 1): Terminated("x")}, monkeypatch)
    assert {("app.confirm", "a"), ("app.confirm", "b")} <= set(calls)
    assert not [one for one in calls if one[0] == "app.roll_back"]
    assert (error.exit_code, pins) == (143, [])
    assert "every host runs new" in error.message


def test_a_signal_during_the_rollback_does_not_leave_a_host_behind_nor_the_verdict_unsaid(monkeypatch):
    script = {("app.activate", "b", 1): UNWELL, ("app.roll_back", "b", 1): Interrupted("x")}
    calls, pins, error = rolled_out(script, monkeypatch)
    assert calls[-2:] == [("app.roll_back", "b"), ("app.roll_back", "a")]
    assert (error.exit_code, pins) == (130, ["not healthy"])


@pytest.mark.parametrize("late", ["app.roll_back", "app.confirm"])
def test_a_second_signal_ends_the_run_at_once(monkeypatch, late):
    script = {(late, name, number): Interrupted("x") for name in "ab" for number in (1, 2)}
    if late == "app.roll_back":
        script["app.activate", "a", 1] = Interrupted("x")
    calls, _, error = rolled_out(script, monkeypatch)
    assert (error.exit_code, calls[-1][0]) == (130, late)
    assert len([one for one in calls if one[0] == late]) <= 2


def test_a_host_that_no_longer_holds_stops_the_next_batch_and_the_confirmation(monkeypatch):
    lost = AgentError("gone back", host="a", reason="lease_lost", details={}, detail=None)
    for time, last in ((1, ("app.activate", "a")), (2, ("app.activate", "b"))):
        monkeypatch.setattr(deployment, "explained", lambda *arguments: Interrupted("rolled back"))
        calls, pins, _ = rolled_out({("app.holds", "a", time): lost}, monkeypatch)
        assert [one for one in calls if one[0] == "app.activate"][-1] == last
        assert not [one for one in calls if one[0] == "app.confirm"]
        assert calls[-1] == ("app.roll_back", "a")
        assert pins == []


def test_a_soak_looks_after_all_hosts_until_its_time_is_over(monkeypatch):
    monkeypatch.setattr(APP, "soak", 0.3)
    monkeypatch.setattr("cdconf.deploy.runner.LOOK", 0.1)
    calls, _, error = rolled_out({}, monkeypatch)
    between = calls[calls.index(("app.activate", "a")) : calls.index(("app.activate", "b"))]
    assert len([one for one in between if one == ("app.holds", "a")]) >= 4
    assert error is None
