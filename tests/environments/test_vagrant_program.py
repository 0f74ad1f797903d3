"""How Vagrant is run, with a program in its place that does what the test wants."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cdconf.environments.choice import provider_for
from cdconf.environments.vagrant.program import Vagrant
from cdconf.errors import GateClosed, ProviderError
from cdconf.inventory import load_environment, load_project
from tests.conftest import cdconf, write


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Writes a vagrant: a shell script."""
    root = write(tmp_path / "project", {"Vagrantfile": ""})
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    def make(script):
        path = tmp_path / "bin/vagrant"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return Vagrant(root, "staging")

    return make


def test_what_it_gets_and_what_it_says(program, monkeypatch):
    monkeypatch.setenv("VAGRANT_CWD", "/elsewhere")
    heard = []
    vagrant = program('echo "1,staging.web1,state,$CDCONF_ENVIRONMENT ${VAGRANT_CWD-nowhere} $*"; echo odd >&2; cat')
    lines = vagrant.run("status", "staging.web1", hear=heard.append)
    assert lines == heard
    assert lines[0].data == ("staging nowhere status staging.web1 --machine-readable",)
    assert lines[1].data == ("odd",)


def test_it_is_not_installed(program, tmp_path, monkeypatch):
    vagrant = program("true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProviderError, match="isn't installed") as error:
        vagrant.run("status")
    assert "apt-get install vagrant" in error.value.hint


def test_there_is_no_vagrantfile(program, tmp_path):
    vagrant = program("true")
    (tmp_path / "project/Vagrantfile").unlink()
    with pytest.raises(ProviderError, match="no Vagrantfile"):
        vagrant.run("status")


def test_it_fails_or_another_one_is_at_work(program):
    with pytest.raises(ProviderError, match=r"`vagrant up` failed \(exit status 3\)") as error:
        program("echo 1,,error-exit,Vagrant::Errors::VMBoot,It is cold.; exit 3").run("up")
    assert error.value.detail == "It is cold."
    with pytest.raises(GateClosed, match="another run of Vagrant") as locked:
        program("echo 1,,error-exit,Vagrant::Errors::MachineLocked,Busy; exit 1").run("up")
    assert locked.value.exit_code == 3


def test_it_takes_too_long(program, tmp_path):
    mark = tmp_path / "interrupted"
    with pytest.raises(ProviderError, match="didn't end within") as error:
        program(f"trap 'touch {mark}; exit 1' INT\necho half done\nwhile :; do sleep 0.05; done").run("up", limit=0.5)
    assert mark.exists(), "it was asked to end before it was ended"
    assert error.value.detail == "half done"


CALL = """
import signal, sys
from pathlib import Path
from cdconf.cli.signals import end_by_signals
signal.signal(signal.SIGINT, signal.default_int_handler)
end_by_signals()
from cdconf.environments.vagrant.program import Vagrant
try:
    Vagrant(Path(sys.argv[1]), "staging").run("up")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_it_in_order(program, tmp_path):
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    program(f"trap 'touch {ended}; exit 1' INT\ntouch {begun}\nwhile :; do sleep 0.05; done")
    with subprocess.Popen(
        [sys.executable, "-c", CALL, str(tmp_path / "project")], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        until = time.monotonic() + 30
        while not begun.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert output == "interrupted\n"
    assert ended.exists()


def test_without_any_machine_nothing_is_asked(project, program):
    program("echo asked >&2; exit 1")
    write(project, {"inventories/dev/hosts.yml": "provider: vagrant\nhosts: {web1: {groups: [web]}}\n"})
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    provider = provider_for(loaded, environment)
    hosts = list(environment.hosts.values())
    assert provider.locate(hosts) == {}
    assert "doesn't exist" in provider.absence(hosts[0]).message
    standing = provider.standing()
    assert (standing.wanted, standing.made, standing.running) == (1, 0, 0)
    assert provider.destroy(lambda event: None) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{provider: virtualbx}", "hosts.yml:2: Vagrant has no provider 'virtualbx'"),
        ("{boxes: {debian-12: 7}}", "hosts.yml:2: the box of 'debian-12' must be named by text"),
        ("{network: 192.168.256.0/24}", "hosts.yml:2: '192.168.256.0/24' isn't a /24 network"),
        ("{network: 192.168.56.0/16}", "hosts.yml:2: '192.168.56.0/16' isn't a /24 network"),
        ("{box: x}", "hosts.yml:2: unknown key 'box' in vagrant"),
    ],
)
def test_settings_that_are_wrong(project, settings, message):
    write(
        project,
        {"inventories/dev/hosts.yml": f"provider: vagrant\nvagrant: {settings}\nhosts: {{web1: {{groups: [web]}}}}\n"},
    )
    result = cdconf(project, "plan", "dev")
    assert result.returncode == 1
    assert message in result.stderr
