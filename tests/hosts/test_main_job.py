"""The main job on real hosts: provision, deploy, verify, roll back, whatever is killed."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.conftest import begun
from tests.hosts.live import eventually

pytestmark = pytest.mark.hosts

BAD_SMOKE = "def test_it_never_works(host):\n    assert False, 'the canary is dead'\n"


@pytest.fixture
def deployed(live, request):
    """A release that runs on all hosts; returns its version. It's HEAD's, unless the test wants a `newer` one."""
    return live.release(newest="newer" not in request.fixturenames)


def test_a_second_provision_changes_nothing(live):
    live("provision", "dev")
    result = live("provision", "dev")
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["changed=0", "changed=0"]


def test_drift_finds_what_was_changed_by_hand_and_provision_puts_it_right(live, deployed):
    live("drift", "dev")
    live.on("web1", "sed -i s/8000/9/ /etc/app.conf")
    document = live.document("drift", "dev", code=2)
    found, handler = document["hosts"]["web1"]["resources"]
    assert handler["title"] == "restart app"
    assert (found["title"], found["source"], found["by_hand"]) == ("/etc/app.conf", "roles/app/role.yml:4", True)
    assert "-port=9" in found["diff"]
    assert document["hosts"]["web2"]["resources"] == []
    live("provision", "dev")
    live("drift", "dev")


def test_provision_changes_hosts_that_serve_batch_by_batch_and_stops_when_one_is_unwell(live, deployed):
    role = live.root / "roles/app/role.yml"
    good = role.read_text()
    role.write_text(good.replace("port=8000", "port=8001"))
    result = live("provision", "dev")
    assert result.stderr.index("converge: web1") < result.stderr.index("converge: web2")
    smoke = live.root / "roles/app/smoke/test_app.py"
    kept = smoke.read_text()
    smoke.write_text(BAD_SMOKE)
    role.write_text(good)
    result = live("provision", "dev", code=1)
    assert "web2  not attempted" in result.stdout
    assert live.on("web2", "cat /etc/app.conf") == "port=8001"
    smoke.write_text(kept)
    live("provision", "dev")


def test_drift_finds_a_service_that_was_stopped(live, deployed):
    live.on("web2", "systemctl stop app")
    document = live.document("drift", "dev", code=2)
    assert [one["type"] for one in document["hosts"]["web2"]["resources"]] == ["release"]
    live.on("web2", "systemctl start app")
    live("drift", "dev")


def test_a_second_deploy_of_the_same_release_touches_nothing(live):
    live.commit(note=str(time.time_ns()))
    assert live.document("deploy", "app", "--to", "dev")["hosts_touched"] == ["web1", "web2"]
    assert live.document("deploy", "app", "--to", "dev")["hosts_touched"] == []


def test_a_failing_smoke_test_leaves_the_old_release_everywhere_and_pins_the_artifact(live, deployed):
    live.commit(**{"roles/app/smoke/test_bad.py": BAD_SMOKE})
    result = live("deploy", "app", "--to", "dev", code=1)
    assert "the canary is dead" in result.stderr
    assert live.served() == {"web1": deployed, "web2": deployed}
    assert "is pinned" in live("deploy", "app", "--to", "dev", code=3).stderr
    (live.root / "roles/app/smoke/test_bad.py").unlink()


def test_a_release_that_does_not_start_is_rolled_back(live, deployed):
    good = (live.root / "serve.py").read_text()
    live.commit(**{"serve.py": "raise SystemExit('no')\n"})
    result = live("deploy", "app", "--to", "dev", code=1)
    assert "rolled back" in result.stderr
    assert live.served() == {"web1": deployed, "web2": deployed}
    live.commit(**{"serve.py": good})


def test_rollback_goes_to_the_release_before(live, deployed):
    newer = live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev")
    assert set(live.served().values()) == {newer}
    live("rollback", "dev", "app")
    assert set(live.served().values()) == {deployed}


def test_an_unreachable_host_stops_a_deployment_before_it_begins(live, deployed):
    live.commit(note=str(time.time_ns()))
    name = container(live, "web2")
    subprocess.run(["docker", "stop", "-t", "1", name], check=True, capture_output=True)
    try:
        live("drift", "dev", code=4)
        live("deploy", "app", "--to", "dev", code=4)
    finally:
        live("provision", "dev")
    assert live.on("web1", "curl -sS http://127.0.0.1:8000/") == deployed


def container(live, host):
    checkout = (live.root / ".cdconf/checkout").read_text().strip()
    return f"cdconf-e2e-dev-{host}-{checkout}"


@pytest.mark.parametrize("after", ["stage", "activate: web1", "health: web1", "activate: web2"])
def test_a_killed_controller_leaves_whole_releases_and_the_next_deploy_works(live, deployed, after):
    newer = live.commit(note=str(time.time_ns()))
    process = begun(live.root, "deploy", "app", "--to", "dev", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for line in process.stderr:
        if after in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    result = live("deploy", "app", "--to", "dev", code=3)
    assert "held by" in result.stderr
    for _ in range(40):  # the agents finish the change in hand
        served = live.served()
        if set(served.values()) <= {deployed, newer}:
            break
        time.sleep(0.25)
    assert set(served.values()) <= {deployed, newer}
    live.free()
    live("deploy", "app", "--to", "dev")
    assert live.served() == {"web1": newer, "web2": newer}


def test_of_two_deployments_at_once_one_runs_and_the_other_exits_3(live, deployed, tmp_path):
    newer = live.commit(note=str(time.time_ns()))
    clone = tmp_path / "clone"
    shutil.copytree(live.root, clone, symlinks=True)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    both = [begun(root, "deploy", "app", "--to", "dev", **silent) for root in (live.root, clone)]
    codes = sorted(one.wait(timeout=120) for one in both)
    assert codes == [0, 3]
    assert set(live.served().values()) == {newer}


def test_ctrl_c_rolls_back_and_gives_the_lease_back(live, deployed):
    live.commit(note=str(time.time_ns()))
    process = begun(live.root, "deploy", "app", "--to", "dev", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for line in process.stderr:
        if "health: web1" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130, rest
    before = {"web1": deployed, "web2": deployed}
    assert eventually(lambda: live.served() == before, 10), "a rollback doesn't wait for the app to answer"
    assert not any(live.document("lock", "status", "dev")["leases"].values())
