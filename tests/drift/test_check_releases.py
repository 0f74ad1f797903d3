"""What drift says of a host's releases."""

from types import SimpleNamespace

import pytest

from cdconf.drift import check_releases
from cdconf.drift.noting import Noting
from cdconf.errors import HostFailed
from tests.called import Called

SINCE = 1_790_000_000.0
PAGE = {"activating": None, "verified": [], "linked": None, "problem": None, "releases": {}}
SHARED = SimpleNamespace(directories=("log",), files=("local.ini",), paths=("local.ini", "log"))
RIGHT = {"linked": "1-a", "verified": ["1-a"], "releases": {"1-a": {"version": "1", "shared": ["local.ini", "log"]}}}


def checked(*, apps=("shop", "blog"), error=None, files=(), with_files=True):
    """Whether a host's releases have drifted, and what was reported of it."""
    events = []

    def app(name):
        about = {"path": "/srv", "services": (), "file": "cdconf.yml", "line": 1, "toggles_file": "/srv/shared/t.json"}
        known = {"name": name, "path": "/srv", "services": []}
        return SimpleNamespace(name=name, shared=SHARED, known=known, **about)

    def answer(name, **arguments):
        if error is not None:
            raise error
        if name == "app.changes":
            assert arguments["app"]["shared"] == {"directories": ["log"], "files": ["local.ini"]}
            return {"count": len(files), "files": list(files)}
        return {"at": SINCE if arguments["there"] else None} if name == "drift.note" else PAGE

    session = Called(answer, lease=None, host=SimpleNamespace(name="web1"))
    project = SimpleNamespace(apps_on=lambda host: [app(name) for name in apps])
    drifted = check_releases(project, "dev", session, events.append, Noting(), with_files=with_files)
    return drifted, events


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
    is_drifted, events = checked(with_files=False)
    assert is_drifted
    assert {(one.status, one.by_hand) for one in events} == {("would_change", is_by_hand)}
    assert {(one.cause, one.first_seen) for one in events} == {("by_hand", SINCE)}


def test_a_service_that_is_down_hides_no_changed_file(monkeypatch):
    page = {"linked": "1-a", "verified": ["1-a"], "problem": "service 'shop' is inactive"}
    monkeypatch.setitem(globals(), "PAGE", PAGE | page)
    _, events = checked(files=[("changed", "serve.py")], with_files=False)
    assert {(one.diff, one.by_hand) for one in events} == {
        ("service 'shop' is inactive\nchanged: serve.py\n", True),
    }


DEPLOY = "`cdconf deploy shop@1 --to dev`"


@pytest.mark.parametrize(
    ("change", "repair"),
    [
        (("changed", "log"), DEPLOY),
        (("missing", "/srv/shared/log"), DEPLOY),
        (("missing", "/srv/shared/t.json"), DEPLOY),
        (("replaced", "log"), f"`mv -T /srv/current/log /srv/log.away`; then {DEPLOY}"),
        (("replaced", "/srv/shared/log"), f"`mv -T /srv/shared/log /srv/shared/log.away`; then {DEPLOY}"),
        (
            ("missing", "/srv/shared/local.ini"),
            "put /srv/shared/local.ini there, or `cdconf provision dev --limit web1` where a role makes it; "
            f"then {DEPLOY}",
        ),
    ],
)
@pytest.mark.parametrize("with_files", [True, False])
def test_what_is_shared_and_is_not_as_deployed_comes_with_what_mends_it(monkeypatch, change, repair, with_files):
    monkeypatch.setitem(globals(), "PAGE", PAGE | RIGHT)
    is_drifted, (event,) = checked(apps=["shop"], files=[change], with_files=with_files)
    assert (is_drifted, event.cause, event.by_hand, event.repair) == (True, "by_hand", True, repair)
    assert event.diff == "{}: {}\n".format(*change)


@pytest.mark.parametrize(("files", "cause"), [((), "not_applied"), ([("changed", "log")], "both")])
def test_shared_paths_that_cdconf_yml_wants_otherwise_are_not_applied(monkeypatch, files, cause):
    about = {"releases": {"1-a": {"version": "1", "shared": ["log"]}}}
    monkeypatch.setitem(globals(), "PAGE", PAGE | RIGHT | about)
    is_drifted, (event,) = checked(apps=["shop"], files=files)
    assert (is_drifted, event.cause, event.by_hand, event.repair) == (True, cause, bool(files), DEPLOY)
    assert event.diff.endswith("shared: log -> local.ini, log\n")
    is_drifted, (event,) = checked(apps=["shop"], files=files, with_files=False)
    assert (is_drifted, event.cause) == (bool(files), "by_hand" if files else None)


def test_a_release_that_is_being_activated_may_share_other_paths(monkeypatch):
    about = {"releases": {}, "activating": {"to": "2-b", "run": "r"}, "recent": {}}
    monkeypatch.setitem(globals(), "PAGE", PAGE | RIGHT | about)
    _, (event,) = checked(apps=["shop"])
    assert (event.cause, event.diff) == ("not_applied", "an interrupted deployment: 2-b\n")
