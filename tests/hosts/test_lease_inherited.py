"""What a run starts works within its lease, under its number, and no longer than it; everybody else is refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import CDCONF, cdconf, write
from tests.hosts.live import eventually
from tests.hosts.test_main_job import deployed

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]

LEASE = "cat /var/lib/cdconf/e2e/lease.json"


@pytest.fixture
def other(live, tmp_path):
    """Another checkout of the project that reaches the same hosts."""
    root = tmp_path / "other"
    shutil.copytree(live.root, root, symlinks=True)
    return root


def script(live, text):
    """A script of the checkout in which `cdconf` is this one."""
    path = live.root / "release.sh"
    path.write_text(f'set -e\ncdconf() {{ {sys.executable} -m cdconf "$@"; }}\n{text}\n')
    return ["sh", str(path)]


def holding(live, words, **keywords):
    command = [*CDCONF, "lock", "take", "dev", "--reason", "release 2", "--", *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | keywords
    return subprocess.Popen(command, cwd=live.root, text=True, **streams)


def held(live):
    return json.loads(live.on("web1", LEASE))


def test_provision_and_deploy_work_within_a_lease_that_refuses_another_clone(live, deployed, other):
    version = live.commit(note=str(time.time_ns()))
    live.on("web1", "rm /etc/app.conf")
    go = live.root / "go"
    text = f"""
        cdconf provision dev --json >provisioned.json
        cdconf deploy app --to dev --json >deployed.json
        while [ ! -e {go} ]; do sleep 0.2; done
        rm {go}
        cdconf run dev -- cat {LEASE.split()[1]}
    """
    process = holding(live, script(live, text))
    try:
        assert eventually((live.root / "deployed.json").exists, 60)
        refused_at = [(other, ["deploy", "app", "--to", "dev"]), (other, ["run", "dev", "--", "true"])]
        for root, command in [*refused_at, (live.root, ["provision", "dev"])]:
            refused = cdconf(root, *command)
            assert refused.returncode == 3, refused.stdout + refused.stderr
            assert "(release 2" in refused.stderr
        fence = held(live)["fence"]
        shown = live.document("lock", "status", "dev")["leases"]["web1"]
        assert shown["reason"] == "release 2"
        go.touch()
        out, rest = process.communicate(timeout=120)
    finally:
        process.kill()
        go.unlink(missing_ok=True)
    assert process.returncode == 0, rest
    lease = json.loads("".join(line.partition(": ")[2] for line in out.splitlines() if line.startswith("web1: ")))
    assert (lease["fence"], [one["reason"] for one in lease["inner"]]) == (fence, ["run"]), "all under one number"
    documents = [json.loads((live.root / name).read_text()) for name in ("provisioned.json", "deployed.json")]
    assert [one["exit_code"] for one in documents] == [0, 0]
    assert documents[0]["hosts"]["web1"]["changed"] > 0
    assert live.served() == {"web1": version, "web2": version}
    assert live.document("lock", "status", "dev")["leases"] == {"web1": None, "web2": None}
    assert cdconf(other, "run", "dev", "--", "true").returncode == 0
    assert "take all: release 2: sh " in live("history", "dev").stdout
    live("drift", "dev")


def test_the_secret_is_in_no_output_and_the_exit_code_is_the_command_s_own(live, deployed):
    process = holding(live, script(live, "cdconf run dev -- true; echo $CDCONF_LEASE >lent; exit 7"))
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 7, rest
    (link,) = json.loads((live.root / "lent").read_text())
    everything = out + rest + (live.root / ".cdconf/history.jsonl").read_text() + json.dumps(held(live))
    assert link["secret"] not in everything
    assert link["hosts"] == ["web1", "web2"]
    late = cdconf(live.root, "run", "dev", "--", "true", CDCONF_LEASE=json.dumps([link]))
    assert late.returncode == 3
    assert "the run that has started this one no longer holds the host" in late.stderr


def test_what_a_killed_run_has_started_ends_its_change_whole_and_is_refused_then(live, deployed, other):
    text = """
        cdconf run dev --limit web1 -- 'sleep 20; touch /run/whole' 2>at-work || echo $? >ended
        cdconf run dev --limit web1 -- 'touch /run/late' 2>late || echo $? >refused
    """
    live.on("web1", "rm -f /run/whole /run/late")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = holding(live, script(live, text), start_new_session=True, **quiet)
    group = os.getpgid(process.pid)
    try:
        assert eventually(lambda: [one["reason"] for one in held(live).get("inner", [])] == ["run"], 30)
        process.send_signal(signal.SIGKILL)
        process.wait()
        live.free()
        assert not live.on("web1", "ls /run/whole"), "its change is still in hand"
        meanwhile = cdconf(other, "run", "dev", "--limit", "web1", "--", "true")
        assert meanwhile.returncode == 3
        assert "its agent is still at work" in meanwhile.stderr
        assert eventually((live.root / "refused").exists, 60)
    finally:
        os.killpg(group, signal.SIGKILL)
    assert live.on("web1", "ls /run/whole /run/late") == "/run/whole"
    assert (live.root / "refused").read_text().strip() == "3", (live.root / "late").read_text()
    assert "no longer holds the host" in (live.root / "late").read_text()
    for name in ("refused", "at-work", "late"):
        (live.root / name).unlink()
    live("run", "dev", "--", "true")


def test_a_deployment_that_dies_within_a_lease_is_undone_though_the_lease_lives_on(live, deployed):
    version = live.commit(note=str(time.time_ns()))
    config = live.root / "cdconf.yml"
    before = config.read_text()
    config.write_text(before.replace("batches:", "confirm_within: 8s\n    batches:"))
    text = """
        cdconf deploy app --to dev 2>said & deploy=$!
        until grep -q "smoke tests: web1" said; do sleep 0.1; done
        kill -9 $(pgrep -P $deploy || echo $deploy)
        sleep 25
    """
    process = holding(live, script(live, text))
    try:
        _, rest = process.communicate(timeout=120)
    finally:
        process.kill()
        config.write_text(before)
    assert process.returncode != 0, "the host has taken the lease"
    assert "no longer holds the host's lease" in rest
    live.free()
    assert live.served() == {"web1": deployed, "web2": deployed}
    live("deploy", "app", "--to", "dev")
    assert live.served() == {"web1": version, "web2": version}


def test_a_smoke_test_may_use_cdconf_on_the_hosts_that_are_deployed_to(live, deployed, other, monkeypatch):
    monkeypatch.setenv("CDCONF_ISOLATION", "off")  # it needs the operator's keys
    version = live.commit(note=str(time.time_ns()))
    smoke = "roles/app/smoke/test_with_cdconf.py"
    write(
        live.root,
        {
            smoke: """
                import subprocess, sys

                def test_it(host):
                    words = [sys.executable, "-m", "cdconf", "run", "dev", "--", "true"]
                    result = subprocess.run(words, capture_output=True, text=True)
                    assert result.returncode == 0, result.stderr
            """
        },
    )
    try:
        document = live.document("deploy", "app", "--to", "dev")
    finally:
        (live.root / smoke).unlink()
    assert document["hosts_touched"] == ["web1", "web2"]
    assert live.served() == {"web1": version, "web2": version}


def test_of_two_that_a_run_starts_at_once_on_a_host_one_is_refused(live, deployed):
    text = """
        cdconf run dev -- sleep 15 2>first & first=$!
        until [ "$(cdconf lock status dev --json | grep -c '"reason": "run"')" = 2 ]; do sleep 0.3; done
        status=0; cdconf run dev -- true 2>second || status=$?
        wait $first
        exit $status
    """
    process = holding(live, script(live, text))
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 3, rest + (live.root / "second").read_text()
    assert "(run" in (live.root / "second").read_text()
    assert "held by" in (live.root / "second").read_text()


def test_sigterm_reaches_the_command_which_ends_in_order_within_the_lease(live, deployed):
    version = live.commit(note=str(time.time_ns()))
    text = (
        """
        trap 'trap "" TERM; kill -TERM $deploy; wait $deploy || echo $? >ended; exit 0' TERM
        """
        + f"{sys.executable} -m cdconf"
        + """ deploy app --to dev 2>said & deploy=$!
        wait $deploy
    """
    )
    (live.root / "said").unlink(missing_ok=True)
    process = holding(live, script(live, text))
    try:
        said = live.root / "said"
        assert eventually(lambda: said.exists() and "smoke tests: web1" in said.read_text(), 60)
        process.terminate()
        _, rest = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143, rest
    assert (live.root / "ended").read_text().strip() == "143"
    assert live.served() == {"web1": deployed, "web2": deployed}
    assert live.document("lock", "status", "dev")["leases"] == {"web1": None, "web2": None}
    live("deploy", "app", "--to", "dev")
    assert live.served() == {"web1": version, "web2": version}
