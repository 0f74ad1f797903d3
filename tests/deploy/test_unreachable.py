"""What's said of hosts that a run couldn't take back is what they say themselves, once they're asked again."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import deployment, unreachable
from cdconf.deploy.rollout import Failure
from cdconf.deploy.target import Target
from cdconf.errors import CdconfError, Unreachable
from cdconf.events import HostDone, Notice
from cdconf.session.calls import Calls
from tests.deploy.test_runner import APP, OPTIONS, Drains, Fleet

SLEPT = {(call, "a", 1): Unreachable("it has answered nothing", host="a") for call in ("app.activate", "app.roll_back")}
BACK = {"activating": None, "linked": "old", "verified": ["old"], "reverted": None, "reverts_in_s": None}
GOING = BACK | {"activating": {"to": "new", "run": "r1"}, "linked": "new"}


class Asked(Calls):
    """A fresh session; `pages` are what the host says, one after the other."""

    def __init__(self, pages, event="activated", owner=None):
        self.host = SimpleNamespace(name="a")
        self.lease = {"owner": owner} if owner else None
        self.pages = list(pages)
        self.memory = {"apps": {"app": {"events": [{"run": "r1", "event": event}]}}}

    def call(self, name, **words):
        if name == "history":
            return self.memory
        if name == "drain.status":
            return self.pages.pop(0)
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


@pytest.fixture
def ended(monkeypatch):
    """A rollout that went wrong: the error, and what was said of each host, when a host says this afterwards."""
    monkeypatch.setattr("cdconf.deploy.runner.smoke", lambda *arguments: {})
    monkeypatch.setattr(unreachable.time, "sleep", lambda seconds: None)

    def run(script, told, drains=None):
        fleet, events = Fleet(script), []
        fleet.afterwards = told
        target = Target(APP, "new", None, [SimpleNamespace(name=name) for name in "ab"], drains=drains)
        with pytest.raises(CdconfError) as caught:
            deployment._roll_out(None, None, fleet, target, events.append, OPTIONS, expand=False, pin=False)
        done = {one.host: (one.status, one.error) for one in events if isinstance(one, HostDone)}
        return caught.value, done, [one.message for one in events if isinstance(one, Notice)]

    return run


def test_a_host_that_went_back_by_itself_is_said_to_be_back(ended):
    soon = GOING | {"reverts_in_s": 3}
    for pages in ([BACK], [soon, soon, BACK]):
        error, done, _ = ended(SLEPT, {"a": Asked(pages)})
        assert error.message == "it has answered nothing (every touched host was rolled back)"
        assert (error.exit_code, error.hint) == (4, "once the cause is gone, deploy it again")
        assert done["a"] == ("rolled_back", "back at old")


def test_one_that_was_never_activated_was_not_touched(ended):
    error, done, _ = ended(SLEPT, {"a": Asked([BACK], event="staged")})
    assert error.message == "it has answered nothing (no host was touched)"
    assert done == {"a": ("unreachable", "it has answered nothing"), "b": ("not_attempted", None)}


def test_one_that_takes_longer_is_said_not_to_be_back_and_one_that_is_silent_is_not_known(ended):
    error, _, _ = ended(SLEPT, {"a": Asked([GOING | {"reverts_in_s": 90}])})
    assert "(NOT rolled back: a; it goes back by itself within 120 s)" in error.message
    error, _, said = ended(SLEPT, {})
    assert "(not known whether it's rolled back: a; it goes back by itself within 120 s)" in error.message
    assert said == ["a doesn't answer, so its state isn't known: still silent"]


def test_others_are_said_to_be_back_only_when_there_are_others(ended):
    last = {("app.activate", "b", 1): Unreachable("x", host="b"), ("app.roll_back", "b", 1): Unreachable("x", host="b")}
    error, _, _ = ended(last, {})
    assert "(not known whether it's rolled back: b; all others were; it goes back" in error.message


def test_a_host_that_could_not_be_taken_back_is_put_back_into_use_once_it_says_that_it_is_back(ended):
    idle = {"hosts": {}, "problem": None, "expires_in_s": None}
    drains = Drains()
    error, _, said = ended(SLEPT, {"a": Asked([BACK]), "lb1": Asked([idle])}, drains)
    assert drains.calls[-2:] == [("undrain", "a"), ("finish",)]
    assert (error.message, said) == ("it has answered nothing (every touched host was rolled back)", [])


def test_one_that_still_runs_what_it_was_given_is_left_out_of_use_and_that_is_said(ended):
    drained = {"hosts": {"a": {}}, "problem": None, "expires_in_s": 90}
    drains = Drains()
    error, _, said = ended(SLEPT, {"a": Asked([GOING | {"reverts_in_s": 90}]), "lb1": Asked([drained])}, drains)
    assert ("undrain", "a") not in drains.calls
    assert "NOT rolled back: a" in error.message
    assert "STILL DRAINED: a" in error.message
    assert "a is still drained: it may still run what it was given" in said


def test_what_is_drained_is_not_known_where_nobody_can_be_asked(ended):
    hangs = Failure("lb1 doesn't put it back: hangs", verdict=False, unreachable=True)
    drains = Drains({("undrain", 1): {"a": hangs}, ("undrain", 2): {"a": hangs}})
    error, _, said = ended({}, {}, drains)
    assert "not known whether still drained: a; whoever drained them tries again by itself" in error.message
    assert "DRAINED" not in error.message
    assert "a may still be drained: lb1 doesn't put it back: hangs" in said


def test_a_host_that_is_in_use_again_is_not_said_to_be_drained(ended):
    hangs = Failure("lb1 doesn't put it back: hangs", verdict=False, unreachable=True)
    page = {"hosts": {"a": {}}, "problem": None, "expires_in_s": 2}
    drains = Drains({("undrain", 1): {"a": hangs}, ("undrain", 2): {"a": hangs}})
    free = page | {"hosts": {}}
    error, _, said = ended({}, {"lb1": Asked([page, page, free])}, drains)
    assert "DRAINED" not in error.message
    assert said == []
    drains = Drains({("undrain", 1): {"a": hangs}, ("undrain", 2): {"a": hangs}})
    error, _, said = ended({}, {"lb1": Asked([page | {"problem": "no such server"}])}, drains)
    assert "STILL DRAINED: a" in error.message
    assert said == ["a is still drained: lb1 doesn't put it back: hangs"]
