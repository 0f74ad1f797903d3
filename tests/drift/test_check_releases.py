"""What drift says of a host's releases."""

from types import SimpleNamespace

import pytest

from cdconf.drift import check_releases, releases
from cdconf.drift.noting import Noting
from cdconf.errors import HostFailed
from tests.called import Called

SINCE = 1_790_000_000.0
PAGE = {"activating": None, "verified": [], "linked": None, "problem": None, "releases": {}}


def checked(*, apps=("shop", "blog"), error=None):
    """Whether a host's releases have drifted, and what was reported of it."""
    events = []

    def app(name):
        known = {"name": name, "path": "/srv", "services": []}
        return SimpleNamespace(name=name, known=known, file="cdconf.yml", line=1)

    def answer(name, **arguments):
        if error is not None:
            raise error
        return {"at": SINCE if arguments["there"] else None} if name == "drift.note" else PAGE

    session = Called(answer, lease=None, host=SimpleNamespace(name="web1"))
    project = SimpleNamespace(apps_on=lambda host: [app(name) for name in apps])
    return check_releases(project, "dev", session, events.append, Noting()), events


def test_a_host_that_can_not_be_asked_raises_what_is_wrong():
    error = HostFailed("/var/lib/cdconf/demo/ledger.json is damaged: it isn't JSON", host="web1")
    with pytest.raises(HostFailed, match="damaged"):
        checked(error=error)


def test_a_host_with_all_as_deployed_is_in_order_for_each_app():
    is_drifted, events = checked()
    assert (is_drifted, [(one.title, one.status) for one in events]) == (False, [("shop", "ok"), ("blog", "ok")])


@pytest.mark.parametrize(
    ("page", "is_by_hand"),
    [
        ({"linked": "2-b", "verified": ["1-a"]}, True),
        ({"linked": "1-a", "verified": ["1-a"], "problem": "service 'shop' is failed (exit-code)"}, False),
    ],
)
def test_a_service_that_fails_by_itself_was_not_changed_by_hand(monkeypatch, page, is_by_hand):
    monkeypatch.setitem(globals(), "PAGE", PAGE | page)
    monkeypatch.setattr(releases, "changed_files", lambda session, app: "")
    is_drifted, events = checked()
    assert is_drifted
    assert {(one.status, one.by_hand) for one in events} == {("would_change", is_by_hand)}
    assert {(one.cause, one.first_seen) for one in events} == {("by_hand", SINCE)}


def test_a_service_that_is_down_hides_no_changed_file(monkeypatch):
    page = {"linked": "1-a", "verified": ["1-a"], "problem": "service 'shop' is inactive"}
    monkeypatch.setitem(globals(), "PAGE", PAGE | page)
    monkeypatch.setattr(releases, "changed_files", lambda session, app: "changed: serve.py\n")
    _, events = checked()
    assert {(one.diff, one.by_hand) for one in events} == {
        ("service 'shop' is inactive\nchanged: serve.py\n", True),
    }
