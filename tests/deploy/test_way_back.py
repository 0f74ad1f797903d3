"""The way back on any end: whatever is raised in the midst of a rollout, its hosts go back, then it's raised again."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import deployment
from cdconf.deploy.target import Target
from cdconf.errors import InvalidFile
from cdconf.events import HostStep
from tests.deploy.test_runner import APP, OPTIONS, Drains, Fleet

ENDS = [OSError("AF_UNIX path too long"), ValueError("a bug"), InvalidFile("x"), MemoryError(), SystemExit(3)]


class OpenFleet(Fleet):
    """Unforeseen errors of a job come out of it, as out of a real fleet."""

    def call(self, host, name):
        result = super().call(host, name)
        self.calls[-1] = (name, host, "done")
        return result


def ended(script, monkeypatch, emit=lambda event: None, smoke=lambda *arguments: {}, drains=None):
    """Rolls out to a and b; gives what was raised, and the calls that came to their end."""
    monkeypatch.setattr("cdconf.deploy.runner.smoke", smoke)
    fleet = OpenFleet(script)
    target = Target(APP, "new", None, [SimpleNamespace(name=name) for name in "ab"], drains=drains)
    raised = None
    try:
        deployment._roll_out(None, None, fleet, target, emit, OPTIONS, expand=False, pin=False)
    except BaseException as error:  # noqa: BLE001
        raised = error
    return raised, [call[:2] for call in fleet.calls if len(call) == 3]


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_every_touched_host_goes_back_and_the_error_is_the_same(monkeypatch, error):
    def tests(project, environment, fleet, hosts, emit, deciding):
        if hosts[0].name == "b":
            raise error
        return {}

    drains, said = Drains(), []
    raised, done = ended({}, monkeypatch, said.append, tests, drains)
    assert raised is error
    assert [call for call in done if call[0] == "app.roll_back"] == [("app.roll_back", "b"), ("app.roll_back", "a")]
    assert drains.calls[-2:] == [("undrain", "a"), ("finish",)]
    assert "ended by an error of its own: every touched host was rolled back" in str(said)


def test_a_receiver_of_events_that_fails_keeps_no_host_from_going_back(monkeypatch):
    def broken(event):
        if isinstance(event, HostStep) and event.message.startswith("activating") and event.host == "b":
            broken.always = True
        if broken.always:
            raise BrokenPipeError

    broken.always = False
    raised, done = ended({}, monkeypatch, broken)
    assert isinstance(raised, BrokenPipeError)
    assert done[-2:] == [("app.roll_back", "b"), ("app.roll_back", "a")]


def test_an_error_on_the_way_back_keeps_no_other_host_from_going_back(monkeypatch):
    bug = ValueError("a bug")
    script = {("app.roll_back", "b", 1): bug, ("app.roll_back", "b", 2): bug, ("app.activate", "b", 1): OSError("x")}
    said = []
    raised, done = ended(script, monkeypatch, said.append)
    assert isinstance(raised, OSError)
    assert done[-1] == ("app.roll_back", "a")
    assert "NOT rolled back: b" in str(said) or "not known whether it's rolled back: b" in str(said)


def test_an_error_while_hosts_are_confirmed_does_not_keep_the_others_from_hearing_of_it(monkeypatch):
    for times in (1, 2):
        script = {("app.confirm", "a", number): ValueError("a bug") for number in range(1, times + 1)}
        raised, done = ended(script, monkeypatch)
        assert isinstance(raised, ValueError)
        assert not [call for call in done if call[0] == "app.roll_back"]
        assert ("app.confirm", "b") in done or times > 1, "on paper a broken job ends the others too"
