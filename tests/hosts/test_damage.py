"""Releases that someone damaged by hand, and runs that are cut short: the next deployment puts all of it right."""

import os
import signal
import subprocess
import time

import pytest

from tests.hosts.test_main_job import container, deployed

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]


@pytest.fixture
def newer(live, deployed):
    """The version of a build that isn't deployed yet."""
    return live.commit(note=str(time.time_ns()))


def test_drift_names_the_files_of_a_release_that_were_changed_and_the_same_deploy_puts_them_back(live, deployed):
    live.on("web1", "cd /srv/app/current; echo '#' >> serve.py; rm VERSION; echo mine > added")
    document = live.document("drift", "dev", code=2)
    (found,) = document["hosts"]["web1"]["resources"]
    assert (found["type"], found["by_hand"]) == ("release", True)
    assert found["diff"].splitlines() == ["missing: VERSION", "changed: serve.py", "added: added"]
    assert document["hosts"]["web2"]["resources"] == []
    assert live.document("deploy", "app", "--to", "dev")["hosts_touched"] == ["web1"]
    live("drift", "dev")
    assert live.served() == {"web1": deployed, "web2": deployed}


def test_bytecode_that_an_app_leaves_beside_its_code_is_no_drift(live, deployed):
    live.on("web1", "mkdir -p /srv/app/current/__pycache__; echo > /srv/app/current/__pycache__/x.cpython-311.pyc")
    live("drift", "dev")


def test_a_damaged_release_never_spoils_the_one_that_comes_after_it(live, newer):
    live.on("web1", "cd /srv/app/current; stat -c %y serve.py > /tmp/then; sed -i s/200/201/ serve.py")
    live.on("web1", 'cd /srv/app/current; touch -d "$(cat /tmp/then)" serve.py')
    live.on("web2", "rm /srv/app/current/serve.py")
    live("deploy", "app", "--to", "dev")
    assert live.served() == {"web1": newer, "web2": newer}
    assert live.on("web1", "grep -c 'send_response(200)' /srv/app/current/serve.py") == "1"
    live("drift", "dev")


def test_rollback_brings_the_release_to_a_host_that_never_had_it(live, deployed, newer):
    live("deploy", "app", "--to", "dev")
    forget = "import json; p = '/var/lib/cdconf/e2e/ledger.json'; open(p, 'w').write('{}')"
    live.on("web2", f'systemctl stop app; rm -r /srv/app/releases /srv/app/current; python3 -c "{forget}"')
    live("rollback", "dev", "app")
    assert live.served() == {"web1": deployed, "web2": deployed}
    live("drift", "dev")


def test_a_service_without_a_unit_is_not_the_releases_fault(live, newer):
    text = (live.root / "cdconf.yml").read_text()
    (live.root / "cdconf.yml").write_text(text.replace("services: [app]", "services: [app, nosuch]"))
    try:
        result = live("deploy", "app", "--to", "dev", code=1)
    finally:
        (live.root / "cdconf.yml").write_text(text)
    assert "'nosuch' has no unit on this host" in result.stderr
    assert "no host was touched" in result.stderr
    live("deploy", "app", "--to", "dev")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_smoke_tests_rolls_back_without_a_traceback(live, deployed, number, code):
    slow = live.root / "roles/app/smoke/test_slow.py"
    live.commit(**{"roles/app/smoke/test_slow.py": "def test_slow(host):\n    host.run('sleep 4')\n"})
    try:
        process = live.deploying("smoke tests: web1")
        time.sleep(2.5)
        os.kill(process.pid, number)
        rest = process.communicate(timeout=60)[1]
    finally:
        slow.unlink()
    assert process.returncode == code, rest
    assert "Traceback" not in rest
    assert live.served() == {"web1": deployed, "web2": deployed}


def test_sigterm_during_a_step_on_hosts_exits_143(live, deployed, newer):
    process = live.deploying("activate: web1")
    os.kill(process.pid, signal.SIGTERM)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 143, rest
    assert live.served() == {"web1": deployed, "web2": deployed}


def test_a_host_that_hangs_is_waited_for_once_and_is_unreachable(live, deployed, newer):
    name = container(live, "web2")
    process = live.deploying("activate: web2")
    subprocess.run(["docker", "pause", name], check=True, capture_output=True)
    began = time.monotonic()
    try:
        out, rest = process.communicate(timeout=120)
    finally:
        subprocess.run(["docker", "unpause", name], check=True, capture_output=True)
    assert process.returncode == 4, rest
    first, second = out.splitlines()
    assert (first.split()[-2:], second.split()[-1]) == (["rolled", "back"], "unreachable")
    assert time.monotonic() - began < 50, "25 s of silence, once"
    assert live.on("web1", "curl -sS http://127.0.0.1:8000/") == deployed
    live.free()
    live("deploy", "app", "--to", "dev")
    assert live.served() == {"web1": newer, "web2": newer}


def test_a_damaged_ledger_is_named_by_drift_with_what_to_do(live, deployed):
    ledger = "/var/lib/cdconf/e2e/ledger.json"
    live.on("web1", f"cp {ledger} /root/ledger; echo '[]' > {ledger}")
    try:
        document = live.document("drift", "dev", code=1)
        shown = live("drift", "dev", code=1)
    finally:
        live.on("web1", f"cp /root/ledger {ledger}")
    statuses = {name: (one["status"], one["error"]) for name, one in document["hosts"].items()}
    assert statuses["web2"] == ("ok", None)
    assert statuses["web1"][0] == "failed"
    for text in (statuses["web1"][1], shown.stderr):
        assert f"{ledger} is damaged: it is a list, not an object" in text
        assert "hint: look at it" in text
    live("drift", "dev")


def test_what_another_users_service_runs_from_is_seen_without_root_s_right_to_look(live, deployed):
    """Root in a container has no CAP_SYS_PTRACE."""
    place = "/etc/systemd/system/app.service.d"
    text = r"[Service]\nUser=nobody\nExecStart=\nExecStart=/usr/bin/python3 serve.py\n"
    pid = "$(systemctl show -p MainPID --value app)"
    live.on("web1", f"mkdir {place}; printf '{text}' > {place}/x.conf; systemctl daemon-reload; systemctl restart app")
    try:
        look = ["bash", "-c", f"readlink /proc/{pid}/cwd || echo unseen"]
        seen = subprocess.run(  # by the engine, since who enters the namespaces by himself keeps all his rights
            ["docker", "exec", live.container("web1"), *look], capture_output=True, text=True, check=True
        )
        assert seen.stdout == "unseen\n"
        live("drift", "dev")
    finally:
        live.on("web1", f"rm -r {place}; systemctl daemon-reload; systemctl restart app")
