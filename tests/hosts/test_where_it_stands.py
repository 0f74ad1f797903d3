"""A deployment that was cut short: `status` says exactly where it stands, and `--resume` ends it from there."""

import shlex
import signal
import subprocess
import time

import pytest

from tests.conftest import CDCONF
from tests.hosts.live import eventually
from tests.hosts.test_dead_mans_switch import killed
from tests.hosts.test_main_job import deployed

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]


@pytest.mark.parametrize(
    ("until", "ending", "staged"),
    [
        ("expand migration", "again", ["web1", "web2"]),
        ("health: web1", "roll_back", ["web2"]),
        ("check the release", "confirm", []),
    ],
)
def test_of_a_killed_one_status_says_where_and_resume_ends_it(live, deployed, until, ending, staged):
    version = live.commit(note=str(time.time_ns()))
    killed(live, until)
    if until == "health: web1":
        at_once = live("status", "dev")
        assert f"killed (deploy app@{version}, " in at_once.stdout
        assert "interrupted while deploying" in at_once.stdout
        assert "`cdconf history rebuild dev` adds it" in at_once.stderr
        assert "deploy dev of " in live("history", "dev").stderr
        live("history", "rebuild", "dev")
        assert "rebuild" not in live("history", "dev").stderr + live("status", "dev").stderr
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
        assert "there is nothing to resume" in result.stderr
    wanted = version if ending == "confirm" else deployed
    assert eventually(lambda: live.served() == {"web1": wanted, "web2": wanted}, 10), live.served()
    after = live.document("status", "dev")
    assert after["interrupted"] == {}
    assert [host["left"] for host in after["status"].values()] == [None, None]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
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


def test_a_rollback_that_was_killed_is_called_one(live, deployed):
    version = live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev")
    process = live.begun("rollback", "dev", until="health: web1")
    process.kill()
    process.communicate(timeout=60)
    found = live("status", "dev")
    assert f"app: the rollback to {deployed}" in found.stderr
    assert f"interrupted while rolling back to {deployed}" in found.stdout
    live.free()
    assert "error: the rollback to " in live("deploy", "app", "--to", "dev", "--resume", code=1).stderr
    assert live.served() == {"web1": version, "web2": version}


def test_a_closed_pipe_ends_the_output_and_not_the_deployment(live, deployed):
    version = live.commit(note=str(time.time_ns()))
    line = f"set -o pipefail; {shlex.join(CDCONF)} deploy app --to dev 2>&1 | head -n 2"
    done = subprocess.run(["bash", "-c", line], cwd=live.root, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)
    (newest,) = live.document("history", "dev", "--limit", "1")["runs"]
    assert (newest["command"], newest["version"], newest["exit_code"]) == ("deploy", version, 0)
    assert live.served() == {"web1": version, "web2": version}


def test_what_smoke_tests_need_is_looked_for_before_anything_is_touched(live, deployed, tmp_path):
    live.commit(note=str(time.time_ns()))
    long = tmp_path / ("x" * 100)
    long.mkdir()
    result = live("deploy", "app", "--to", "dev", code=1, TMPDIR=str(long))
    assert "whose path is too long" in result.stderr
    assert "==> stage" not in result.stderr
    assert live.served() == {"web1": deployed, "web2": deployed}
