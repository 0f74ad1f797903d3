"""The dead man's switch: a host whose deployment died goes back by itself, also over a reboot."""

import json
import signal
import subprocess
import time

import pytest

from tests.conftest import cdconf
from tests.hosts.live import eventually
from tests.hosts.test_main_job import container, deployed
from tests.inside import inside

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]

WITHIN = 12  # seconds; the host that's activated first waits twice as long
PAGE = "cat /var/lib/cdconf/e2e/ledger.json"
ARMED = "ls /var/lib/cdconf/e2e/switch-app.json"


@pytest.fixture
def quick(live):
    """The app with a short `confirm_within`."""
    file = live.root / "cdconf.yml"
    text = file.read_text()
    file.write_text(text.replace("keep: 5", "").replace("batches:", f"confirm_within: {WITHIN}s\n    batches:"))
    yield live
    file.write_text(text)


@pytest.fixture
def newer(quick, deployed):
    """The version of a build that isn't deployed yet."""
    return quick.commit(note=str(time.time_ns()))


def killed(live, after):
    process = live.deploying(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return time.monotonic()


def page(live, host):
    return json.loads(live.on(host, PAGE))["app"]


def pinned(ledger):
    """The versions that are pinned: other tests may have left some."""
    return {one["version"] for one in ledger["pinned"].values()}


def test_a_host_whose_controller_was_killed_goes_back_by_itself(quick, deployed, newer):
    since = killed(quick, "health: web1")
    assert quick.on("web1", "cat /srv/app/current/VERSION") == newer
    quick.free()  # until then nobody can know that the deployment is dead
    stands = quick.document("status", "dev")
    assert stands["interrupted"]["app"]["ending"] == "roll_back"
    assert stands["interrupted"]["app"]["activated"] == ["web1"]
    assert 0 < stands["status"]["web1"]["apps"]["app"]["reverts_in_s"] <= 2 * WITHIN
    assert eventually(lambda: not quick.on("web1", ARMED), 2 * WITHIN + 10)
    assert time.monotonic() - since >= WITHIN - 3, "not before its time: the last beat may be 2 s older than the kill"
    assert quick.served() == {"web1": deployed, "web2": deployed}
    ledger = page(quick, "web1")
    assert ledger["activating"] is None
    assert newer not in pinned(ledger)
    assert ledger["reverted"]["to"] == ledger["verified"][-1] == ledger["current"]
    shown = quick("status", "dev")
    assert "went back by itself from" in shown.stdout
    assert "interrupted" not in shown.stderr
    quick.free()
    quick("drift", "dev")
    quick("deploy", "app", "--to", "dev")
    assert quick.served() == {"web1": newer, "web2": newer}
    assert not quick.on("web1", ARMED)


def test_a_host_that_reboots_in_between_starts_with_the_verified_release(quick, deployed, newer):
    killed(quick, "health: web1")
    assert quick.on("web1", "cat /srv/app/current/VERSION") == newer
    subprocess.run(["docker", "kill", container(quick, "web1")], check=True, capture_output=True)
    quick("provision", "dev", "--limit", "web1")
    assert (
        quick.on("web1", "curl -sS --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:8000/") == deployed
    )
    started = quick.on("web1", "journalctl -b -o cat -u cdconf-switch-e2e.app.service")
    assert "goes back to" in started, started
    order = "systemctl show -p ExecMainStartTimestampMonotonic --value "
    assert int(quick.on("web1", order + "cdconf-switch-e2e.app")) < int(quick.on("web1", order + "app"))
    assert page(quick, "web1")["activating"] is None
    quick.free()
    quick("deploy", "app", "--to", "dev")
    assert quick.served() == {"web1": newer, "web2": newer}


def test_a_host_that_is_cut_off_goes_back_by_itself_and_its_lease_comes_free(quick, deployed, newer):
    name, network = container(quick, "web1"), f"cdconf-e2e-dev-{container(quick, 'web1').rpartition('-')[2]}"
    process = quick.deploying("health: web1")
    subprocess.run(["docker", "network", "disconnect", network, name], check=True, capture_output=True)
    try:
        out, rest = process.communicate(timeout=120)
        assert process.returncode == 4, rest
        assert f"goes back by itself within {2 * WITHIN} s" in rest
        read = [*inside(name), "cat", "/srv/app/current/VERSION"]

        def linked():
            return subprocess.run(read, check=True, capture_output=True, text=True).stdout.strip() == deployed

        assert eventually(linked, 2 * WITHIN + 10), out
    finally:
        subprocess.run(["docker", "network", "connect", network, name], check=True, capture_output=True)
    quick.free()
    assert eventually(lambda: cdconf(quick.root, "deploy", "app", "--to", "dev").returncode == 0, 60)
    assert quick.served() == {"web1": newer, "web2": newer}


def test_a_deployment_that_every_host_had_is_confirmed_by_resume(live, deployed):
    newer = live.commit(note=str(time.time_ns()))
    killed(live, "smoke tests: web2")
    live.free()
    assert live.document("status", "dev")["interrupted"]["app"]["ending"] == "confirm"
    starts = live.on("web1", "systemctl show -p ExecMainStartTimestampMonotonic app")
    document = live.document("deploy", "app", "--to", "dev", "--resume")
    assert document["hosts_touched"] == ["web1", "web2"]
    assert live.served() == {"web1": newer, "web2": newer}
    assert live.on("web1", "systemctl show -p ExecMainStartTimestampMonotonic app") == starts
    assert page(live, "web2")["verified"][-1].startswith(newer)
    live("drift", "dev")
    assert live.document("deploy", "app", "--to", "dev", "--resume")["release"] is None


def test_a_deployment_that_some_hosts_had_is_rolled_back_by_resume(live, deployed):
    newer = live.commit(note=str(time.time_ns()))
    killed(live, "health: web1")
    live.free()
    result = live("deploy", "--to", "dev", "--resume", code=1)
    assert "was interrupted (every touched host was rolled back)" in result.stderr
    assert live.served() == {"web1": deployed, "web2": deployed}
    assert newer not in pinned(page(live, "web1"))
    live("drift", "dev")


READ_ONLY = """
def test_web2_can_write_nothing_from_here_on(host):
    if host.check_output("hostname") == "web2":
        folder = "/var/lib/cdconf/e2e"
        assert host.run(f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}").rc == 0
"""


def test_a_host_that_missed_the_commit_goes_back_is_named_and_brought_on_by_resume(quick, deployed, newer):
    trap = quick.root / "roles/app/smoke/test_trap.py"
    trap.write_text(READ_ONLY)
    try:
        result = quick("deploy", "app", "--to", "dev", code=1)
    finally:
        trap.unlink()
        quick.on("web2", "umount -l /var/lib/cdconf/e2e")
    assert "didn't hear the confirmation" in result.stderr
    assert quick.on("web2", "cat /srv/app/current/VERSION") == newer
    assert eventually(lambda: not quick.on("web2", ARMED), 2 * WITHIN + 20)
    gone_back = {"web1": newer, "web2": deployed}  # by itself, so that nobody waits until the app answers
    assert eventually(lambda: quick.served() == gone_back, 10), quick.served()
    quick.free()
    stands = quick.document("status", "dev")["interrupted"]["app"]
    assert (stands["ending"], stands["confirmed"], stands["reverted"]) == ("finish", ["web1"], ["web2"])
    assert "taken back by the dead man's switch on web2" in quick("status", "dev").stderr
    assert quick.document("deploy", "app", "--to", "dev", "--resume")["hosts_touched"] == ["web2"]
    assert quick.served() == {"web1": newer, "web2": newer}
    assert quick.document("status", "dev")["interrupted"] == {}


def test_rollback_goes_to_any_version_that_was_verified(live, deployed):
    second = live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev")
    live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev")
    refused = live("rollback", "dev", "app", "--to", "nosuch", code=3)
    assert second in refused.stderr
    assert live.document("rollback", "dev", "app", "--to", deployed)["version"] == deployed
    assert live.served() == {"web1": deployed, "web2": deployed}


def test_soaking_waits_longer_than_a_release_may_stay_without_beats(quick, deployed, newer):
    file = quick.root / "cdconf.yml"
    text = file.read_text()
    file.write_text(text.replace("batches:", f"soak: {2 * WITHIN + 4}s\n    batches:"))
    try:
        began = time.monotonic()
        result = quick("deploy", "app", "--to", "dev")
    finally:
        file.write_text(text)
    assert time.monotonic() - began > 2 * WITHIN + 4
    assert f"soak {2 * WITHIN + 4} s: web1" in result.stderr
    assert quick.served() == {"web1": newer, "web2": newer}


def test_a_release_that_dies_while_it_soaks_is_a_verdict(live, deployed):
    file = live.root / "cdconf.yml"
    text, good = file.read_text(), (live.root / "serve.py").read_text()
    file.write_text(text.replace("batches:", "soak: 40s\n    batches:"))
    dies = "import threading, os\nthreading.Timer(6, lambda: os._exit(3)).start()\n" + good
    deadly = live.commit(**{"serve.py": dies})
    try:
        result = live("deploy", "app", "--to", "dev", code=1)
    finally:
        file.write_text(text)
        live.commit(**{"serve.py": good})
    assert "service 'app' is failed" in result.stderr
    assert live.served() == {"web1": deployed, "web2": deployed}
    assert deadly in pinned(page(live, "web2"))
