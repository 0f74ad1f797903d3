"""`cdconf notify`: tries the targets, shows what waits, and tells nobody a URL."""

import json
import subprocess
import sys

import pytest

from cdconf.notify import detached
from cdconf.notify.kinds import Notification
from cdconf.notify.outbox import Outbox
from cdconf.notify.settings import Receiver
from tests.conftest import cdconf, write
from tests.notify.receivers import receiver

pytest.importorskip("apprise")
TOKEN = "secret-token-of-ops"


@pytest.fixture
def run(project, tmp_path_factory, monkeypatch):
    """Runs `cdconf notify` with a notify.yml of these targets."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.delenv("CDCONF_NOTIFY", raising=False)

    def call(*arguments, pings=(), **urls):
        if urls:
            targets = {name: {"url": url} for name, url in urls.items()}
            write(home, {".config/cdconf/notify.yml": json.dumps({"targets": targets, "pings": list(pings)})})
            (home / ".config/cdconf/notify.yml").chmod(0o600)
        done = cdconf(project, "notify", *arguments, HOME=str(home))
        assert TOKEN not in done.stdout + done.stderr
        return done

    return call


def put(project, *titles, why=None):
    (project / ".cdconf").mkdir(exist_ok=True)
    outbox = Outbox(project / ".cdconf")
    with outbox.change():
        found = [Notification(one, "released", one) for one in titles]
        outbox.add(found, {"ops": Receiver("ops", "json://x")}, "demo")
        if why is not None:
            outbox.run("UPDATE message SET state = 'given_up', ended = created, why = ?", why)
    outbox.close()


def test_each_target_is_tried_and_a_failure_is_exit_code_1(run):
    with receiver() as good, receiver(code=500) as bad:
        done = run("test", ops=good.url(), dev=bad.url())
        assert done.returncode == 1
        assert good.titles == ["demo: a test of cdconf's notifications"]
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert lines[1:] == [["ops", "json", "sent"], ["dev", "json", "refused", "it answered with HTTP 500"]]


def test_one_may_be_chosen(run):
    with receiver() as good, receiver(code=500) as bad:
        done = run("test", "--target", "ops", "--json", ops=good.url(), dev=bad.url())
        assert bad.received == []
    assert done.returncode == 0
    assert json.loads(done.stdout)["targets"] == {"ops": {"kind": "json", "outcome": "sent", "why": None}}


def test_errors_name_what_to_do(run):
    done = run("test")
    assert (done.returncode, "nobody is notified: there's no" in done.stderr) == (1, True)
    done = run("test", "--target", "opps", ops=f"json://127.0.0.1/{TOKEN}")
    assert (done.returncode, "did you mean 'ops'?" in done.stderr) == (1, True)


def test_without_apprise_it_says_how_to_install_it(project, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    write(home, {".config/cdconf/notify.yml": f"targets: {{ops: {{url: 'json://127.0.0.1/{TOKEN}'}}}}"})
    (home / ".config/cdconf/notify.yml").chmod(0o600)
    text = "import sys; sys.modules['apprise'] = None; sys.argv = ['cdconf', 'notify', 'test']; "
    text += "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n == 'apprise' else f(n); "
    command = [sys.executable, "-c", text + "from cdconf.cli.main import run; run()"]
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=variables, check=False)
    assert done.returncode == 1, done.stderr
    assert "hint: `pip install 'cdconf[notify]'`" in done.stderr
    assert TOKEN not in done.stderr


def test_what_waits_and_what_was_given_up_is_shown(run, project):
    url = f"json://127.0.0.1/{TOKEN}"
    put(project, "the first", why="it answered with HTTP 404")
    put(project, "the second")
    ping = {"environment": "dev", "url": f"https://example.com/{TOKEN}"}
    done = run("list", ops=url, pings=[ping])
    assert done.returncode == 0
    assert "the second" in done.stdout
    assert "it answered with HTTP 404" in done.stdout
    document = json.loads(run("list", "--json").stdout)
    assert [one["title"] for one in document["waiting"]] == ["the second"]
    assert document["targets"]["ops"]["kind"] == "json"
    assert document["pings"] == [{"environment": "dev", "project": None}]


def test_what_waits_is_sent_on_demand(run, project):
    put(project, "one")
    with receiver() as server:
        assert run("send", ops=server.url()).returncode == 0
        assert server.titles == ["one"]
        assert "nothing waits" in run("send").stderr


def test_what_cannot_be_sent_is_exit_code_1(run, project):
    put(project, "one")
    with receiver(code=500) as server:
        done = run("send", ops=server.url())
        assert len(server.received) == 1
    assert (done.returncode, "something still waits" in done.stderr) == (1, True)


def test_in_a_service_the_sender_becomes_a_unit_of_its_own(tmp_path, monkeypatch):
    program = tmp_path / "systemd-run"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\nexit ${{FAILS:-0}}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("https_proxy", f"http://me:{TOKEN}@proxy")
    monkeypatch.setattr(detached, "_is_service", lambda: True)
    detached.start(tmp_path, "demo")
    words = (tmp_path / "words").read_text()
    assert words.splitlines()[-6:] == ["--", *detached.command(tmp_path, "demo")][-6:]
    assert "--collect" in words
    assert TOKEN not in words
