"""What `drift --fix` decides: what it mends, where, what it deploys again, and what it leaves with which command."""

from types import SimpleNamespace

import pytest

from cdconf.drift.fixing import fixing, left_of
from cdconf.drift.mendable import RELEASE_FIRST, ReleaseLook, ReleaseMend, decide
from cdconf.events import Collector, HostDone, ResourceDone
from cdconf.provision.mending import replayed

SHARED = SimpleNamespace(paths=("log",), directories=("log",), files=("local.ini",))
APP = SimpleNamespace(name="shop", path="/srv", shared=SHARED, toggles_file="/srv/shared/toggles.json")
CHANGED = [("changed", "serve.py")]
ABOUT = {"version": "2", "archive": "abc", "shared": ["log"]}
PAGE = {"activating": None, "verified": ["1-a", "2-b"], "linked": "2-b", "problem": None, "releases": {"2-b": ABOUT}}
PAGE |= {"pinned": {}, "recent": {}}
DEPLOY = ReleaseMend("deploy", "2", "abc", "2-b")


def decided(page=None, **about):
    return decide(ReleaseLook(PAGE | (page or {}), **about), APP, "dev")


def test_a_release_that_is_right_needs_nothing():
    assert decided() is None
    assert decided({"verified": [], "linked": None, "releases": {}}) is None


@pytest.mark.parametrize("page", [{"linked": "1-a"}, {"linked": None}, {"linked": "3-c", "problem": "it's down"}])
def test_a_moved_current_is_deployed_again(page):
    assert decided(page) == DEPLOY


def test_changed_files_are_deployed_again_also_where_services_stopped():
    assert decided(changes=CHANGED) == DEPLOY
    assert decided({"problem": "service 'shop' is inactive"}, changes=CHANGED) == DEPLOY


def test_stopped_services_are_restarted():
    assert decided({"problem": "service 'shop' is inactive"}).way == "restart"
    assert decided({"problem": "service 'shop' is inactive"}, toggles_differ=True).way == "restart"


@pytest.mark.parametrize(
    ("page", "about", "left", "repair"),
    [
        (
            {"activating": {"to": "3-c", "run": "r"}},
            {},
            "a deployment was interrupted",
            "deploy shop --to dev --resume",
        ),
        ({"linked": "1-a", "verified": []}, {}, "no release is known and verified here", "deploy shop --to dev"),
        ({"linked": "1-a", "releases": {}}, {}, "no release is known and verified here", "deploy shop --to dev"),
        ({"linked": "1-a", "pinned": {"abc": {"reason": "500"}}}, {}, "2-b is pinned", "rollback dev shop"),
        ({"problem": "down", "pinned": {"abc": {"reason": "500"}}}, {}, "2-b is pinned", "rollback dev shop"),
        ({"linked": "1-a"}, {"toggles_differ": True}, "would change its toggles", "deploy shop@2 --to dev"),
        (
            {"linked": "1-a", "releases": {"2-b": ABOUT | {"shared": []}}},
            {},
            "its shared paths",
            "deploy shop@2 --to dev",
        ),
    ],
)
def test_what_is_left_and_how_people_mend_it(page, about, left, repair):
    found = decided(page, **about)
    assert found.way is None
    assert left in found.left
    assert found.repair == f"`cdconf {repair}`"


@pytest.mark.parametrize("path", ["log", "/srv/shared/log"])
def test_what_stands_in_the_place_of_something_shared_is_left(path):
    found = decided(changes=[("replaced", path)])
    place, away = (path, f"{path}.away") if path.startswith("/") else (f"/srv/current/{path}", f"/srv/{path}.away")
    assert found.left == f"something else is in the place of what is shared: {place}"
    assert found.repair == f"`mv -T {place} {away}`; then `cdconf deploy shop@2 --to dev`"


def test_links_and_shared_directories_that_are_gone_come_with_the_release():
    assert decided(changes=[("missing", "log"), ("missing", "/srv/shared/log"), ("changed", "log")]) == DEPLOY


def test_a_shared_file_that_is_gone_is_needed_by_the_deployment():
    gone = decided(changes=[("missing", "/srv/shared/local.ini")])
    assert (gone.way, gone.needs) == ("deploy", ("/srv/shared/local.ini",))
    made = finding("web1", "/srv/shared/local.ini")
    found = fixing([made, finding("web2", "/a")], ["web1", "web2"], {("web1", "shop"): gone, ("web2", "shop"): gone})
    assert found.deployments == {("shop", "2", "abc"): {"web1"}}
    assert found.release_first == {"web2": RELEASE_FIRST}
    (left,) = found.releases_left.values()
    assert left.left == "a shared file isn't there, and no role makes it: /srv/shared/local.ini"
    assert left.repair.startswith("put /srv/shared/local.ini there, or `cdconf provision dev` where a role makes it")
    events = []
    release = finding("web2", "shop", kind="release", repair="`x`")
    replayed([release, finding("web2", "/a")], found, events.append)
    assert [(one.left, one.repair) for one in events] == [(left.left, left.repair), (RELEASE_FIRST, None)]


def finding(host, title, status="would_change", **about):
    return ResourceDone(host, about.pop("kind", "file"), title, status, **about)


def test_hosts_with_something_to_mend_are_the_targets():
    events = [
        finding("web1", "/a"),
        finding("web1", "restart", kind="handler", message="notified; runs at the end"),
        finding("web2", "/a", left="the files say something else"),
        finding("web3", "/a", "unknown", left="it can't be told"),
        finding("web4", "/a", "ok"),
        finding("db1", "/a"),
        HostDone("web5", "unreachable"),
    ]
    found = fixing(events, ["web1", "web2", "web3", "web4", "web5"], {})
    assert found.mendable == (("web1", "file", "/a"),)
    assert found.targets == {"web1"}


def test_a_host_whose_release_is_left_is_left_whole():
    left = ReleaseMend(left="a deployment was interrupted")
    events = [finding("web1", "/a"), finding("web2", "/a")]
    found = fixing(
        events, ["web1", "web2"], {("web1", "shop"): left, ("web1", "blog"): DEPLOY, ("web2", "shop"): DEPLOY}
    )
    assert found.targets == {"web2"}
    assert found.release_first == {"web1": RELEASE_FIRST}
    assert found.deployments == {("shop", "2", "abc"): frozenset({"web2"})}


def test_each_artifact_goes_back_to_its_own_hosts():
    other = ReleaseMend("deploy", "1", "old", "1-a")
    releases = {
        ("web1", "shop"): DEPLOY,
        ("web2", "shop"): other,
        ("web3", "shop"): DEPLOY,
        ("web4", "shop"): ReleaseMend("restart"),
    }
    found = fixing([], ["web1", "web2", "web3", "web4"], releases)
    assert found.deployments == {("shop", "2", "abc"): {"web1", "web3"}, ("shop", "1", "old"): {"web2"}}


def test_what_is_left_comes_with_a_command():
    collector = Collector()
    for event in [
        finding("web1", "/a", left="the files say something else"),
        finding("web1", "/b", "orphaned", left="gone"),
        finding("web1", "/c", "unknown", left="it can't be told"),
        finding("web1", "/d", left="in the way", repair="move it away: `mv -T /d /d.away`"),
        finding("web1", "/e", left="it's waived", waived="ticket 12"),
        finding("web1", "/f", "changed"),
        finding("web2", "/a", left="first"),
        finding("web2", "/a", "changed"),
    ]:
        collector(event)
    found = [(one.title, one.repair) for one in left_of(collector.hosts, "dev")]
    assert found == [
        ("/a", "`cdconf provision dev --limit web1`"),
        ("/b", "`cdconf provision dev --limit web1 --prune`"),
        ("/c", "`cdconf plan dev --limit web1`"),
        ("/d", "move it away: `mv -T /d /d.away`"),
    ]
