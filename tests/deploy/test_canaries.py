"""A release that only some hosts were given: when it stands, what it refuses, and what ends it; pure."""

from types import SimpleNamespace

import pytest

from cdconf.deploy.canaries import canary_of, check_canary, is_canary, limited, unfinished
from cdconf.deploy.interrupted import standing
from cdconf.errors import GateClosed

APP = SimpleNamespace(name="shop")


def page(release, *, canary=False, at=1.0, run="r1", **more):
    confirmed = {"release": release, "run": run, "at": at} | ({"canary": True} if canary else {})
    about = {"linked": release, "confirmed": confirmed, "verified": [release], "activating": None, "reverted": None}
    return about | more


OLD, NEW = "1.4-aaa", "1.5-bbb"


def test_one_stands_while_another_host_runs_something_else():
    found = canary_of({"web1": page(NEW, canary=True, at=7.0), "web2": page(OLD), "web3": page(None)})
    assert (found.release, found.hosts, found.others) == (NEW, ("web1",), ("web2", "web3"))
    assert found.ways("shop", "production") == (
        "finish it with `cdconf deploy shop@1.5 --to production`, "
        "or take it back with `cdconf rollback production shop --limit web1`"
    )
    assert found.as_dict()["since"] == 7.0


@pytest.mark.parametrize(
    "pages",
    [
        {"web1": page(NEW, canary=True), "web2": page(NEW)},  # finished
        {"web1": page(OLD), "web2": page(OLD)},
        {"web1": page(NEW), "web2": page(OLD)},  # a host that wasn't told is no canary
        {"web1": page(NEW, canary=True, linked=OLD), "web2": page(OLD)},  # taken back
        {"web1": page(NEW, canary=True)},
        {"web1": page(OLD, confirmed=None)},
    ],
)
def test_none_stands_otherwise(pages):
    assert canary_of(pages) is None


def test_another_release_waits_for_its_end():
    pages = {"web1": page(NEW, canary=True), "web2": page(OLD)}
    check_canary(APP, "dev", pages, NEW)
    with pytest.raises(GateClosed, match=r"1\.5 of 'shop' is a canary on web1, and neither finished nor") as caught:
        check_canary(APP, "dev", pages, "1.6-ccc")
    assert "cdconf rollback dev shop --limit web1" in caught.value.hint


def test_a_limit_that_leaves_nobody_else_makes_no_canary():
    pages = {"web1": page(OLD), "web2": page(NEW)}
    assert not is_canary(pages, ["web1"], NEW)
    assert is_canary(pages, [], NEW)
    hosts = [SimpleNamespace(name=name) for name in pages]
    assert limited(hosts, None) == hosts
    assert limited(hosts, frozenset({"web2"})) == hosts[1:]


def test_a_canary_that_was_cut_off_is_finished_only_on_its_own_hosts():
    begun = {"to": NEW, "run": "r1", "at": 2.0}
    pages = {
        "web1": page(NEW, canary=True),
        "web2": page(OLD, run="r0", linked=NEW, activating=begun),
        "web3": page(OLD, run="r0"),
    }
    found = standing(pages, {})
    assert (found.ending, found.others) == ("finish", ("web3",))
    assert unfinished(pages, found) == (["web2"], True)
    pages["web1"]["confirmed"].pop("canary")
    assert unfinished(pages, found) == (["web2", "web3"], False)
