"""Feature toggles on real hosts: switched without a deployment, proven, put back, found when changed by hand."""

import signal
import subprocess
import time

import pytest

from tests.conftest import cdconf
from tests.hosts.policies import frozen
from tests.hosts.switchable import ORIGINAL, TOGGLES, switchable

pytestmark = pytest.mark.hosts
BEFORE = {"new_checkout": False, "odd": False, "search": True, "sick": False}
STATE = "stat -c '%U:%G %a' /srv/app/shared/toggles.json; systemctl show -p MainPID --value app"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with switchable(tmp_path_factory.mktemp("toggles"), "e2etoggles") as one:
        assert one.values("web1") == BEFORE, "provision brings them before any release is there"
        one.newer()
        one("deploy", "app", "--to", "dev")
        yield one


@pytest.fixture
def live(world):
    """As at the beginning, whatever the last test did."""
    world.free()
    (world.root / TOGGLES).write_text(ORIGINAL)
    if cdconf(world.root, "drift", "dev").returncode:
        world("provision", "dev")
        world("drift", "dev")
    return world


def toggled(live):
    """The history's runs of `toggle`, the newest first."""
    return [one for one in live.document("history", "dev")["runs"] if one["command"] == "toggle"]


def test_a_toggle_is_switched_on_all_hosts_without_a_restart_and_written_down(live):
    before = [live.on(host, STATE) for host in ("web1", "web2")]
    assert all(one.startswith("root:shop 640") for one in before)
    result = live("toggle", "app", "new_checkout", "on", "--env", "dev")
    assert "==> batch 1 of 2: new_checkout on: web1" in result.stderr
    assert "smoke=2/2" in result.stdout
    assert live.said() == {"web1": ["new_checkout", "search"], "web2": ["new_checkout", "search"]}
    assert [live.on(host, STATE) for host in ("web1", "web2")] == before, "reloaded, not restarted"
    assert live.file == "# What is on here.\napp:\n  search: on  # for ever\n  new_checkout: on\n"
    live("drift", "dev")
    assert "app (new_checkout: off -> on)" in live("history", "dev").stdout
    row = toggled(live)[0]
    assert (row["app"], row["detail"], row["exit_code"]) == ("app", "new_checkout: off -> on", 0)
    assert row["user"]
    again = live.document("toggle", "app", "new_checkout", "on", "--env", "dev")
    assert again["hosts_touched"] == []
    document = live.document("toggle", "app", "search", "off", "--env", "dev")
    assert (document["from"], document["to"], document["hosts_touched"]) == ("on", "off", ["web1", "web2"])
    assert "  search: off  # for ever\n" in live.file
    assert live.said()["web2"] == ["new_checkout"]


def test_check_says_what_would_change_and_changes_nothing(live):
    before = live.on("web1", "find /srv/app /var/lib/cdconf -not -path '*/.agent*' -type f -exec sha256sum {} + | sort")
    document = live.document("toggle", "app", "new_checkout", "on", "--env", "dev", "--check", code=2)
    assert [one["status"] for one in document["hosts"]["web1"]["resources"]] == ["would_change"]
    after = live.on("web1", "find /srv/app /var/lib/cdconf -not -path '*/.agent*' -type f -exec sha256sum {} + | sort")
    assert after == before
    live("toggle", "app", "search", "on", "--env", "dev", "--check")
    assert live.file == ORIGINAL


def test_toggles_are_shown_with_their_values_ages_and_days(live):
    live("toggle", "app", "new_checkout", "on", "--env", "dev")
    shown = live("toggle", "app", "--env", "dev").stdout
    (line,) = [one for one in shown.splitlines() if one.startswith("new_checkout")]
    assert line.split()[1] == "on"
    assert line.count(" s)") == 2, "for how long, of both hosts"
    found = {one["name"]: one for one in live.document("toggle", "app", "--env", "dev")["toggles"]}
    one = found["new_checkout"]
    assert one["environments"]["dev"] == {"value": True, "source": f"{TOGGLES}:4"}
    assert (one["hosts"]["web2"]["value"], one["owner"]) == (True, "anna")
    assert time.time() - one["hosts"]["web2"]["since"] < 120
    assert "did you mean 'new_checkout'?" in live("toggle", "app", "newcheckout", "on", "--env", "dev", code=1).stderr


@pytest.mark.parametrize(
    ("toggle", "why"), [("sick", "answered 500"), ("odd", "smoke tests failed: app: test_app.py::test_it_isnt_odd")]
)
def test_a_toggle_that_makes_the_app_unwell_is_put_back_everywhere(live, toggle, why):
    live.on("web2", "cp /srv/app/shared/toggles.json /tmp/before")
    result = live("toggle", "app", toggle, "on", "--env", "dev", code=1)
    assert why in result.stderr
    assert "what was there before is back on every touched host" in result.stderr
    assert live.said() == {"web1": ["search"], "web2": ["search"]}
    assert live.on("web2", "cmp /srv/app/shared/toggles.json /tmp/before && echo same") == "same"
    assert live.file == ORIGINAL
    live("drift", "dev")
    assert (toggled(live)[0]["exit_code"], toggled(live)[0]["detail"]) == (1, f"{toggle}: off -> on")


def test_a_host_that_cant_be_reached_means_that_nothing_changes_anywhere(live):
    checkout = (live.root / ".cdconf/checkout").read_text().strip()
    name, network = f"cdconf-e2etoggles-dev-web2-{checkout}", f"cdconf-e2etoggles-dev-{checkout}"
    subprocess.run(["docker", "network", "disconnect", network, name], check=True, capture_output=True)
    try:
        document = live.document("toggle", "app", "new_checkout", "on", "--env", "dev", code=4)
        assert (document["error"]["kind"], "web2" in document["error"]["message"]) == ("unreachable", True)
        assert live.values("web1") == BEFORE
        assert live.file == ORIGINAL
        assert live.document("toggle", "app", "--env", "dev", code=4)["toggles"][0]["hosts"]["web2"] is None
    finally:
        subprocess.run(["docker", "network", "connect", network, name], check=True, capture_output=True)
    live("toggle", "app", "new_checkout", "on", "--env", "dev")


@pytest.mark.parametrize("repair", ["toggle", "provision", "deploy"])
def test_what_a_killed_run_left_is_told_by_drift_and_put_right_by_the_next(live, repair):
    process = live.begun("toggle", "app", "new_checkout", "on", "--env", "dev", until="batch 2")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    live.free()
    assert live.values("web1")["new_checkout"]
    assert live.file == ORIGINAL
    document = live.document("drift", "dev", code=2)
    (found,) = document["hosts"]["web1"]["resources"]
    assert (found["type"], found["title"]) == ("toggles", "/srv/app/shared/toggles.json")
    assert "new_checkout: on -> off [cdconf.yml:" in found["diff"]
    assert "never proven, since " in found["diff"]
    assert not found["by_hand"]
    assert "unproven" in live("toggle", "app", "--env", "dev").stdout
    if repair == "toggle":
        live("toggle", "app", "search", "on", "--env", "dev")
    elif repair == "provision":
        live("provision", "dev")
    else:
        assert "toggles of app aren't what the inventory says" in live("deploy", "app", "--to", "dev").stderr
    assert live.values("web1") == live.values("web2") == BEFORE
    live("drift", "dev")


def test_ctrl_c_puts_back_what_was_touched(live):
    process = live.begun("toggle", "app", "new_checkout", "on", "--env", "dev", until="batch 2")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert live.values("web1") == live.values("web2") == BEFORE
    assert live.file == ORIGINAL
    live("drift", "dev")


@pytest.mark.parametrize("repair", ["provision", "deploy"])
def test_drift_finds_a_file_that_was_changed_by_hand(live, repair):
    live.on("web2", """sed -i 's/"search": true/"search": false/' /srv/app/shared/toggles.json""")
    document = live.document("drift", "dev", code=2)
    (found,) = document["hosts"]["web2"]["resources"]
    assert (found["type"], found["source"], found["by_hand"]) == ("toggles", f"{TOGGLES}:3", True)
    assert found["diff"] == f"search: off -> on [{TOGGLES}:3]\n"
    assert document["hosts"]["web1"]["resources"] == []
    live("plan", "dev", code=2)
    assert not live.values("web2")["search"]
    live(*(("provision", "dev") if repair == "provision" else ("deploy", "app", "--to", "dev")))
    assert live.values("web2") == BEFORE
    assert live.said()["web2"] == ["search"]
    live("drift", "dev")


def test_a_file_with_another_mode_or_none_is_put_right(live):
    live.on("web1", "chmod 666 /srv/app/shared/toggles.json")
    live.on("web2", "rm /srv/app/shared/toggles.json")
    document = live.document("drift", "dev", code=2)
    assert "mode: 0666 -> 0640" in document["hosts"]["web1"]["resources"][0]["diff"]
    assert "it isn't there" in document["hosts"]["web2"]["resources"][0]["diff"]
    live("provision", "dev")
    assert live.on("web1", STATE).startswith("root:shop 640")
    assert live.values("web2") == BEFORE


def test_a_deployment_brings_the_inventorys_values_and_takes_them_back_when_it_fails(live):
    live("toggle", "app", "new_checkout", "on", "--env", "dev")
    file = live.root / TOGGLES
    file.write_text("app: {search: off, odd: on}\n")
    live.newer()
    result = live("deploy", "app", "--to", "dev", code=1)
    assert "test_it_isnt_odd" in result.stderr
    assert live.said() == {"web1": ["new_checkout", "search"], "web2": ["new_checkout", "search"]}
    assert "odd: off -> on" in live.document("drift", "dev", code=2)["hosts"]["web1"]["resources"][0]["diff"]
    file.write_text("app: {search: off}\n")
    live.newer()
    live("deploy", "app", "--to", "dev")
    assert live.said() == {"web1": [], "web2": []}
    live("drift", "dev")


def test_a_host_that_goes_back_by_itself_takes_the_toggles_back_as_well(live):
    (live.root / TOGGLES).write_text("app: {search: off}\n")
    newer = live.newer()
    process = live.begun("deploy", "app", "--to", "dev", until="health: web1")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert live.on("web1", "cat /srv/app/current/VERSION") == newer
    assert live.values("web1")["search"] is False
    deadline = time.monotonic() + 60
    while live.on("web1", "ls /var/lib/cdconf/e2etoggles/switch-app.json 2>/dev/null"):
        assert time.monotonic() < deadline
        time.sleep(1)
    assert live.values("web1") == BEFORE
    assert live.said()["web1"] == ["search"]
    live.free()
    (live.root / TOGGLES).write_text(ORIGINAL)
    live("deploy", "app", "--to", "dev")


def test_a_service_that_cant_be_reloaded_is_found_before_anything_changes(live):
    unit = live.root / "roles/app/templates/app.service.j2"
    text = unit.read_text()
    unit.write_text(text.replace("ExecReload=/bin/kill -HUP $MAINPID\n", ""))
    try:
        live("provision", "dev")
        result = live("toggle", "app", "new_checkout", "on", "--env", "dev", code=1)
        assert "service 'app' can't be reloaded" in result.stderr
        assert live.values("web1") == BEFORE
    finally:
        unit.write_text(text)
        live("provision", "dev")


def test_a_freeze_of_the_policy_keeps_the_toggle_where_it_is(live, tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_POLICY", str(frozen(tmp_path, "dev")))
    before = [live.on(host, STATE) for host in ("web1", "web2")]
    document = live.document("toggle", "app", "new_checkout", "on", "--env", "dev", code=3)
    assert "nobody is here" in document["error"]["message"]
    assert [live.values(host) for host in ("web1", "web2")] == [BEFORE, BEFORE]
    assert [live.on(host, STATE) for host in ("web1", "web2")] == before
    assert live.file == ORIGINAL
    assert toggled(live)[0]["exit_code"] == 3
