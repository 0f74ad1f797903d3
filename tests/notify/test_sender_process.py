"""The sender as a process: detached, alone, gone at the end; killed at each step it loses nothing."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cdconf.notify import sender
from cdconf.notify.detached import start
from cdconf.notify.kinds import Notification
from cdconf.notify.outbox import Outbox
from cdconf.notify.settings import Receiver
from tests.notify.boxes import Box
from tests.notify.receivers import receiver, senders, silent, until

pytest.importorskip("apprise")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home; gives what writes its notify.yml."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CDCONF_NOTIFY", raising=False)

    def put(**urls):
        path = tmp_path / "home/.config/cdconf/notify.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"targets": {name: {"url": url} for name, url in urls.items()}}))
        path.chmod(0o600)

    return put


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "project/.cdconf"
    path.mkdir(parents=True)
    yield path
    for pid in senders(path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def put(data, *titles, targets=("ops",)):
    outbox = Outbox(data)
    with outbox.change():
        found = [Notification(f"released:{one}", "released", one) for one in titles]
        outbox.add(found, {one: Receiver(one, "json://x") for one in targets}, "demo")
    outbox.close()


def states(data):
    outbox = Outbox(data)
    found = [state for (state,) in outbox.run("SELECT state FROM message ORDER BY id")]
    outbox.close()
    return found


def test_it_sends_and_ends(home, data):
    with receiver() as server:
        home(ops=server.url())
        put(data, "one", "two")
        start(data, "demo")
        until(lambda: server.titles == ["one", "two"])
        until(lambda: not senders(data))
    assert states(data) == ["sent", "sent"]
    log = (data / "notify/sender.log").read_text()
    assert "secret-token" not in log
    assert log.count("sent") == 2


def test_several_at_once_send_each_event_once(home, data):
    with receiver() as server:
        home(ops=server.url())
        put(data, *"abcd")
        for _ in range(4):
            start(data, "demo")
        until(lambda: states(data) == ["sent"] * 4 and not senders(data))
        assert sorted(server.titles) == [*"abcd"]


RUN = """
import os, sys
from pathlib import Path
from cdconf.notify.detached import start
for one in sys.argv[2:]:
    os.set_inheritable(int(one), True)
start(Path(sys.argv[1]), "demo")
"""


def test_it_has_nothing_of_the_run_that_started_it(home, data, tmp_path):
    with silent() as (port, held):
        home(ops=f"json://127.0.0.1:{port}/secret-token")
        put(data, "one")
        reader, writer = os.pipe()
        lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
        variables = os.environ | {"CDCONF_LEASE": "secret", "SSH_AUTH_SOCK": "/agent", "AWS_SECRET_ACCESS_KEY": "key"}
        command = [sys.executable, "-c", RUN, str(data), str(writer), str(lock)]
        run = subprocess.Popen(command, pass_fds=[writer, lock], env=variables, stdout=subprocess.PIPE)
        os.close(writer)
        assert run.communicate()[0] == b""  # its end, though the sender lives
        assert run.returncode == 0
        assert os.read(reader, 1) == b""
        until(lambda: held)
        (pid,) = senders(data)
        about = Path(f"/proc/{pid}")
        fields = about.joinpath("stat").read_text().rpartition(")")[2].split()
        assert int(fields[1]) not in (run.pid, os.getpid())
        assert int(fields[3]) != os.getsid(0)
        assert about.joinpath("cwd").readlink() == Path("/")
        names = {line.partition(b"=")[0] for line in about.joinpath("environ").read_bytes().split(b"\0")}
        assert not names & {b"CDCONF_LEASE", b"SSH_AUTH_SOCK", b"AWS_SECRET_ACCESS_KEY"}
        opened = {str(one.readlink()) for one in about.joinpath("fd").iterdir()}
        assert not any(str(tmp_path / "lock") in one for one in opened)
        assert b"secret-token" not in about.joinpath("cmdline").read_bytes()
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
        for child in children.stdout.split():
            assert b"secret-token" not in Path(f"/proc/{child}/cmdline").read_bytes()
        os.close(reader)
        os.close(lock)


def test_a_receiver_that_hangs_keeps_no_other_waiting(home, data):
    with silent() as (port, held), receiver() as server:
        home(hangs=f"json://127.0.0.1:{port}/x", ops=server.url())
        put(data, "one", targets=("hangs", "ops"))
        start(data, "demo")
        until(lambda: held)
        until(lambda: server.titles == ["one"])


def test_what_comes_while_it_ends_is_sent(tmp_path, monkeypatch):
    box = Box(tmp_path)
    drained = []

    def drain(self):
        drained.append(len(box.outbox.messages("waiting")))
        box.outbox.run("UPDATE message SET state = 'sent'")
        if len(drained) == 1:
            box.add("late")  # its run finds this sender at work, and starts none that stays
        return True

    monkeypatch.setattr(sender.Sender, "drain", drain)
    box.add("early")
    sender.send(tmp_path, "demo")
    assert drained == [1, 1]


def test_one_that_finds_another_at_work_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(sender.Sender, "drain", lambda self: pytest.fail("two at once"))
    box = Box(tmp_path)
    box.add("one")
    with sender.alone(box.outbox.folder) as is_alone:
        assert is_alone
        sender.send(tmp_path, "demo")


def test_it_ends_when_the_project_is_gone(tmp_path):
    box = Box(tmp_path)
    box.add("one")
    box.outbox.path.unlink()
    assert not box.drain()


KILLED = """
import os, signal, sys, time
from pathlib import Path
from cdconf.notify.outbox import Outbox
from cdconf.notify.sender import Sender
from cdconf.notify.settings import Settings, Receiver
from tests.notify.boxes import Arrived, QUICK

data, got = Path(sys.argv[1]), Path(sys.argv[2])
targets = {"ops": Receiver("ops", "json://ops")}
step = 0


def sweep(kill_at):
    '''Sends with a sender that is killed at a step; whether it was.'''
    global step
    step, pid = 0, os.fork()
    if pid == 0:
        run(kill_at)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def run(kill_at):
    def count():
        global step
        step += 1
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    class Steps(Outbox):
        def run(self, statement, *values):
            count()
            found = super().run(statement, *values)
            count()
            return found

    def deliver(request):
        count()
        with got.open("a") as stream:
            stream.write(request["title"] + "\\n")
        count()
        return Arrived("sent")

    outbox = Steps(data)
    now = time.time
    outbox.clock = type(outbox.clock)(here=lambda: now() + ahead)
    Sender(outbox, "demo", QUICK, deliver, lambda: Settings(targets)).drain(waits=False)
    outbox.close()


kill_at, ahead = 1, 0.0
while sweep(kill_at):
    ahead += 100
    while True:  # the next run's sender, after the pause
        run(0)
        ahead += 100
        outbox = Outbox(data)
        if outbox.is_empty():
            break
    got.open("a").write("--\\n")
    outbox.run("UPDATE message SET state = 'waiting', next_at = 0, unsure = 0, ended = NULL")
    outbox.run("DELETE FROM delivered")
    outbox.close()
    kill_at += 1
print(kill_at)
"""


def test_killed_at_each_step_it_loses_nothing_and_repeats_at_most_what_it_was_at(data, tmp_path):
    put(data, "one", "two")
    got = tmp_path / "got"
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(data), str(got)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
    rounds = [one.split() for one in got.read_text().split("--\n")]
    for one in rounds[:-1]:
        assert set(one) == {"one", "two"}, one
        assert len(one) <= 3, one  # one repeated, the one that it was at
    assert any(len(one) == 3 for one in rounds)
    assert any(len(one) == 2 for one in rounds)
