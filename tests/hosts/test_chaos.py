"""A short sweep of tests/chaos; `make chaos` runs the long one."""

import pytest

from tests.chaos.sweep import sweep

pytestmark = [pytest.mark.hosts, pytest.mark.once]


KINDS = ("deploy-kill-controller", "provision-kill-controller", "deploy-cut-web", "provision-stop-lb")


def test_whatever_strikes_a_run_every_host_ends_whole_and_what_was_said_is_true():
    said = []
    report = sweep(hosts=2, within=5, wanted=dict.fromkeys(KINDS, 1), lanes=2, say=said.append)
    assert report.is_clean(), "\n".join(said)
    assert len(report.rounds) == 4, "\n".join(said)
    assert report.load["requests"] > 100, "there was no load"
    assert report.load["looks at hosts"] > 50
