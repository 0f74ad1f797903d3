"""Databases under traffic: expand once, contract when nothing needs the old shape, on PostgreSQL behind nginx."""

import signal
import subprocess
import time

import pytest

from tests.conftest import cdconf
from tests.hosts.policies import frozen
from tests.hosts.shop_world import ShopWorld, Traffic

pytestmark = pytest.mark.hosts

BOTH = ["article", "at", "id", "product"]
CONTRACT = ("contract", "shop", "--env", "dev")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    world = ShopWorld(tmp_path_factory.mktemp("shop"))
    try:
        world("provision", "dev")
        yield world
    finally:
        cdconf(world.root, "destroy", "dev", "--yes")


@pytest.fixture
def running(shop):
    """The version of a release that runs on both hosts."""
    yield shop.release()
    shop.migrating()


def test_a_column_is_renamed_under_traffic_without_one_failed_request(shop):
    old = shop.old_release()
    shop("deploy", "shop", "--to", "dev")
    assert shop.columns() == ["article", "at", "id"]
    new = shop.build()
    with Traffic(shop.url()) as traffic:
        result = shop("deploy", "shop", "--to", "dev")
        assert result.stderr.count("migration expand") == 1
        assert shop.running() == {"web1": new, "web2": new}
        assert shop.columns() == BOTH

        shop("rollback", "dev", "shop")
        assert shop.running() == {"web1": old, "web2": old}
        again = shop("deploy", "shop", "--to", "dev")
        assert "it isn't run again" in again.stderr
        assert shop.expanded() == sorted([old, new])

        refused = shop(*CONTRACT, code=3).stderr
        assert all(f"{host} to {old}-" in refused for host in ("web1", "web2"))
        assert "--forget-older" in refused
        shop(*CONTRACT, "--check", code=3)
        shown = shop.document(*CONTRACT, "--check", "--forget-older", code=2)
        assert (shown["state"], list(shown["forgotten"])) == ("would_run", ["web1", "web2"])
        assert shop.columns() == BOTH

        done = shop.document(*CONTRACT, "--forget-older")
        assert (done["state"], done["version"], done["migration"]["host"]) == ("ran", new, "web1")
        assert shop.columns() == ["at", "id", "product"]
        assert shop.document(*CONTRACT)["state"] == "ran_before"

        for words in (("rollback", "dev", "shop"), ("rollback", "dev", "shop", "--to", old)):
            assert "contract of" in shop(*words, code=3).stderr
        assert "old shape" in shop("deploy", f"shop@{old}", "--to", "dev", code=3).stderr
        assert shop.running() == {"web1": new, "web2": new}
        time.sleep(2)
    assert traffic.failures == []
    assert len(traffic.orders) > 200
    assert set(traffic.orders) <= set(shop.query("SELECT product FROM orders"))

    last = shop.migrations()
    assert [last[phase]["state"] for phase in ("expand", "contract")] == ["done", "done"]
    runs = shop.document("history", "dev", "--app", "shop")["runs"]
    found = next(one for one in runs if one["command"] == "contract" and one["exit_code"] == 0 and one["detail"])
    assert (found["version"], found["detail"]) == (new, f"contract {new} on web1")
    table = shop("status", "dev").stdout
    assert table.count("contract") == 1


def test_a_release_after_the_contract_goes_forth_and_back_as_ever(shop, running):
    newer = shop.build(note=str(time.time_ns()))
    shop("deploy", "shop", "--to", "dev")
    assert shop.running() == {"web1": newer, "web2": newer}
    shop("rollback", "dev", "shop", "--to", running)
    assert shop.running() == {"web1": running, "web2": running}


def test_a_failing_expand_activates_nothing_and_pins(shop, running):
    broken = shop.root / "examples/shop/migrations/expand/900_broken.sql"
    version = shop.build(**{"migrations/expand/900_broken.sql": "ALTER TABLE nowhere ADD COLUMN x text\n"})
    try:
        with Traffic(shop.url()) as traffic:
            result = shop("deploy", "shop", "--to", "dev", code=1)
            assert 'relation "nowhere" does not exist' in result.stderr
            assert "no host was touched" in result.stderr
            assert "is pinned" in shop("deploy", "shop", "--to", "dev", code=3).stderr
        assert traffic.failures == []
        assert shop.running() == {"web1": running, "web2": running}
        last = shop.migrations()["expand"]
        assert (last["version"], last["state"], last["status"]) == (version, "failed", 1)
        assert "FAILED, exit status 1" in shop("status", "dev").stdout
        shop.document(*CONTRACT, "--check", "--forget-older", code=2)  # of the release that runs, which is well
    finally:
        broken.unlink()


def test_a_controller_that_dies_while_it_expands_does_not_make_it_run_twice(shop, running):
    version = shop.build(note=str(time.time_ns()))
    shop.migrating("sleep 5; ./migrate expand")
    process = shop.begun("expand migration")
    time.sleep(1.5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shop.free()
    time.sleep(5)
    assert shop.migrations()["expand"]["state"] == "done"
    result = shop("deploy", "shop", "--to", "dev")
    assert "it isn't run again" in result.stderr
    assert shop.running() == {"web1": version, "web2": version}
    assert shop.expanded().count(version) == 1


def test_a_deployment_that_was_interrupted_after_its_expand_does_not_expand_again(shop, running):
    version = shop.build(note=str(time.time_ns()))
    process = shop.begun("activate: web1")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    assert shop.running() == {"web1": running, "web2": running}
    shop("deploy", "shop", "--to", "dev")
    assert shop.running() == {"web1": version, "web2": version}
    assert shop.expanded().count(version) == 1


def test_a_host_that_lost_its_power_while_it_expanded_is_told_of_and_expands_again(shop, running):
    version = shop.build(note=str(time.time_ns()))
    shop.migrating("sleep 3; ./migrate expand")
    process = shop.begun("expand migration")
    time.sleep(1.5)
    subprocess.run(["docker", "kill", shop.container("web1")], check=True, capture_output=True)
    process.communicate(timeout=120)
    assert process.returncode == 4
    shop("provision", "dev", "--limit", "web1")
    shop.free()
    assert "begun, NOT known to have ended" in shop("status", "dev").stdout
    result = shop("deploy", "shop", "--to", "dev")
    assert "its end isn't known: it's run again" in result.stderr
    assert shop.running() == {"web1": version, "web2": version}
    assert shop.expanded().count(version) == 2


def test_a_contract_with_a_silent_host_runs_nothing(shop, running):
    name = shop.container("web2")
    subprocess.run(["docker", "pause", name], check=True, capture_output=True)
    try:
        document = shop.document(*CONTRACT, "--forget-older", code=4)
    finally:
        subprocess.run(["docker", "unpause", name], check=True, capture_output=True)
    assert document["error"]["kind"] == "unreachable"
    assert "web2" in document["error"]["message"]
    assert {one["status"] for one in document["hosts"].values()} <= {"not_attempted", "unreachable"}
    last = shop.migrations()["contract"]
    assert last is None or last["version"] != running


def test_a_freeze_of_the_policy_keeps_the_contract_from_running(shop, running, tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_POLICY", str(frozen(tmp_path, "dev")))
    before = shop.migrations()["contract"]
    document = shop.document(*CONTRACT, "--forget-older", code=3)
    assert "nobody is here" in document["error"]["message"]
    assert shop.migrations()["contract"] == before
