"""What processes work in, for root without CAP_SYS_PTRACE: as in a container."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cdconf.agent.release import app_services, releases
from cdconf.agent.release.app_services import Untold
from cdconf.agent.system import processes

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
WITH_A_CAPABILITY = [*AS_NOBODY, "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
LOOK = """
import json, sys
from cdconf.agent.system import in_use, processes
pid, folder = int(sys.argv[1]), sys.argv[2]
seen = processes.seen([pid], processes.links)[pid]
ours = sorted(in_use.names(folder, lambda one: one == pid))
print(json.dumps([processes.links(pid), seen and seen[0], ours, sorted(in_use.names(folder))]))
"""


@pytest.fixture
def folder(tmp_path):
    """Releases, all of whose parents others may enter."""
    for name in "123":
        (tmp_path / "releases" / name).mkdir(parents=True)
    return tmp_path / "releases"


@contextlib.contextmanager
def at_work(command, cwd):
    with subprocess.Popen([*command, "sleep", "60"], cwd=cwd) as process:
        try:
            until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
            yield process.pid
        finally:
            process.kill()


def until(happens):
    for _ in range(500):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


@contextlib.contextmanager
def hidden(cwd):
    """A process that took on a user without starting a program: nobody but CAP_SYS_PTRACE may look at it."""
    pid = os.fork()
    if pid == 0:
        os.chdir(cwd)
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        time.sleep(60)
        os._exit(0)
    try:
        until(lambda: processes.identity(pid)[0] == NOBODY)
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def looked(pid, folder):
    """What root without the capability sees: by itself, by a child, what's in use, and that of another's process."""
    command = ["setpriv", "--bounding-set=-sys_ptrace", sys.executable, "-c", LOOK, str(pid), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", [AS_NOBODY, WITH_A_CAPABILITY])
def test_a_child_sees_what_another_users_process_works_in(folder, command):
    with at_work(command, folder / "2") as pid:
        alone, child, ours, others = looked(pid, folder)
    assert alone is None, "root itself may not see it"
    assert child == str(folder / "2")
    assert (ours, others) == (["2"], ["2"])


def test_of_a_hidden_process_all_is_in_use_when_it_may_be_the_apps(folder):
    with hidden(folder / "2") as pid:
        assert looked(pid, folder) == [None, None, ["1", "2", "3"], []]


def test_an_app_s_own_are_those_of_its_user(folder):
    with hidden(folder / "2") as pid:
        assert releases._may_be_at_work({"user": "nobody"})(pid)
        assert not releases._may_be_at_work({"user": "root"})(pid)
        assert not releases._may_be_at_work({})(pid)


def test_an_app_s_own_are_those_of_its_services(monkeypatch):
    monkeypatch.setattr(processes, "unit", lambda pid: "notes.service")
    assert releases._may_be_at_work({"services": ["notes"]})(os.getpid())
    assert not releases._may_be_at_work({"services": ["other"]})(os.getpid())


def test_what_a_process_that_has_ended_worked_in_is_nothing():
    assert processes.seen([2**22 + 1], processes.links) == {2**22 + 1: ["", ""]}
    assert processes.words(2**22 + 1) == []
    assert processes.identity(2**22 + 1) is None


RELEASE, CURRENT = "/srv/notes/releases/1", "/srv/notes/current"


def told(monkeypatch, *, links, words=(), directory="", start=""):
    monkeypatch.setattr(processes, "seen", lambda pids, look: {pids[0]: links})
    monkeypatch.setattr(processes, "words", lambda pid: ["python3", *words])
    about = {"WorkingDirectory": directory, "ExecStart": f"{{ path=/usr/bin/python3 ; argv[]={start} ; pid=1 }}"}
    monkeypatch.setattr(app_services, "show", lambda names, properties: {names[0]: about})
    return app_services.runs_from("notes", 7, RELEASE, CURRENT)


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ({"links": [RELEASE, "/usr/bin/python3"]}, True),
        ({"links": [RELEASE + "/lib", ""]}, True),
        ({"links": ["/", RELEASE + "/bin/notes"]}, True),
        ({"links": ["/", "/bin/x"]}, False),
        ({"links": [RELEASE + "0", "/bin/x"]}, False),
        ({"links": ["/", "/bin/x"], "words": [CURRENT + "/serve.py"]}, True),
        ({"links": ["/", "/bin/x"], "words": ["--chdir", CURRENT]}, True),
        ({"links": ["/", "/bin/x"], "words": ["--chdir", CURRENT + "/"]}, True),
        ({"links": ["/", "/bin/x"], "words": ["--chdir=" + CURRENT]}, True),
        ({"links": ["/", "/bin/x"], "words": ["--app=" + RELEASE + "/app.py"]}, True),
        ({"links": ["/", "/bin/x"], "words": ["--chdir=" + CURRENT + "-old"]}, False),
        ({"links": ["/", "/bin/x"], "directory": CURRENT}, False),
        ({"links": None, "directory": CURRENT}, True),
        ({"links": None, "directory": "!" + CURRENT}, True),
        ({"links": None, "directory": "/", "start": f"/usr/bin/python3 {CURRENT}/serve.py"}, True),
        ({"links": None, "directory": "/", "start": "/usr/bin/start"}, None),
        ({"links": None, "words": ["--chdir", CURRENT], "start": "/usr/bin/start"}, True),
    ],
)
def test_what_runs_from_the_release_means(monkeypatch, how, answer):
    assert told(monkeypatch, **how) is answer


def test_what_cannot_be_told_is_no_fault_of_the_release(monkeypatch):
    state = {"LoadState": "loaded", "ActiveState": "active", "Result": "success", "MainPID": "7"}
    monkeypatch.setattr(app_services, "show", lambda names, properties="": {names[0]: state})
    monkeypatch.setattr(app_services, "started_at", lambda pid: 5.0)
    monkeypatch.setattr(app_services, "journal", lambda name: "")
    monkeypatch.setattr(app_services, "runs_from", lambda *about: None)
    with pytest.raises(Untold, match="CAP_SYS_PTRACE") as caught:
        app_services.verify({"services": ["notes"]}, RELEASE, CURRENT, 1.0, within=0)
    assert caught.value.kind == "failed"
    assert CURRENT in caught.value.details["hint"]
    monkeypatch.setattr(app_services, "runs_from", lambda *about: False)
    with pytest.raises(app_services.Failed, match="doesn't run from") as caught:
        app_services.verify({"services": ["notes"]}, RELEASE, CURRENT, 1.0, within=0)
    assert caught.value.kind == "release"
