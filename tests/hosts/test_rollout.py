"""Rollouts behind a load balancer: what it's told, and when; what becomes of it when the controller dies."""

import json
import signal
import subprocess
import textwrap
import time

import pytest

from cdconf.deploy.drains import DOUBT
from tests.hosts.conftest import FILES
from tests.hosts.live import Live, eventually, provisioned
from tests.hosts.test_dead_mans_switch import pinned

pytestmark = pytest.mark.hosts

WITHIN = 6  # seconds; a host that drains puts back after twice as long, and 5 s
DRAIN = "{group: lb, command: balance drain, undrain: balance undrain, wait: 1s}"
CONFIG = (
    textwrap.dedent(FILES["cdconf.yml"])
    .replace("project: e2e", "project: rolling")
    .replace("  web: [app]\n", "  web: [app]\n  lb: [balancer]\n")
    .replace("batches:", f"confirm_within: {WITHIN}s\n    drain: {DRAIN}\n    batches:")
    .replace("within: 8s", "within: 4s")
)
CONFIG = "".join(line for line in CONFIG.splitlines(True) if "migrate:" not in line)
OWN = {
    "cdconf.yml": CONFIG,
    "inventories/dev/hosts.yml": """
        provider: docker
        hosts:
          web1: {groups: [web]}
          web2: {groups: [web]}
          lb1: {groups: [lb]}
    """,
    "roles/balancer/role.yml": """
        resources:
          - package: [curl]
          - directory: /var/lib/balance
          - file: /usr/local/sbin/balance
            source: balance
            mode: "0755"
    """,
    # Writes down what it's asked to do, and which version the host served then.
    "roles/balancer/files/balance": """
        #!/bin/sh
        served=$(curl -s -m 3 "http://$CDCONF_ADDRESS:8000/")
        echo "$1 $CDCONF_HOST ${served:-nothing}" >> /var/lib/balance/log
        if [ -e "/var/lib/balance/fails-$1" ]; then echo "no such server" >&2; exit 3; fi
        if [ "$1" = drain ]; then touch "/var/lib/balance/$CDCONF_HOST"; else rm -f "/var/lib/balance/$CDCONF_HOST"; fi
    """,
    "roles/balancer/smoke/test_balance.py": """
        def test_it_is_there(host):
            assert host.exists("balance")
    """,
}


class Rolling(Live):
    """A project with two web hosts and a load balancer, which run."""

    def log(self):
        """What the load balancer was told since it was last asked, as (what, host, version that it served)."""
        text = self.on("lb1", "cat /var/lib/balance/log; rm -f /var/lib/balance/log")
        return [tuple(line.split()) for line in text.splitlines()]

    def out_of_use(self):
        return self.on("lb1", "ls /var/lib/balance | grep web").split()

    def drained(self):
        """What `status` says is drained."""
        return self.document("status", "dev")["drained"].get("app", {})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with provisioned(tmp_path_factory.mktemp("rolling"), FILES | OWN, Rolling) as one:
        yield one


@pytest.fixture
def rolling(world):
    """The same, with a configuration and a load balancer that a test may spoil."""
    world.on("lb1", "rm -f /var/lib/balance/fails-* /var/lib/balance/log")
    yield world
    (world.root / "cdconf.yml").write_text(CONFIG)
    world.on("lb1", "rm -f /var/lib/balance/fails-*")
    world.free()


@pytest.fixture
def deployed(rolling, request):
    version = rolling.release(newest="newer" not in request.fixturenames)
    rolling.log()
    return version


@pytest.fixture
def newer(rolling, deployed):
    return rolling.commit(note=str(time.time_ns()))


def ledger(rolling, host):
    return json.loads(rolling.on(host, "cat /var/lib/cdconf/rolling/ledger.json"))["app"]


def configured(rolling, old, new):
    assert old in CONFIG
    (rolling.root / "cdconf.yml").write_text(CONFIG.replace(old, new))


def test_a_batch_is_taken_out_before_it_changes_and_put_back_when_it_is_well(rolling, deployed, newer):
    result = rolling("deploy", "app", "--to", "dev")
    assert rolling.log() == [
        ("drain", "web1", deployed),
        ("undrain", "web1", newer),
        ("drain", "web2", deployed),
        ("undrain", "web2", newer),
    ]
    steps = [line[4:] for line in result.stderr.splitlines() if line.startswith("==> ")]
    kinds = ("drain", "activate", "health", "smoke tests", "put back into use")
    wanted = [f"batch {number} of 2: {kind}: web{number}" for number in (1, 2) for kind in kinds]
    assert [step for step in steps if step.startswith("batch")] == wanted
    assert "lb1   ok=0 changed=0 failed=0" in result.stdout
    assert rolling.drained() == {}
    rolling("drift", "dev")
    assert rolling.document("rollback", "dev", "app")["hosts_touched"] == ["web1", "web2"]
    assert [one[:2] for one in rolling.log()] == [
        (what, host) for host in ("web1", "web2") for what in ("drain", "undrain")
    ]


def test_a_load_balancer_whose_controller_was_killed_puts_back_by_itself(rolling, deployed, newer):
    process = rolling.deploying("health: web1")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert rolling.out_of_use() == ["web1"]
    about = rolling.drained()["web1"]["lb1"]
    assert 0 < about["expires_in_s"] <= 2 * WITHIN + 5
    said = rolling("status", "dev").stderr
    assert "web1 is drained on lb1 for app; " in said
    assert " s)" in said
    leases = rolling.document("lock", "status", "dev")["leases"]
    assert leases["lb1"] is None or leases["lb1"]["reason"].startswith("deploy")
    assert eventually(lambda: not rolling.out_of_use(), 2 * WITHIN + 15)
    assert rolling.log() == [("drain", "web1", deployed), ("undrain", "web1", deployed)], "web1 was back before"
    assert rolling.drained() == {}
    rolling.free()
    rolling("drift", "dev")
    rolling("deploy", "app", "--to", "dev")
    assert rolling.served() == {"web1": newer, "web2": newer}


def test_a_load_balancer_that_reboots_puts_back_at_once_what_a_dead_run_has_drained(rolling, deployed, newer):
    configured(rolling, f"confirm_within: {WITHIN}s", "confirm_within: 60s")
    process = rolling.deploying("health: web1")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    name = f"cdconf-rolling-dev-lb1-{(rolling.root / '.cdconf/checkout').read_text().strip()}"
    subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    rolling("provision", "dev", "--limit", "lb1")
    assert eventually(lambda: not rolling.out_of_use(), 30), "long before its time is over"
    assert rolling.log()[-1][:2] == ("undrain", "web1")
    rolling.free()
    rolling("deploy", "app", "--to", "dev")
    assert rolling.served() == {"web1": newer, "web2": newer}


def test_resume_puts_back_what_a_dead_run_has_drained(rolling, deployed, newer):
    configured(rolling, f"confirm_within: {WITHIN}s", "confirm_within: 0")
    process = rolling.deploying("health: web1")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    rolling.free()
    assert rolling.drained()["web1"]["lb1"]["expires_in_s"] is None
    assert "put back by `cdconf deploy app --to dev --resume`" in rolling("status", "dev").stderr
    rolling("deploy", "app", "--to", "dev", "--resume", code=1)
    assert rolling.log() == [("drain", "web1", deployed), ("undrain", "web1", deployed)]
    assert (rolling.out_of_use(), rolling.drained()) == ([], {})


def test_ctrl_c_puts_back(rolling, deployed, newer):
    process = rolling.deploying("health: web1")
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, rest
    assert "put back into use: web1" in rest
    assert rolling.log() == [("drain", "web1", deployed), ("undrain", "web1", deployed)]
    assert (rolling.out_of_use(), rolling.drained()) == ([], {})
    assert rolling.served() == {"web1": deployed, "web2": deployed}


def test_a_release_that_is_not_well_is_rolled_back_before_its_host_is_put_back(rolling, deployed):
    good = (rolling.root / "serve.py").read_text()
    bad = rolling.commit(**{"serve.py": good.replace("send_response(200)", "send_response(500)")})
    try:
        rolling("deploy", "app", "--to", "dev", code=1)
    finally:
        rolling.commit(**{"serve.py": good})
    assert rolling.log() == [("drain", "web1", deployed), ("undrain", "web1", deployed)]
    assert bad in pinned(ledger(rolling, "web1"))


def test_a_drain_that_fails_activates_nothing_and_is_no_verdict(rolling, deployed, newer):
    rolling.on("lb1", "touch /var/lib/balance/fails-drain")
    result = rolling("deploy", "app", "--to", "dev", code=1)
    assert "lb1 doesn't drain: the drain command for web1 failed (no host was touched)" in result.stderr
    assert "exit status: 3" in result.stderr
    assert "no such server" in result.stderr
    assert rolling.log() == [("drain", "web1", deployed), ("undrain", "web1", deployed)]
    assert rolling.served() == {"web1": deployed, "web2": deployed}
    assert newer not in pinned(ledger(rolling, "web1"))
    rolling("drift", "dev")


def test_a_host_that_can_not_be_put_back_is_named_and_the_next_deployment_does_it(rolling, deployed, newer):
    rolling.on("lb1", "touch /var/lib/balance/fails-undrain")
    result = rolling("deploy", "app", "--to", "dev", code=1)
    assert "STILL DRAINED: web1" in result.stderr
    assert "lb1 doesn't put it back: the undrain command for web1 failed" in result.stderr
    assert rolling.served() == {"web1": deployed, "web2": deployed}
    assert list(rolling.drained()) == ["web1"]
    rolling.on("lb1", "rm /var/lib/balance/fails-undrain")
    rolling.log()
    rolling.free()
    rolling("deploy", "app", "--to", "dev")
    assert rolling.served() == {"web1": newer, "web2": newer}
    assert (rolling.out_of_use(), rolling.drained()) == ([], {})


FALLS_ILL = """
def test_the_host_falls_ill_as_soon_as_it_was_proven(host):
    assert host.run("touch /run/ill").rc == 0
"""


def test_a_batch_that_would_leave_too_few_is_not_begun(rolling, deployed, newer):
    health = 'health: {http: "http://127.0.0.1:8000/", command: "test ! -e /run/ill", within: 3s}'
    old = next(line.strip() for line in CONFIG.splitlines() if "health:" in line)
    configured(rolling, old, f"{health}\n    max_unavailable: 1")
    trap = rolling.root / "roles/app/smoke/test_trap.py"
    trap.write_text(FALLS_ILL)
    try:
        result = rolling("deploy", "app", "--to", "dev", code=1)
        trap.unlink()
        wanted = "batch web2 isn't begun: 2 of 2 hosts of 'app' would be out of use, and max_unavailable allows 1"
        assert wanted in result.stderr
        why = "web1 (not healthy: the command `test ! -e /run/ill` ended with exit status 1, expected 0)"
        assert why in result.stderr
        assert "web2" not in [host for _, host, _ in rolling.log()]
        assert rolling.served() == {"web1": deployed, "web2": deployed}
        assert newer not in pinned(ledger(rolling, "web1"))
        rolling.on("web1", "rm /run/ill")
        rolling.on("web2", "systemctl stop app")
        rolling("deploy", "app", "--to", "dev")
        assert [host for what, host, _ in rolling.log() if what == "drain"] == ["web2", "web1"], "the ill one first"
    finally:
        trap.unlink(missing_ok=True)
        rolling.on("web1", "rm -f /run/ill")
        rolling.on("web2", "rm -f /run/ill")
    assert rolling.served() == {"web1": newer, "web2": newer}


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ('http: "http://127.0.0.1:8000/", contains: welcome', "expected 'welcome' in it"),
        ('http: "http://127.0.0.1:8000/", status: 204', "http://127.0.0.1:8000/ answered 200 with '"),
        ("tcp: 127.0.0.1:8001", "127.0.0.1:8001 gave '[Errno 111] Connection refused', expected it to accept"),
        ('command: "echo the queue is full; exit 4"', "ended with exit status 4, expected 0: the queue is full"),
        ("systemd: [app, queue]", "unit 'queue' has no file on this host (not-found), expected it to be active"),
    ],
)
def test_a_health_check_that_fails_says_what_was_expected_and_what_came(rolling, deployed, newer, check, said):
    old = next(line.strip() for line in CONFIG.splitlines() if "health:" in line)
    configured(rolling, old, f"health: {{{check}, within: 2s}}")
    result = rolling("deploy", "app", "--to", "dev", code=1)
    assert "not healthy after 2 s (" in result.stderr
    assert said in result.stderr
    assert rolling.served() == {"web1": deployed, "web2": deployed}


def test_checks_of_all_kinds_can_hold_at_once(rolling, deployed, newer):
    old = next(line.strip() for line in CONFIG.splitlines() if "health:" in line)
    check = f'http: "http://127.0.0.1:8000/", status: [200], contains: "{newer}", tcp: "127.0.0.1:8000"'
    configured(rolling, old, f"health: {{{check}, command: 'true', systemd: app, within: 9s}}")
    rolling("deploy", "app", "--to", "dev")
    assert rolling.served() == {"web1": newer, "web2": newer}


def test_provision_drains_and_soaks_hosts_that_serve_batch_by_batch(rolling, deployed):
    configured(rolling, "batches:", "soak: 2s\n    batches:")
    role = rolling.root / "roles/app/role.yml"
    good = role.read_text()
    role.write_text(good.replace("port=8000", f"port=8000  # {time.time_ns()}"))
    try:
        result = rolling("provision", "dev")
        log = rolling.log()
        assert rolling("provision", "dev").stdout.count("changed=0") == 3
    finally:
        role.write_text(good)
    assert log == [(what, host, deployed) for host in ("web1", "web2") for what in ("drain", "undrain")]
    assert rolling.log() == [], "who doesn't change isn't drained"
    steps = [line[4:] for line in result.stderr.splitlines() if line.startswith("==> batch")]
    kinds = ("drain", "converge", "health and smoke tests", "put back into use")
    wanted = [f"batch {number} of 2: {kind}: web{number}" for number in (1, 2) for kind in kinds]
    assert steps == [*wanted[:4], "batch 1 of 2: soak 2 s: web1", *wanted[4:]]
    assert rolling.drained() == {}
    rolling("provision", "dev", "--limit", "web1,web2")
    assert [host for what, host, _ in rolling.log() if what == "undrain"] == ["web1", "web2"], "lb1 is held as well"


@pytest.fixture
def spoiling(rolling, deployed):
    """Changes the role, so that hosts restart the app, and a smoke test finds out when the change is bad."""
    role, smoke = rolling.root / "roles/app/role.yml", rolling.root / "roles/app/smoke/test_port.py"
    text = role.read_text()
    smoke.write_text("def test_port(host):\n    assert 'bad' not in host.file('/etc/app.conf').content_string\n")
    yield lambda word: role.write_text(text.replace("port=8000", f"port={word}"))
    role.write_text(text)
    smoke.unlink()
    rolling("undrain", "app", "--env", "dev", "--yes")
    rolling("provision", "dev", "--limit", "web")


def test_a_host_that_a_provision_spoils_is_kept_out_of_use_until_it_is_proven(rolling, spoiling):
    spoiling("bad")
    rolling("provision", "dev", "--limit", "web", code=1)
    assert rolling.out_of_use() == ["web1"]
    kept = rolling.drained()["web1"]["lb1"]["kept"]
    assert kept["reason"] == "smoke tests failed: app: test_port.py::test_port"
    watched = "systemctl is-active -q cdconf-drain-rolling.app && echo watched"
    assert eventually(lambda: not rolling.on("lb1", watched), 10), "nothing is left for the host to put back"
    rolling("deploy", "app", "--to", "dev", code=1)  # it has the release, and still isn't well
    assert rolling.out_of_use() == ["web1"]
    assert "web1 is kept out of use on lb1 for app since" in rolling("status", "dev").stderr
    assert list(rolling.document("drift", "dev", code=2)["kept"]["app"]) == ["web1"]
    spoiling("8001")
    rolling("provision", "dev", "--limit", "web")
    assert (rolling.out_of_use(), rolling.drained()) == ([], {})


def test_a_provision_that_is_killed_leaves_the_host_that_it_was_at_out_of_use(rolling, spoiling):
    spoiling("bad")
    process = rolling.begun("provision", "dev", "--limit", "web", until="batch 1 of 2: health and smoke tests: web1")
    process.kill()
    process.communicate()
    rolling.free()
    watched = "systemctl is-active -q cdconf-drain-rolling.app && echo watched"
    assert eventually(lambda: not rolling.on("lb1", watched), 10), "nothing is left for the host to put back"
    kept = rolling.drained()["web1"]["lb1"]["kept"]
    assert (rolling.out_of_use(), kept["reason"]) == (["web1"], DOUBT)
    spoiling("8003")
    rolling("provision", "dev", "--limit", "web")
    assert (rolling.out_of_use(), rolling.drained()) == ([], {})


def test_hosts_that_can_not_be_looked_at_keep_a_provision_from_changing_any(rolling, spoiling):
    page = "/var/lib/cdconf/rolling/ledger.json"
    spoiling("8002")
    rolling.on("web2", f"cp {page} /root/ledger; echo '{{' > {page}")
    try:
        result = rolling("provision", "dev", "--limit", "web", code=1)
        assert "web2: failed: " in result.stderr
        assert "ledger.json is damaged" in result.stderr
        assert "8002" not in rolling.on("web1", "cat /etc/app.conf") + rolling.on("web2", "cat /etc/app.conf")
        found = rolling.document("drift", "dev", code=1)
        assert (found["hosts"]["web2"]["status"], found["ok"]) == ("failed", False)
    finally:
        rolling.on("web2", f"cp /root/ledger {page}")


def test_a_controller_that_slept_says_what_became_of_the_hosts(rolling, deployed, newer):
    process = rolling.deploying("1 of 2: smoke tests: web1")
    process.send_signal(signal.SIGSTOP)
    assert eventually(lambda: ledger(rolling, "web1")["reverted"], 4 * WITHIN + 10)
    assert eventually(lambda: not rolling.out_of_use(), 2 * WITHIN + 10)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 4
    assert "NOT rolled back" not in said
    assert "DRAINED" not in said
    assert "every touched host was rolled back" in said
