"""What a provision may bring into use by a restart, and what it says of anything else."""

from types import SimpleNamespace

import pytest

from cdconf.errors import HostFailed
from cdconf.provision.restarts import check_reboot, check_running, unproven_release
from tests.called import Called
from tests.deploy.paper_hosts import PaperApp

APP = PaperApp(
    name="shop", path="/srv/shop", services=("shop",), confirm_within=8, user=None, keep=5,
    shared=SimpleNamespace(directories=(), files=()), stops=(), prepare=(),
    known={"name": "shop", "path": "/srv/shop", "services": ["shop"]},
)  # fmt: skip
PROVEN = {
    "linked": "2-b",
    "verified": ["1-a", "2-b"],
    "activating": None,
    "releases": {"1-a": {"version": "1", "archive": "aa"}, "2-b": {"version": "2", "archive": "bb"}},
    "pinned": {},
    "problem": None,
}
UNPROVEN = [
    ({"linked": "3-c"}, "current points to 3-c, which isn't the verified release (2-b)", "deploy shop@2 --to prod"),
    ({"linked": "3-c", "verified": []}, "isn't the verified release (there is none)", "deploy shop --to prod"),
    ({"activating": {"to": "3-c"}}, "the deployment of 3-c was interrupted", "deploy shop --to prod --resume"),
    ({"pinned": {"bb": {"reason": "smoke"}}}, "2-b is pinned, because it failed: smoke", "rollback prod shop"),
]


def session(**others):
    return Called(lambda name, app: PROVEN | others, host=SimpleNamespace(name="web1"))


@pytest.mark.parametrize("page", [{}, {"linked": None, "verified": []}, {"pinned": {"aa": {"reason": "x"}}}])
def test_a_verified_release_or_none_may_be_restarted(page):
    assert unproven_release(PROVEN | page, APP, "prod") is None
    check_reboot(session(**page), [APP], "prod")
    check_running(session(**page), [APP], "prod")


@pytest.mark.parametrize(("page", "why", "repair"), UNPROVEN)
def test_a_reboot_into_a_release_that_is_not_proven_is_refused_with_what_mends_it(page, why, repair):
    with pytest.raises(HostFailed, match="isn't rebooted") as caught:
        check_reboot(session(**page), [APP], "prod")
    assert why in caught.value.message
    assert f"cdconf {repair}" in caught.value.hint


@pytest.mark.parametrize(("page", "why", "repair"), UNPROVEN)
def test_a_host_on_which_a_release_runs_that_is_not_proven_fails_with_what_mends_it(page, why, repair):
    with pytest.raises(HostFailed, match="shop runs from a release that isn't proven") as caught:
        check_running(session(**page), [APP], "prod")
    assert why in caught.value.message
    assert f"cdconf {repair}" in caught.value.hint


def test_what_nothing_has_restarted_yet_does_not_run_from_it():
    still_old = {"linked": "3-c", "problem": "service 'shop' doesn't run from /srv/shop/releases/3-c"}
    check_running(session(**still_old), [APP], "prod")
    with pytest.raises(HostFailed):
        check_reboot(session(**still_old), [APP], "prod")
