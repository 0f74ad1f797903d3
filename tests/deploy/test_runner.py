"""Signals while a rollout runs: nothing is left half confirmed or half rolled back."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import deployment
from cdconf.deploy.rollout import Failure, Rollout
from cdconf.deploy.runner import RolloutRunner
from cdconf.deploy.target import Target
from cdconf.engine import Outcome
from cdconf.errors import CdconfError, Interrupted, Terminated, Unreachable
from cdconf.events import HostDone
from cdconf.inventory import Shared
from cdconf.inventory.hooks import Hooks
from cdconf.session import AgentError
from tests.called import Called
from tests.deploy.paper_hosts import PaperApp

OPTIONS = deployment.DeployOptions(mask=lambda text: text)
APP = PaperApp(
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
    stops=(),
    hooks=Hooks(),
    prepare=(),
    env_file=None,
    known={"name": "app", "path": "/srv/app", "services": []},
)
UNWELL = AgentError("not healthy", host="b", reason="release", details={}, detail=None)


class Fleet:
    """Does the agent's calls on paper; `script` says what happens instead at the nth time of a call."""

    def __init__(self, script):
        self.script = script
        self.times = {}
        self.calls = []
        self.afterwards = {}
        self.identity = SimpleNamespace(run="r1")

    def connected(self, hosts):
        return list(hosts)

    def each(self, hosts, job):
        results, errors = {}, {}
        for host in hosts:
            session = Called(lambda name, host=host, **keywords: self.call(host.name, name), host=host)
            try:
                results[host.name] = job(session)
            except (AgentError, Unreachable) as error:
                errors[host.name] = error
        return Outcome(results, errors)

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

    def afresh(self, hosts, job):
        """What hosts say afterwards; whoever isn't in the script can't be asked."""
        told = {host.name: self.afterwards.get(host.name) for host in hosts}
        silent = {name: Unreachable("still silent", host=name) for name, one in told.items() if one is None}
        return Outcome({name: job(one) for name, one in told.items() if one is not None}, silent)


def rolled_out(script, monkeypatch, events=None):
    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    pins = []
    monkeypatch.setattr(RolloutRunner, "pin", lambda self, reason: pins.append(reason))
    fleet, events = Fleet(script), [] if events is None else events
    hosts = [SimpleNamespace(name=name) for name in "ab"]
    target = Target(APP, "new", None, hosts)
    error = None
    try:
        deployment._roll_out(None, None, fleet, target, events.append, OPTIONS, expand=False, pin=True)
    except (Interrupted, KeyboardInterrupt, Unreachable) as caught:
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


def test_a_signal_s_message_says_in_which_state_the_hosts_are(monkeypatch):
    _, _, error = rolled_out({("app.activate", "b", 1): Terminated("x")}, monkeypatch)
    assert (error.exit_code, error.message) == (143, "interrupted: every touched host was rolled back")
    lost = AgentError("its lease is lost", host="a", reason="lease_lost", details={}, detail=None)
    script = {("app.activate", "b", 1): Interrupted("x"), ("app.roll_back", "a", 1): lost}
    _, _, error = rolled_out(script, monkeypatch)
    assert (error.exit_code, error.message) == (130, "interrupted: NOT rolled back: a; all others were")


@pytest.mark.parametrize("late", ["app.roll_back", "app.confirm"])
def test_a_second_signal_ends_the_run_at_once(monkeypatch, late):
    script = {(late, name, number): Interrupted("x") for name in "ab" for number in (1, 2)}
    if late == "app.roll_back":
        script["app.activate", "a", 1] = Interrupted("x")
    calls, _, error = rolled_out(script, monkeypatch)
    assert (error.exit_code, calls[-1][0]) == (130, late)
    assert len([one for one in calls if one[0] == late]) <= 2
    said = {
        "app.roll_back": "interrupted: NOT rolled back: a; it goes back by itself within 120 s",
        "app.confirm": "interrupted while hosts were told that new is verified",
    }
    assert error.message == said[late]


def test_a_second_signal_tells_hosts_that_have_gone_back_from_those_that_have_not(monkeypatch):
    waits = iter([None, Interrupted("x")])

    def healthy(*arguments):
        if (error := next(waits, None)) is not None:
            raise error

    monkeypatch.setattr("cdconf.deploy.runner.wait_for_health", healthy)
    events = []
    calls, _, error = rolled_out({("app.activate", "b", 1): Interrupted("x")}, monkeypatch, events)
    assert [one for one in calls if one[0] == "app.roll_back"] == [("app.roll_back", "b")]
    assert "NOT rolled back: a; all others were" in error.message
    done = {one.host: one.status for one in events if isinstance(one, HostDone)}
    assert done == {"b": "rolled_back", "a": "failed"}


def test_a_host_that_no_longer_holds_stops_the_next_batch_and_the_confirmation(monkeypatch):
    lost = AgentError("gone back", host="a", reason="lease_lost", details={}, detail=None)
    for time, last in ((1, ("app.activate", "a")), (2, ("app.activate", "b"))):
        monkeypatch.setattr(deployment, "explained", lambda *arguments: Interrupted("rolled back"))
        calls, pins, _ = rolled_out({("app.holds", "a", time): lost}, monkeypatch)
        assert [one for one in calls if one[0] == "app.activate"][-1] == last
        assert not [one for one in calls if one[0] == "app.confirm"]
        assert calls[-1] == ("app.roll_back", "a")
        assert pins == []


def test_a_silent_host_of_a_later_batch_stops_the_next_one(monkeypatch):
    silent = Unreachable("has answered nothing for 25 s", host="b")
    for time, batches in ((1, []), (2, [("app.activate", "a")])):
        calls, pins, error = rolled_out({("app.status", "b", time): silent}, monkeypatch)
        assert [one for one in calls if one[0] == "app.activate"] == batches
        assert (error.exit_code, error.host, pins) == (4, "b", [])


def test_a_soak_looks_after_all_hosts_until_its_time_is_over(monkeypatch):
    monkeypatch.setattr(APP, "soak", 0.3)
    monkeypatch.setattr("cdconf.deploy.runner.LOOK", 0.1)
    calls, _, error = rolled_out({}, monkeypatch)
    between = calls[calls.index(("app.activate", "a")) : calls.index(("app.activate", "b"))]
    assert len([one for one in between if one == ("app.holds", "a")]) >= 4
    assert error is None


class Drains:
    """Notes what it's asked; `script` gives the failures of the nth time."""

    left_over = ()
    kept = {}  # noqa: RUF012  nothing writes there
    hosts = (SimpleNamespace(name="lb1"),)

    def __init__(self, script=()):
        self.script = dict(script)
        self.calls = []
        self.within = []

    def _call(self, what, names):
        self.calls.append((what, *names))
        answer = self.script.get((what, len([one for one in self.calls if one[0] == what])), {})
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def begin(self, hosts, within):
        self.within.append(within)
        return self._call("drain", [host.name for host in hosts])

    def end(self, names, *, proven):
        return self._call("undrain", names)

    def told(self, pages):
        """Nothing of it matters here."""

    def finish(self):
        self.calls.append(("finish",))


def drained(script, calls, monkeypatch):
    """Rolls out to a and b with drains; returns what drained, what the agents were called for, and what was said."""
    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    drains, fleet, events = Drains(script), Fleet(calls), []
    target = Target(APP, "new", None, [SimpleNamespace(name=name) for name in "ab"], drains=drains)
    error = None
    try:
        deployment._roll_out(None, None, fleet, target, events.append, OPTIONS, expand=False, pin=False)
    except (CdconfError, KeyboardInterrupt) as caught:
        error = caught
    return drains.calls, fleet.calls, [str(getattr(one, "message", "")) for one in events], error


BOTH = [("drain", "a"), ("undrain", "a"), ("drain", "b"), ("undrain", "b"), ("finish",)]


def test_each_batch_is_drained_and_put_back_and_the_steps_say_which_of_how_many(monkeypatch):
    drains, _, said, error = drained({}, {}, monkeypatch)
    assert (drains, error) == (BOTH, None)
    assert "batch 1 of 2: drain: a" in said
    assert "batch 2 of 2: put back into use: b" in said


@pytest.mark.parametrize("signal", [KeyboardInterrupt(), Interrupted("x")])
def test_a_signal_while_hosts_are_drained_puts_them_back(monkeypatch, signal):
    drains, calls, _, error = drained({("drain", 2): signal}, {}, monkeypatch)
    assert drains == [*BOTH[:3], ("undrain", "b"), *BOTH[:2], ("finish",)]
    assert [one for one in calls if one[0] == "app.roll_back"] == [("app.roll_back", "a")]
    assert ("app.activate", "b") not in calls
    assert (error.exit_code, error.message) == (130, "interrupted: every touched host was rolled back")


def test_a_host_that_is_in_use_again_is_drained_before_it_goes_back_and_goes_back_when_it_can_not_be(monkeypatch):
    hangs = Failure("lb1 doesn't drain: hangs\nhint", verdict=False)
    drains, calls, said, error = drained({("drain", 3): {"a": hangs}}, {("app.activate", "b", 1): UNWELL}, monkeypatch)
    assert drains == [*BOTH[:4], *BOTH[:2], ("finish",)]
    assert [one for one in calls if one[0] == "app.roll_back"] == [("app.roll_back", "b"), ("app.roll_back", "a")]
    assert "lb1 doesn't drain: hangs: a is rolled back while it's in use" in said
    assert error.exit_code == 1


def test_a_host_that_stays_drained_is_named_also_after_a_signal(monkeypatch):
    hangs = Failure("lb1 doesn't put it back: hangs", verdict=False)
    script = {("undrain", 1): {"a": hangs}}
    _, _, said, _ = drained({("drain", 1): Interrupted("x")} | script, {}, monkeypatch)
    assert "a is still drained: lb1 doesn't put it back: hangs" in said
    twice = {("undrain", number): Interrupted("x") for number in (1, 2)}
    _, _, said, error = drained({("drain", 1): Interrupted("x")} | twice, {}, monkeypatch)
    assert "a may still be drained: the run ended before" in said
    assert error.exit_code == 130


def test_a_host_that_is_not_put_back_ends_the_rollout_and_the_error_says_so(monkeypatch):
    hangs = Failure("lb1 doesn't put it back: hangs", verdict=False)
    drains, calls, _, error = drained({("undrain", 1): {"a": hangs}, ("undrain", 2): {"a": hangs}}, {}, monkeypatch)
    assert ("app.roll_back", "a") in calls
    assert drains.count(("undrain", "a")) == 2
    assert "not known whether still drained: a; whoever drained them tries again by itself" in error.message


def test_a_rollback_that_a_signal_cut_short_names_the_hosts_that_are_not_back(monkeypatch):
    stuck = AgentError("no", host="a", reason="failed", details={}, detail=None)
    script = {("app.activate", "b", 1): Interrupted("x"), ("app.roll_back", "a", 1): stuck}
    events = []
    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    target = Target(APP, "new", None, [SimpleNamespace(name=name) for name in "ab"])
    with pytest.raises(Interrupted):
        deployment._roll_out(None, None, Fleet(script), target, events.append, OPTIONS, expand=False, pin=False)
    ended = [one for one in events if isinstance(one, HostDone) and one.host == "a"]
    assert [(one.status, one.error) for one in ended] == [("failed", "could not be rolled back: no")]


def test_a_batch_that_went_back_serves_before_the_next_one_goes_and_one_that_does_not_is_waited_for_once(monkeypatch):
    fleet, waited = Fleet({("app.activate", "d", 1): UNWELL}), []

    def wait(session, app, emit):
        if [one for one in fleet.calls if one[0] == "app.roll_back"]:
            waited.append((session.host.name, fleet.calls[-1]))
            if session.host.name == "c":
                raise AgentError("not healthy", host="c", reason="release", details={}, detail=None)

    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    monkeypatch.setattr("cdconf.deploy.runner.wait_for_health", wait)
    said = []
    target = Target(APP, "new", None, [SimpleNamespace(name=name) for name in "abcd"])
    rollout = Rollout([(name,) for name in "abcd"], stage=False)
    RolloutRunner(None, None, fleet, target, said.append).run(rollout)
    assert [name for what, name in fleet.calls if what == "app.roll_back"] == list("dcba")
    assert waited == [("d", ("app.roll_back", "d")), ("c", ("app.roll_back", "c"))]
    assert "c went back, and isn't well: not healthy" in [getattr(one, "message", "") for one in said]


@pytest.mark.parametrize("end", ["verdict", "signal"])
def test_the_batch_that_goes_back_last_serves_before_the_run_says_that_it_is_over(monkeypatch, end):
    failure = UNWELL if end == "verdict" else Interrupted("x")
    fleet, waited = Fleet({("app.activate", "b", 1): failure}), []

    def wait(session, app, emit):
        if ("app.roll_back", "a") in fleet.calls:
            waited.append(session.host.name)

    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    monkeypatch.setattr("cdconf.deploy.runner.wait_for_health", wait)
    target = Target(APP, "new", None, [SimpleNamespace(name=name) for name in "ab"])
    with pytest.raises(Interrupted if end == "signal" else CdconfError):
        deployment._roll_out(None, None, fleet, target, lambda event: None, OPTIONS, expand=False, pin=False)
    assert waited == ["a"]


def test_a_load_balancer_is_told_to_put_a_batch_back_before_older_hosts_go_back(monkeypatch):
    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    drains = Drains()
    target = Target(APP, "new", None, [SimpleNamespace(name=name) for name in "ab"], drains=drains)
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    RolloutRunner(None, None, Fleet({}), target, lambda event: None).run(rollout)
    assert drains.within == [125.0, 65.0], "b goes back after 60 s, and a after 90 s, when b must be in use again"
