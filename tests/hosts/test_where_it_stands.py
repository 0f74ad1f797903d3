"""A deployment that was cut short: `status` says exactly where it stands, and `--resume` ends it from there."""

import signal
import time

import pytest

from tests.hosts.test_dead_mans_switch import killed
from tests.hosts.test_main_job import deployed

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]


@pytest.mark.parametrize(
    ("until", "ending", "staged"),
    [
        ("expand migration", "again", ["web1", "web2"]),
        ("health: web1", "roll_back", ["web2"]),
        ("ask whether", "confirm", []),
    ],
)
def test_of_a_killed_one_status_says_where_and_resume_ends_it(live, deployed, until, ending, staged):
    version = live.commit(note=str(time.time_ns()))
    killed(live, until)
    live.free()
    document = live.document("status", "dev")
    stands = document["interrupted"]["app"]
    assert (stands["ending"], stands["staged"], stands["unlinked"]) == (ending, staged, [])
    assert stands["release"].startswith(version)
    left = document["status"]["web1"]["left"]
    assert (left["reason"], left["age_s"] > 5) == (f"deploy app@{version}", True)
    assert f"killed or cut off (deploy app@{version}" in live("status", "dev").stdout
    result = live("deploy", "app", "--to", "dev", "--resume", code=1 if ending == "roll_back" else 0)
    if ending == "again":
        assert "before any host was touched: staged on web1, web2" in result.stderr
        assert "there's nothing to end" in result.stderr
    wanted = version if ending == "confirm" else deployed
    assert live.served() == {"web1": wanted, "web2": wanted}
    after = live.document("status", "dev")
    assert after["interrupted"] == {}
    assert [host["left"] for host in after["status"].values()] == [None, None]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("until", "words"),
    [("stage: ", "no host was touched"), ("smoke tests: web1", "every touched host was rolled back")],
)
def test_one_that_a_signal_ended_in_order_says_how_and_leaves_nothing_to_end(
    live, deployed, number, code, until, words
):
    live.commit(note=str(time.time_ns()))
    process = live.deploying(until)
    process.send_signal(number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"error: interrupted: {words}" in rest
    document = live.document("status", "dev")
    assert document["interrupted"] == {}
    assert [(host["lease"], host["left"]) for host in document["status"].values()] == [(None, None), (None, None)]
    assert live.served() == {"web1": deployed, "web2": deployed}
