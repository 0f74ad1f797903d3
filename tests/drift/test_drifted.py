"""What drift says of a release, from a host's ledger page."""

import pytest

from cdconf.drift import drifted

LEASE = {"run": "r1", "owner": "ann", "reason": "deploy", "age_s": 1.0}


def page(**more):
    return {"activating": None, "verified": ["1"], "linked": "1", "problem": None, **more}


@pytest.mark.parametrize(
    ("about", "lease", "problem"),
    [
        (page(), None, None),
        (page(verified=[], linked=None, problem="x"), None, None),
        (page(linked="2"), None, "current: 1 -> 2\n"),
        (page(linked=None), None, "current: 1 -> (none)\n"),
        (page(linked="/tmp/releases/1"), None, "current: 1 -> /tmp/releases/1\n"),
        (page(problem="service 'app' is failed"), None, "service 'app' is failed\n"),
        (page(activating={"to": "2", "run": "r1"}), None, "an interrupted deployment: 2\n"),
        (page(activating={"to": "2", "run": "r0"}), LEASE, "an interrupted deployment: 2\n"),
        (page(activating={"to": "2", "run": "r1"}), LEASE, "a deployment that is under way: 2\n"),
    ],
)
def test_what_is_wrong_is_named(about, lease, problem):
    assert drifted(about, lease) == problem
