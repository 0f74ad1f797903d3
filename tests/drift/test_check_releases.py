"""What drift says of hosts whose releases can't be looked at."""

from types import SimpleNamespace

import pytest

from cdconf.drift import check_releases, releases
from cdconf.drift.noting import Noting
from cdconf.engine.fleet import Outcome
from cdconf.errors import OK, HostFailed, Unreachable, worst_exit
from cdconf.events import ResourceDone
from tests.called import Called

SINCE = 1_790_000_000.0
PAGE = {"activating": None, "verified": [], "linked": None, "problem": None, "releases": {}}


def answer(name, **arguments):
    return {"at": SINCE if arguments["there"] else None} if name == "drift.note" else PAGE


def checked(*errors, apps=("shop", "blog"), told=None):
    """Exit codes, what was reported and which hosts were told to be in order, of apps each with these errors."""
    events = []
    hosts = [SimpleNamespace(name=name) for name in ("web1", "web2")]

    def app(name):
        about = {"path": "/srv", "services": (), "file": "cdconf.yml", "line": 1, "runs_on": lambda host: True}
        return SimpleNamespace(name=name, **about)

    def each(members, look):
        names = {host.name for host in members} - {error.host for error in errors}
        sessions = {name: Called(answer, lease=None, host=SimpleNamespace(name=name)) for name in names}
        return Outcome({name: look(sessions[name]) for name in names}, {error.host: error for error in errors})

    project = SimpleNamespace(apps={name: app(name) for name in apps})
    environment = SimpleNamespace(name="dev")
    fleet = SimpleNamespace(environment=environment, each=each, connected=lambda hosts: hosts)
    codes, failed = check_releases(project, fleet, hosts, events.append, Noting())
    if told is not None:
        told.extend(events)
    failures = [(name, error.message) for name, error in failed.items()]
    codes += [error.exit_code for error in failed.values()]
    return worst_exit(codes), failures, {one.host for one in events if isinstance(one, ResourceDone)}


def test_a_host_whose_ledger_is_damaged_fails_by_name_once():
    error = HostFailed("/var/lib/cdconf/demo/ledger.json is damaged: it isn't JSON", host="web1")
    assert checked(error) == (1, [("web1", error.message)], {"web2"})


def test_a_host_that_falls_silent_is_unreachable():
    error = Unreachable("it's silent", host="web2")
    assert checked(error) == (4, [("web2", "it's silent")], {"web1"})


def test_hosts_that_answer_are_in_order():
    assert checked() == (OK, [], {"web1", "web2"})


@pytest.mark.parametrize(
    ("page", "is_by_hand"),
    [
        ({"linked": "2-b", "verified": ["1-a"]}, True),
        ({"linked": "1-a", "verified": ["1-a"], "problem": "service 'shop' is failed (exit-code)"}, False),
    ],
)
def test_a_service_that_fails_by_itself_was_not_changed_by_hand(monkeypatch, page, is_by_hand):
    monkeypatch.setitem(globals(), "PAGE", PAGE | page)
    events = []
    monkeypatch.setattr(releases, "changed_files", lambda session, app: "")
    checked(told=events)
    assert {(one.status, one.by_hand) for one in events} == {("would_change", is_by_hand)}
    assert {(one.cause, one.first_seen) for one in events} == {("by_hand", SINCE)}
