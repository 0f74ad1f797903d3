"""Drift that is accepted for a while, and drift that is put back, on real hosts."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.hosts

ROLE = "roles/app/role.yml"
WAIVERS = "inventories/dev/waivers.yml"
BAD_SMOKE = "def test_it_never_works(host):\n    assert False, 'the canary is dead'\n"


@pytest.fixture(scope="module")
def deployed(live):
    """A release that runs on all hosts; returns its version."""
    live("provision", "dev")
    version = live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev")
    return version


@pytest.fixture
def seeded(live, deployed):
    """Hosts on which somebody has changed things of several kinds at once; the version that runs there."""
    role = (live.root / ROLE).read_text()
    live.on("web1", "echo port=9 > /etc/app.conf; chmod 777 /etc/app.conf")
    live.on("web1", "systemctl disable -q app; systemctl stop app")
    live.on("web2", "rm /etc/systemd/system/app.service; chmod 604 /etc/app.conf")
    live.on("web2", "cd /srv/app; echo '#' >> current/serve.py; cp -a current/. releases/mine")
    live.on("web2", "ln -sfn releases/mine /srv/app/current")
    yield deployed
    (live.root / ROLE).write_text(role)
    (live.root / WAIVERS).unlink(missing_ok=True)
    live.on("web2", "rm -rf /srv/app/releases/mine")
    live("drift", "dev", "--fix")


def told(document, key):
    return {(one["host"], one["type"], one["title"]) for one in document["fix"][key]}


def test_what_was_changed_by_hand_is_put_back_and_all_else_is_left_and_listed(live, seeded):
    role = (live.root / ROLE).read_text()
    (live.root / ROLE).write_text(role.replace("handlers:", "  - file: /etc/new\n    content: x\nhandlers:"))
    live("waiver", "add", "dev", "web2", "file", "/etc/app.conf", "--until", "1d", "--reason", "it: moves")
    shown = live.document("drift", "dev", "--fix", "--check", code=2)
    would = {
        ("web1", "file", "/etc/app.conf"),
        ("web1", "service", "app"),
        ("web1", "release", "app"),
        ("web2", "systemd_unit", "app.service"),
        ("web2", "release", "app"),
    }
    left = {("web1", "file", "/etc/new"), ("web2", "file", "/etc/new")}
    assert would <= told(shown, "would_mend")
    assert left <= told(shown, "left")
    assert live.on("web1", "cat /etc/app.conf") == "port=9"
    document = live.document("drift", "dev", "--fix", code=2)
    assert told(document, "mended") >= would
    assert told(document, "left") == left
    assert {one["repair"] for one in document["fix"]["left"]} == {
        f"`cdconf provision dev --limit {host}`" for host in ("web1", "web2")
    }
    assert live.served() == {"web1": seeded, "web2": seeded}
    assert (
        live.on("web1", "cat /etc/app.conf; stat -c %a /etc/app.conf; systemctl is-enabled app")
        == "port=8000\n640\nenabled"
    )
    assert live.on("web2", "stat -c %a /etc/app.conf") == "604"
    assert "mine" not in live.on("web2", "readlink /srv/app/current")
    run = live.document("history", "dev", "--limit", "1")["runs"][0]
    assert (run["command"], run["detail"]) == ("drift", f"--fix: mended {len(document['fix']['mended'])}, left 2")
    (live.root / ROLE).write_text(role)
    clean = live.document("drift", "dev")
    assert clean["waivers"]["waived"] >= 1
    assert clean["hosts"]["web2"]["resources"][0]["waived"] == "it: moves"
    assert clean["hosts"]["web2"]["status"] == "ok"
    assert live.document("drift", "dev", "--fix")["fix"]["mended"] == []


def test_a_batch_that_doesnt_prove_well_stops_it(live, deployed):
    for host in ("web1", "web2"):
        live.on(host, "chmod 777 /etc/app.conf")
    smoke = live.root / "roles/app/smoke/test_app.py"
    kept = smoke.read_text()
    smoke.write_text(BAD_SMOKE)
    try:
        result = live("drift", "dev", "--fix", code=1)
    finally:
        smoke.write_text(kept)
    assert "the canary is dead" in result.stderr
    modes = [live.on(host, "stat -c %a /etc/app.conf") for host in ("web1", "web2")]
    assert modes == ["640", "777"]
    live("drift", "dev", "--fix")
    live("drift", "dev")


def test_a_run_that_is_killed_leaves_nothing_half_and_the_next_one_ends_it(live, deployed):
    started = live.on("web1", "systemctl show -p ActiveEnterTimestampMonotonic app")
    for host in ("web1", "web2"):
        live.on(host, "echo port=9 > /etc/app.conf")
    process = live.begun("drift", "dev", "--fix", until="batch 1 of 2: converge: web1")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    live.free()
    assert live.on("web1", "cat /etc/app.conf") in ("port=9", "port=8000")
    live("drift", "dev", "--fix")
    live("drift", "dev")
    for host in ("web1", "web2"):
        assert live.on(host, "cat /etc/app.conf") == "port=8000"
    assert live.on("web1", "systemctl show -p ActiveEnterTimestampMonotonic app") != started
    assert live.served() == {"web1": deployed, "web2": deployed}


def test_it_waits_for_nobody_who_holds_a_host(live, deployed):
    live.on("web2", "chmod 777 /etc/app.conf")
    process = live.begun("lock", "take", "dev", "--reason", "mine", "--", "echo held >&2; sleep 30", until="held")
    try:
        assert "mine" in live("drift", "dev", "--fix", code=3).stderr
        assert live.on("web2", "stat -c %a /etc/app.conf") == "777"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    live.free()
    live("drift", "dev", "--fix")


def test_the_first_day_on_an_old_fleet(live, deployed):
    live.on("web1", "chmod 600 /etc/app.conf; systemctl disable -q app")
    try:
        document = live.document("waiver", "baseline", "dev", "--until", "1d", "--reason", "as it was")
        assert [(one["host"], one["title"]) for one in document["waivers"]] == [
            ("web1", "/etc/app.conf"),
            ("web1", "app"),
        ]
        live("drift", "dev")
        live.on("web2", "chmod 600 /etc/app.conf")
        assert "= web1: file /etc/app.conf: waived until" in live("drift", "dev", code=2).stderr
        fixed = live.document("drift", "dev", "--fix")
        assert told(fixed, "mended") == {("web2", "file", "/etc/app.conf")}
        assert live.on("web1", "stat -c %a /etc/app.conf") == "600"
        text = (live.root / WAIVERS).read_text()
        (live.root / WAIVERS).write_text(text.replace(document["waivers"][0]["until"], "2026-01-01"))
        assert "its waiver ended on 2026-01-01" in live("drift", "dev", code=2).stderr
    finally:
        (live.root / WAIVERS).unlink()
    live("drift", "dev", "--fix")
    assert live.on("web1", "systemctl is-enabled app") == "enabled"
