"""The history is lost, and comes back from what hosts remember: whole, once, and also into a team's database."""

import json
import shutil
import signal
import subprocess
import time

import pytest

from tests.conftest import cdconf
from tests.history.postgresql import Server, programs
from tests.hosts.test_main_job import container, deployed

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]

LEDGER = "/var/lib/cdconf/e2e/ledger.json"


def lose(live):
    for path in (live.root / ".cdconf").glob("history*"):
        path.unlink()


def rows(live, **environment):
    runs = json.loads(live("history", "dev", "--limit", "500", "--json", **environment).stdout)["runs"]
    return {one["run"]: one for one in runs if one["command"] in ("deploy", "rollback", "provision")}


@pytest.fixture(scope="module")
def past(live):
    """A history with a provisioning, a failed deployment, one that was tried again, and a rollback; its journal."""
    lose(live)
    live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev")
    live.on("web1", "rm /etc/app.conf")
    live("provision", "dev")
    live.commit(**{"serve.py": "raise SystemExit('it is broken')\n"})
    live("deploy", "app", "--to", "dev", code=1)
    live("deploy", "app", "--to", "dev", code=3)
    live("deploy", "app", "--to", "dev", "--unpin", "maybe it was the disk", code=1)
    subprocess.run(["git", "-C", str(live.root), "checkout", "-q", "HEAD~1", "--", "serve.py"], check=True)
    live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev")
    live("rollback", "dev")
    return (live.root / ".cdconf/history.jsonl").read_text()


@pytest.fixture
def told(live, past):
    """The history before it's lost; its rows, without those of runs that other tests killed."""
    lose(live)
    (live.root / ".cdconf/history.jsonl").write_text(past)
    return {run: one for run, one in rows(live).items() if one["source"] == "journal"}


def newest(found, told):
    """Of the rebuilt rows those of the fixture's runs, the oldest first."""
    return sorted((found[run] for run in told if run in found), key=lambda one: one["started_at"])


def test_history_comes_back_with_who_did_what_and_why(live, told):
    kept = {run: one for run, one in told.items() if one["exit_code"] != 3}  # refused: no host was asked to change
    lose(live)
    document = live.document("history", "rebuild", "dev")
    assert len(document["added"]["dev"]) >= len(kept) >= 6
    found = rows(live)
    same = ("command", "environment", "app", "version", "artifact", "user", "controller", "exit_code")
    for run, before in kept.items():
        if before["command"] == "provision" and not any(host["changed"] for host in before["hosts"].values()):
            continue
        told_before = {name: before[name] for name in same if before[name] is not None}  # hosts may know more
        assert {name: found[run][name] for name in told_before} == told_before, before
        assert found[run]["source"] == "hosts"
        assert set(found[run]["hosts"]) <= set(before["hosts"])
        assert abs(found[run]["started_at"] - before["started_at"]) < 5
    recent = newest(found, kept)
    assert [one["command"] for one in recent[-5:]] == ["provision", "deploy", "deploy", "deploy", "rollback"]
    broken, again, well, back = recent[-4:]
    assert broken["hosts"]["web1"]["status"] == "rolled_back"
    happened = {one["event"] for one in broken["events"]} - {"activated"}  # it may have run for a moment
    assert happened == {"staged", "rolled_back", "pinned"}
    assert "service 'app'" in broken["error"] or "not healthy" in broken["error"]  # by how long it ran
    assert again["detail"] == "maybe it was the disk"
    assert well["detail"].startswith("built from ")
    assert {one["event"] for one in back["events"]} == {"activated", "verified"}
    assert back["version"] == newest(kept, kept)[-1]["version"]
    shown = live("history", "dev").stdout
    assert "ok (rebuilt)" in shown
    assert "exit 1 (rebuilt)" in shown
    assert "pinned" in live("history", "dev", "-v").stdout
    live("status", "dev")


def test_twice_adds_nothing_and_beside_a_history_only_what_is_missing(live, told):
    live("history", "rebuild", "dev")
    before = rows(live)
    assert {run: one["source"] for run, one in before.items() if run in told} == dict.fromkeys(told, "journal")
    assert live.document("history", "rebuild", "dev")["added"] == {"dev": []}
    lines = (live.root / ".cdconf/history.jsonl").read_text().splitlines()
    lost = [line for line in lines if json.loads(line)["command"] == "rollback"][-1:]
    lose(live)
    (live.root / ".cdconf/history.jsonl").write_text("".join(f"{line}\n" for line in lines if line not in lost))
    (added,) = live.document("history", "rebuild")["added"]["dev"]
    assert (added["command"], added["run"]) == ("rollback", json.loads(lost[0])["run"])
    assert live.document("history", "rebuild", "dev")["added"] == {"dev": []}
    after = rows(live)
    assert after.keys() == before.keys()


def test_a_silent_host_is_named_and_what_it_remembers_is_added_when_it_answers(live, told):
    lose(live)
    name = container(live, "web2")
    network = f"cdconf-e2e-dev-{name.rpartition('-')[2]}"
    subprocess.run(["docker", "network", "disconnect", network, name], check=True, capture_output=True)
    try:
        result = live("history", "rebuild", "dev", "--json", code=4)
    finally:
        subprocess.run(["docker", "network", "connect", network, name], check=True, capture_output=True)
    document = json.loads(result.stdout)
    assert document["hosts"]["web2"]["status"] == "unreachable"
    assert document["hosts"]["web1"]["status"] == "ok"
    run = newest(rows(live), told)[-1]["run"]
    assert set(rows(live)[run]["hosts"]) == {"web1"}
    live("history", "rebuild", "dev")
    assert set(rows(live)[run]["hosts"]) == {"web1", "web2"}
    assert live.document("history", "rebuild", "dev")["added"] == {"dev": []}


def test_a_deployment_whose_controller_was_killed_is_told_at_once_and_by_its_hosts_later(live, deployed):
    version = live.commit(note=str(time.time_ns()))
    process = live.deploying("health: web1")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (killed,) = [one for one in rows(live).values() if one["version"] == version]
    assert (killed["source"], killed["exit_code"], killed["hosts"]["web1"]["status"]) == ("killed", None, "interrupted")
    told = live("history", killed["id"]).stdout
    assert "activate: web1" in told
    assert "unknown (killed)" in told
    live.free()
    live("history", "rebuild", "dev")
    (found,) = [one for one in rows(live).values() if one["version"] == version]
    assert (found["exit_code"], found["hosts"]["web1"]["status"]) == (None, "interrupted")
    assert (found["id"], found["source"], found["commit"]) == (killed["id"], "hosts", killed["commit"])
    assert "unknown (rebuilt)" in live("history", "dev").stdout
    live("deploy", "app", "--to", "dev", "--resume", code=1)
    live("history", "rebuild", "dev")


def test_ledgers_of_older_versions_tell_what_they_can(live, told):
    lose(live)
    strip = f"""python3 - <<'END'
import json
with open("{LEDGER}") as stream:
    pages = json.load(stream)
for page in pages.values():
    del page["events"]
with open("{LEDGER}", "w") as stream:
    json.dump(pages, stream)
END
rm -f /var/lib/cdconf/e2e/provisions.json"""
    live("run", "dev", "--", strip)
    before = live.document("status", "dev")["status"]["web1"]["apps"]["app"]
    live("history", "rebuild", "dev")
    runs = live.document("history", "dev", "--limit", "500")["runs"]
    deployments = [one for one in runs if one["source"] == "hosts"]
    well = {one["version"] for one in deployments if one["exit_code"] == 0}
    assert {before["releases"][name]["version"] for name in before["verified"] if name in before["releases"]} <= well
    pins = {one["artifact"]: one["error"] for one in deployments if one["exit_code"] == 1}
    assert {archive: pin["reason"] for archive, pin in before["pinned"].items()}.items() <= pins.items()
    assert live.document("history", "rebuild", "dev")["added"] == {"dev": []}
    live("deploy", "app", "--to", "dev")
    live("history", "rebuild", "dev")


@pytest.mark.skipif(programs() is None, reason="there are no programs of PostgreSQL here")
def test_a_team_s_database_that_was_lost_is_built_again(live, told, tmp_path):
    pytest.importorskip("psycopg")
    with Server(programs()) as server:
        other = tmp_path / "other"
        shutil.copytree(live.root, other, symlinks=True)
        for path in (other / ".cdconf").glob("history*"):
            path.unlink()
        result = cdconf(other, "history", "rebuild", "--json", CDCONF_DATABASE=server.url)
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["added"]["dev"]
        again = cdconf(other, "history", "rebuild", "--json", CDCONF_DATABASE=server.url)
        assert json.loads(again.stdout)["added"] == {"dev": []}
        # Another checkout's own words about its runs take the place of what hosts remember of them.
        team = rows(live, CDCONF_DATABASE=server.url)
        assert {team[run]["source"] for run in told} == {"journal"}
