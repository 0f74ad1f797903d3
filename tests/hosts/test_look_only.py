"""The look-only key on real hosts: it looks, and whatever else its thief tries is refused."""

import json
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from cdconf.environments import provider_for
from cdconf.inventory import load_environment, load_project
from cdconf.own_files import read_text
from cdconf.web.page import Ask
from cdconf.web.reading.sources import Sources
from cdconf.web.screens import host
from tests.conftest import begun
from tests.hosts.live import on as shell
from tests.hosts.live import provisioned

pytestmark = pytest.mark.hosts

FILES = {
    "cdconf.yml": (
        "project: looked\ngroups:\n  web: [base]\n"
        "apps:\n  app: {groups: [web], path: /srv/app, artifact: 'dist/app-*.tar.gz', build: make}\n"
    ),
    "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  web1: {groups: [web]}\n",
    "roles/base/role.yml": "resources:\n  - file: /etc/looked\n    content: x\n    mode: '0644'\n",
    ".gitignore": ".cdconf/\n",
}
CRONTAB = """#!/bin/sh
case "$1" in -l) cat "$HOME/tab" 2>/dev/null || exit 1;; -r) rm "$HOME/tab";; -) cat > "$HOME/tab";; esac
"""


class Thief:
    """Somebody who has the key, and OpenSSH's own client."""

    def __init__(self, live, home):
        project = load_project(live.root)
        environment = load_environment(project, "dev")
        self.host = provider_for(project, environment).locate(list(environment.hosts.values()))["web1"]
        self.key = home / ".config/cdconf/look-only/looked.dev"
        self.login = f"root@{self.host.ssh.address or self.host.address}"
        self.options = [
            *("-F", "/dev/null", "-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={self.host.ssh.known_hosts}", "-o", "LogLevel=ERROR"),
        ]

    def run(self, *words, program="ssh", data=b"", options=()):
        port = ["-p" if program == "ssh" else "-P", str(self.host.ssh.port)]
        command = [program, *self.options, *port, *options, *words]
        return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)

    def ask(self, *frames):
        """What the host says to these frames, in one write."""
        packed = b"".join(
            struct.pack(">I", len(data)) + b"J" + data for data in (json.dumps(f).encode() for f in frames)
        )
        return self.run(self.login, "cdconf look", data=packed).stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home of the operator's, with a crontab of its own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "bin").mkdir()
    (folder / "bin/crontab").write_text(CRONTAB)
    (folder / "bin/crontab").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def looked(tmp_path_factory, home):
    with provisioned(tmp_path_factory.mktemp("looked"), FILES) as live:
        path = f"{home}/bin:{Path(shutil.which('git')).parent}:/usr/bin:/bin"

        def call(*words, code=0):
            return live(*words, code=code, HOME=str(home), PATH=path)

        live.call = call
        words = ("schedule", "install", "dev", "--run", "drift", "--every", "30m", "--cron", "--look-only")
        call(*words, "--", "--applied", "--quiet")
        yield live


@pytest.fixture
def thief(looked, home):
    return Thief(looked, home)


def test_cron_looks_with_that_key_alone(looked, home):
    words = read_text(home / "tab").split(" ", 5)[5].replace("\\%", "%")
    looked.call("schedule", "run", "dev", "--run", "drift")
    shell(looked.container("web1"), "chmod 0600 /etc/looked")
    bare = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", words], env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "/etc/looked" in done.stderr
    again = subprocess.run(["/bin/sh", "-c", words], env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert (again.returncode, again.stdout + again.stderr) == (2, "")
    assert looked.call("schedule", "status", "dev").stdout.startswith("drift of dev, every 30m: ok")
    looked("provision", "dev")
    log = shell(looked.container("web1"), "journalctl -o cat -u ssh | grep -c 'Accepted publickey'")
    assert int(log) >= 3


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["touch /tmp/owned"], []),
        ([], []),
        (["touch", "/tmp/owned"], ["-o", "SetEnv=LC_ALL=`reboot` BASH_ENV=/tmp/x PYTHONPATH=/tmp"]),
        (["sh -c 'touch /tmp/owned' cdconf look need 5.abcde"], []),
        (["sftp"], ["-s"]),
    ],
)
def test_a_command_a_shell_and_a_subsystem_start_the_look_and_nothing_else(looked, thief, words, options):
    done = thief.run(thief.login, *words, options=options, data=b"touch /tmp/owned\n")
    assert done.stdout.startswith(b"cdconf-look-only ready 1 ")
    assert done.stdout.count(b"\n") == 1
    assert shell(looked.container("web1"), "ls /tmp/owned 2>&1").endswith("No such file or directory")


def test_terminals_forwards_and_files_are_refused(looked, thief, tmp_path):
    assert b"PTY allocation request failed" in thief.run(thief.login, "id", options=["-tt"]).stderr
    assert thief.run(thief.login, options=["-W", "127.0.0.1:22"]).returncode != 0
    forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:22"]
    assert thief.run(thief.login, options=forward).returncode != 0
    secret = tmp_path / "shadow"
    assert thief.run(f"{thief.login}:/etc/shadow", str(secret), program="scp").returncode != 0
    assert thief.run(thief.login, program="sftp", data=b"get /etc/shadow\n").returncode != 0
    assert not secret.exists()


def test_applying_running_and_uploading_are_refused(looked, thief):
    begin = {"id": 1, "call": "open", "args": {"project": "looked"}}
    others = [
        "run",
        "stream",
        "converge",
        "lease.take",
        "lease.force",
        "app.stage",
        "app.activate",
        "reboot",
        "look.put",
    ]
    frames = [{"id": number, "call": name, "args": {}} for number, name in enumerate(others, 2)]
    said = thief.ask(begin, *frames)
    assert said.count(b'"kind":"look_only"') == len(others)
    assert b'"environment":"dev"' in said
    bootstrap = thief.run(thief.login, "cdconf look", data=b"20.print('owned', open(1))5.abcde").stdout
    assert b"owned" not in bootstrap
    assert bootstrap.count(b"\n") == 1
    assert shell(looked.container("web1"), "cat /var/lib/cdconf/looked/lease.json | grep -c '\"run\": null'") == "1"


def test_only_root_can_change_what_it_starts(looked):
    folder = "/var/lib/cdconf/.look-only"
    found = shell(looked.container("web1"), f"find {folder} /var/lib/cdconf -maxdepth 0 -printf '%u %m\\n'")
    assert set(found.splitlines()) == {"root 700"}
    line = shell(looked.container("web1"), "grep look-only /root/.ssh/authorized_keys")
    assert line.startswith(f'restrict,command="/bin/sh {folder}/looked/launch" ssh-ed25519 ')


@pytest.fixture
def seen(looked, home, tmp_path, monkeypatch):
    """Waits until the dashboard's page of the host holds something; gives the page."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("cdconf.web.reading.looking.LASTS", 0.5)
    monkeypatch.setattr("cdconf.web.reading.host_look.DRIFT_AFTER", 0.5)
    sources = Sources(looked.root, tmp_path)

    def wait(holds):
        deadline = time.monotonic() + 90
        while True:
            page = host.show(Ask(sources, {}, {"environment": "dev", "host": "web1"}, time.time()))
            if page.data["look"]["answer"] and holds(page):
                return page
            assert time.monotonic() < deadline, page.data["look"]
            time.sleep(0.2)

    yield wait
    sources.close()


def answer(page):
    return page.data["look"]["answer"]


def test_the_dashboard_shows_what_the_host_says_of_itself(looked, seen):
    page = seen(lambda page: answer(page)["state"] == "ok")
    said = answer(page)["said"]
    assert said["apps"]["app"]["linked"] is None
    assert (said["identity"]["host"], said["lease"]) == ("web1", None)
    facts = {row["name"]: row["value"] for row in page.tables["facts"].rows}
    assert facts["architecture"] == shell(looked.container("web1"), "uname -m")
    assert [row["what"] for row in page.tables["resources"].rows][:1] == ["file /etc/looked"]
    assert [dict(row) for row in page.tables["findings"].rows] == []
    shell(looked.container("web1"), "chmod 0600 /etc/looked")
    page = seen(lambda page: page.tables["findings"].total)
    (row,) = page.tables["findings"].rows
    assert (row["what"], row["cause"], row["state"]) == ("file /etc/looked", "by hand", "would_change")
    assert row["source"].startswith("roles/base/role.yml:")
    assert row["message"] == "not as applied: mode"
    looked("provision", "dev")
    assert seen(lambda page: not page.tables["findings"].total).problems == ()


def test_the_dashboard_shows_who_holds_the_host(looked, seen):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    holder = begun(looked.root, "run", "dev", "--", "sleep 60", **pipes)
    try:
        lease = answer(seen(lambda page: (answer(page).get("said") or {}).get("lease")))["said"]["lease"]
        assert lease["fence"] > 0
        assert lease["owner"]
        assert lease["expires_in_s"] > 0
    finally:
        holder.terminate()
        holder.communicate(timeout=60)


def test_the_dashboard_shows_since_when_a_host_is_silent(looked, seen):
    known = answer(seen(lambda page: answer(page)["state"] == "ok"))
    container = looked.container("web1")
    shell(container, "systemctl stop ssh")
    began = time.time()
    try:
        silent = answer(seen(lambda page: answer(page)["state"] == "silent"))
        again = answer(seen(lambda page: answer(page)["at"] > silent["at"]))
        assert silent["since"] == again["since"]
        assert known["said_at"] < silent["since"] < began + 60
        assert again["said"]["apps"] == known["said"]["apps"]  # what it said last
        assert again["why"]
    finally:
        shell(container, "systemctl start ssh")
    back = answer(seen(lambda page: answer(page)["state"] == "ok"))
    assert back["since"] is None


def test_an_agent_of_another_cdconf_is_told(looked, home):
    path = "/var/lib/cdconf/.look-only/looked/look.json"
    container = looked.container("web1")
    shell(container, f'cp {path} /root/kept; sed -i \'s/"version": "[^"]*"/"version": "0.0.1"/\' {path}')
    shell(container, f'sed -i \'s/"digest": "..../"digest": "0000/\' {path}')
    key = str(home / ".config/cdconf/look-only/looked.dev")
    said = looked.call("drift", "dev", "--applied", "--look-only", key)
    assert "its look-only agent is of another cdconf (0.0.1)" in said.stderr
    assert "schedule install dev --look-only" in said.stderr
    agent = "/var/lib/cdconf/.look-only/looked/agent/cdconf/agent/protocol/look_only.py"
    shell(container, f"cp /root/kept {path}; sed -i 's/^VERSION=1/VERSION=99/; s/^VERSION = 1/VERSION = 99/' {agent}")
    said = looked.call("drift", "dev", "--applied", "--look-only", key, code=1)
    assert "this cdconf doesn't understand it" in said.stderr


def test_the_key_is_gone_with_its_schedule(looked, home, thief):
    """The last test of this file: it takes away what the others need."""
    stolen = home / "stolen"
    shutil.copy2(thief.key, stolen)
    looked.call("schedule", "remove", "dev")
    thief.options[3] = str(stolen)
    assert b"Permission denied" in thief.run(thief.login, "cdconf look").stderr
    left = shell(
        looked.container("web1"), "ls /var/lib/cdconf/.look-only; grep -c look-only /root/.ssh/authorized_keys"
    )
    assert left == "0"
    assert not thief.key.exists()
    assert not (home / "tab").exists()
