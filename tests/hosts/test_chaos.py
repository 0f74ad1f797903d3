"""A short sweep of tests/chaos; `make chaos` runs the long one."""

import pytest

from tests.chaos.sweep import sweep

pytestmark = pytest.mark.hosts


def test_whatever_strikes_a_deployment_every_host_ends_whole_and_the_same():
    said = []
    one, load = sweep(hosts=2, within=5, kills=4, cuts=1, stops=1, say=said.append)
    assert one.breaches == [], "\n".join(said)
    assert sum(one.count.values()) == 6
    assert min(load.answers.values()) > 50, "there was no load"
