"""What drift says of a release, from a host's ledger page."""

import pytest

from cdconf.drift import drifted
from cdconf.drift.releases import repaired_by

LEASE = {"run": "r1", "owner": "ann", "reason": "deploy", "age_s": 1.0}


def page(**more):
    return {"activating": None, "verified": ["1"], "linked": "1", "problem": None, **more}


@pytest.mark.parametrize(
    ("about", "lease", "problem"),
    [
        (page(), None, None),
        (page(verified=[], linked=None, problem="x"), None, None),
        (page(linked="2"), None, "current: 2 -> 1\n"),
        (page(linked=None), None, "current: (none) -> 1\n"),
        (page(linked="/tmp/releases/1"), None, "current: /tmp/releases/1 -> 1\n"),
        (page(problem="service 'app' is failed"), None, "service 'app' is failed\n"),
        (page(activating={"to": "2", "run": "r1"}), None, "an interrupted deployment: 2\n"),
        (page(activating={"to": "2", "run": "r0"}), LEASE, "an interrupted deployment: 2\n"),
        (page(activating={"to": "2", "run": "r1"}), LEASE, "a deployment that is under way: 2\n"),
    ],
)
def test_what_is_wrong_is_named(about, lease, problem):
    assert drifted(about, lease) == problem


@pytest.mark.parametrize(
    ("about", "lease", "repair"),
    [
        (page(releases={"1": {"version": "1.0"}}), None, "`cdconf deploy shop@1.0 --to dev`"),
        (page(verified=[], releases={}), None, "`cdconf deploy shop --to dev`"),
        (page(activating={"to": "2", "run": "r1"}, releases={}), None, "`cdconf deploy shop --to dev --resume`"),
        (page(activating={"to": "2", "run": "r1"}, releases={}), LEASE, None),
    ],
)
def test_what_mends_it_is_told(about, lease, repair):
    assert repaired_by(about, lease, "shop", "dev") == repair
