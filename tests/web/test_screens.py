"""Every screen: with nothing, with a little; as a page and as JSON, which say the same."""

import os
import subprocess
import sys
import time

import pytest

from tests.web.dashboard import Served, make, ran, rolled_back, served

PATHS = ("/board", "/pipeline", "/review", "/runs", "/hosts", "/drift", "/flow", "/trust")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    with served(make(tmp_path_factory.mktemp("empty") / "shop")) as found:
        found.enter()
        yield found


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make(tmp_path_factory.mktemp("some") / "shop")


@pytest.fixture(scope="module")
def ids(root):
    drift = {"event": "resource", "host": "web2", "type": "file", "title": "/etc/motd", "status": "would_change"}
    drift |= {"at": time.time(), "source": "roles/base/role.yml:4", "cause": "by_hand", "message": "content differs"}
    about = {"command": "drift", "app": None, "version": None, "exit_code": 2, "committed_at": None}
    many = [ran(root, number) for number in range(1, 121)]
    return {"good": many[-1], "bad": rolled_back(root, 200), "drift": ran(root, 201, [drift], **about)}


@pytest.fixture(scope="module")
def server(root, ids):
    with served(root) as found:
        found.enter()
        yield found


@pytest.mark.parametrize("path", PATHS)
def test_a_screen_without_data(empty, path):
    page, data = empty.ask(path), empty.ask(f"{path}.json")
    assert (page.status, data.status) == (200, 200)
    assert data.json()["problems"] == []
    assert all(table["total"] == len(table["rows"]) for table in data.json()["tables"].values())
    assert data.json()["title"] in page.text
    assert len(page.body) < 200_000


@pytest.mark.parametrize("path", PATHS)
def test_a_screen_with_a_little(server, path):
    page, data = server.ask(path), server.ask(f"{path}.json")
    assert (page.status, data.status, data.json()["problems"]) == (200, 200, [])
    assert len(page.body) < 200_000


def test_the_board(server, ids):
    found = server.ask("/board.json").json()
    assert [one["name"] for one in found["environments"]] == ["staging", "production"]
    staging, production = found["apps"][0]["cells"]
    assert (staging["version"], staging["state"]) == (None, None)
    assert (production["version"], production["state"], production["by"]) == ("1.120", "verified", "ann")
    assert (production["attempt"]["state"], production["attempt"]["run"]) == ("failed", ids["bad"])
    assert production["attempt"]["pinned"] is True
    assert found["environments"][1]["drift"] == "drifted"
    page = server.ask("/board").text
    assert "1.120" in page
    assert "never deployed" in page


def test_copies_that_are_thrown_away_fill_no_board(tmp_path):
    root = make(tmp_path / "shop")
    ran(root, 1)
    ran(root, 2, environment="try-1", throwaway=True)
    ran(root, 3, environment="try-2", throwaway=True, exit_code=1, verdict=True, committed_at=None)
    ran(root, 4, environment="try-3", command="provision", app=None, version=None)
    ran(root, 5, environment="removed")
    with served(root) as found:
        found.enter()
        names = [one["name"] for one in found.ask("/board.json").json()["environments"]]
    assert names == ["staging", "production", "removed"]


def test_a_rollback_tells_why(server, ids):
    found = server.ask(f"/runs/{ids['bad']}.json").json()
    assert found["result"] == "failed"
    assert found["why"][0].startswith("web2: answers: HTTP 500")
    assert "rolled back: web1, web2, web3" in found["why"]
    assert "it never reached the point at which the release is kept on all hosts" in found["why"]
    assert {one["status"] for one in found["tables"]["hosts"]["rows"]} == {"rolled_back"}
    assert server.ask(f"/runs/{ids['good']}.json").json()["why"] == []
    assert server.ask(f"/runs/{ids['good'][:14]}").status == 200  # a unique beginning names it
    assert server.ask("/runs/ffffffffffff").status == 404


def test_history_is_sorted_filtered_and_divided_on_the_server(server):
    def rows(query):
        return server.ask(f"/runs.json?{query}").json()["tables"]["runs"]

    first = rows("")
    assert (first["total"], first["pages"], len(first["rows"])) == (122, 3, 50)
    assert first["rows"][0]["command"] == "drift"
    assert rows("page=3")["rows"][-1]["what"] == "shop@1.1"
    assert rows("page=9999")["rows"] == []
    assert rows("sort=started_at")["rows"][0]["what"] == "shop@1.1"
    assert rows("result=failed")["total"] == 2
    assert rows("kind=drift")["total"] == 1
    assert rows("q=1.77")["rows"][0]["what"] == "shop@1.77"
    assert rows("host=web2")["total"] == 122
    assert rows("host=nobody")["total"] == 0
    assert rows("environment=production&user=ann")["total"] == 122
    assert 'href="?result=failed&amp;sort=duration_s"' in server.ask("/runs?result=failed").text


def test_drift_by_cause_with_file_and_line(server, ids):
    found = server.ask("/drift.json").json()
    (row,) = found["tables"]["findings"]["rows"]
    assert (row["host"], row["cause"], row["source"]) == ("web2", "by hand", "roles/base/role.yml:4")
    assert found["looks"][0]["run"] == ids["drift"]


def test_a_host(server):
    found = server.ask("/hosts/production/web2.json").json()
    assert found["apps"][0]["release"]["version"] == "1.120"
    assert found["apps"][0]["attempt"]["result"] == "rolled_back"
    assert found["tables"]["findings"]["rows"][0]["what"] == "file /etc/motd"
    assert found["look"]["asked"] is False
    assert "cdconf schedule install production --run drift --look-only" in server.ask("/hosts/production/web2").text
    assert server.ask("/hosts/production/web9").status == 404
    assert server.ask("/hosts/nowhere/web1").status == 404


def wait(server, path, holds):
    deadline = time.monotonic() + 30
    while not holds(found := server.ask(path).json()):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


ALIVE = """
import sys, time
from pathlib import Path
from cdconf.history.run_events import RunEventWriter
about = {"command": "deploy", "environment": "production", "app": "shop", "version": "2.0", "started_at": time.time()}
told = RunEventWriter(Path(sys.argv[1]), sys.argv[2], about | {"user": "ann"})
told.tell({"event": "started", "hosts": ["web1", "web2"]})
told.tell({"event": "step", "message": "batch 1 of 2: web1"})
told.tell({"event": "host_step", "host": "web1", "message": "draining"})
print("told", flush=True)
time.sleep(60)
"""


def test_running_means_that_its_process_lives(server, root):
    identity = f"{int(time.time() * 1000):012x}-feedfeedfeed"
    command = [sys.executable, "-c", ALIVE, str(root / ".cdconf"), identity]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "told\n"
        found = wait(server, "/board.json", lambda data: data["at_work"])
        assert found["at_work"][0]["lives"] is True
        assert found["apps"][0]["cells"][1]["doing"] == "deploying"
        live = server.ask(f"/runs/{identity}.json").json()
        assert (live["result"], live["switch"]["lives"]) == ("running", True)
        assert {one["name"]: one["doing"] for one in live["tables"]["hosts"]["rows"]} == {
            "web1": "draining",
            "web2": "",
        }
        process.kill()
    dead = wait(server, f"/runs/{identity}.json", lambda data: data["result"] != "running")
    assert (dead["result"], dead["switch"]["lives"]) == ("killed", False)
    assert 0 < dead["switch"]["at"] - dead["started_at"] < 200
    assert "killed" in server.ask("/board").text
    assert (root / ".cdconf" / "events" / f"{identity}.part").exists()  # whoever runs next writes it down


def test_a_new_run_is_seen_without_a_restart(server, root):
    told = server.ask("/stream")
    before = told.text.partition("id: ")[2].partition("\n")[0]
    identity = ran(root, 300)
    wait(server, "/runs.json", lambda data: data["tables"]["runs"]["rows"][0]["id"] == identity)
    again = server.ask("/stream", Last_Event_ID=before)
    assert "event: changed" in again.text
    assert "event: restarted" in server.ask("/stream", Last_Event_ID="00000000-7").text


WATCHED = """
import os, sys
opened = []
def hear(event, args):
    path = None
    if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
        flags = args[2] or 0
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
            path = args[0]
    elif event in ["os." + name for name in "mkdir remove rmdir rename link symlink chmod truncate".split()]:
        path = args[0]
        if event in ("os.remove", "os.rmdir") and args[1] >= 0:
            path = os.path.join(os.readlink(f"/proc/self/fd/{args[1]}"), path)
    elif event == "sqlite3.connect" and "mode=ro" not in str(args[0]):
        path = args[0]
    if path is not None:
        sys.__stderr__.write(f"wrote {os.fsdecode(path)}\\n")
        sys.__stderr__.flush()
sys.addaudithook(hear)
sys.argv = ["cdconf", *sys.argv[1:]]
from cdconf.cli import main
main()
"""


def test_it_opens_nothing_for_writing_outside_of_its_own_directory(tmp_path):
    root = make(tmp_path / "shop")
    ran(root, 1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    own = tmp_path / "own"
    own.mkdir()
    command = [sys.executable, "-B", "-c", WATCHED, "serve", "--project", str(root), "--bind", "127.0.0.1:0"]
    environment = {**os.environ, "TMPDIR": str(own), "HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        said = []
        while not (said and "the dashboard opens" in said[-1]):
            said.append(process.stderr.readline())
            assert said[-1], said
        server = Served(process, said[-1].split()[-1])
        server.next_link = lambda: ""
        server.enter()
        for path in (*PATHS, "/hosts/production/web1", "/review/shop@1/production"):
            server.ask(path)
        process.terminate()
        said += process.stderr.read().splitlines()
    wrote = {line.split(" ", 1)[1].strip() for line in said if line.startswith("wrote ")}
    assert any(path.startswith(str(own)) for path in wrote)
    assert not {path for path in wrote if not path.startswith((str(own), "/dev/null"))}
    assert {path: path.stat().st_mtime_ns for path in before} == before
