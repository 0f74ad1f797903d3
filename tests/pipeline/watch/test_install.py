"""The systemd unit of a watch: systemd takes it, it says what was asked, and nothing of others is overwritten."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdconf.errors import UsageError
from cdconf.inventory import load_project
from cdconf.pipeline.watch import install as installing
from cdconf.pipeline.watch.install import install
from cdconf.pipeline.watch.unit import MARK, unit
from tests.conftest import cdconf


def complaints(path, tmp_path, *options):
    """What systemd has to say of a unit's file."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "LC_ALL": "C"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *options, path],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    return [line for line in done.stderr.splitlines() if path.name in line], done.returncode


@dataclass
class Machine:
    """Where units go, as root or as somebody else."""

    root: Path
    folder: Path

    def install(self, *options):
        return install(load_project(self.root), options)


@pytest.fixture(params=["system", "user"])
def machine(repository, tmp_path, monkeypatch, request):
    is_system = request.param == "system"
    monkeypatch.setattr(os, "geteuid", lambda: 0 if is_system else 1000)
    monkeypatch.setattr(installing, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    return Machine(repository.root, tmp_path / ("system" if is_system else "configuration/systemd/user"))


def test_systemd_takes_the_unit(machine, tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_SIGNERS", '/etc/with a blank/%i $HOME "x" \\n')
    made = machine.install("--branch", "main", "--every", "10s")
    assert made.path == machine.folder / "cdconf-watch-demo.service"
    assert made.path.read_text() == made.text
    assert oct(made.path.stat().st_mode & 0o777) == "0o644"
    is_user = machine.folder.name == "user"
    assert complaints(made.path, tmp_path, "--user" if is_user else "--system") == ([], 0)
    assert any("enable --now cdconf-watch-demo.service" in one for one in made.commands)
    assert any("enable-linger" in one for one in made.commands) == is_user


def test_a_unit_that_systemd_does_not_take_is_noticed(machine, tmp_path):
    made = machine.install()
    made.path.write_text(made.text.replace("NoNewPrivileges=yes", "NoNewPriviledges=yes"))
    assert complaints(made.path, tmp_path)[0] != []


def test_it_starts_this_python_and_this_cdconf_whatever_lies_in_the_checkout(machine):
    text = machine.install("--remote", "origin").text
    wanted = [sys.executable, "-P", "-m", "cdconf", "pipeline", "watch", "--project", str(machine.root)]
    words = " ".join(f'"{one}"' for one in (*wanted, "--remote", "origin"))
    assert f"ExecStart={words}\n" in text
    assert f"WorkingDirectory={machine.root}\n" in text


def test_a_secret_of_the_environment_is_not_written_down(machine, monkeypatch):
    for name in ("CDCONF_SUDO_PASSWORD", "AWS_SECRET_ACCESS_KEY", "CDCONF_LEASE"):
        monkeypatch.setenv(name, "hunter2")
    made = machine.install()
    assert "hunter2" not in made.text
    assert f"EnvironmentFile=-{made.secrets}\n" in made.text


def test_installing_again_writes_it_anew_and_another_checkouts_is_left_alone(machine):
    machine.install("--every", "5s")
    assert '"5s"' not in machine.install("--every", "10s").text
    path = machine.folder / "cdconf-watch-demo.service"
    for text in (f"{MARK}\nWorkingDirectory=/elsewhere\n", f"# mine\nWorkingDirectory={machine.root}\n"):
        path.write_text(text)
        with pytest.raises(UsageError, match="isn't that of this checkout's watch"):
            machine.install()
        assert path.read_text() == text


def test_what_systemd_cannot_be_told_is_refused(machine, monkeypatch):
    monkeypatch.setenv("CDCONF_SIGNERS", "/etc/x\nExecStart=/bin/sh")
    with pytest.raises(UsageError, match="systemd can't be told"):
        machine.install()
    assert not machine.folder.exists()


def test_percent_and_dollar_are_what_they_are(tmp_path):
    text = unit("demo", Path("/srv/100%/x"), ["/bin/echo", "$HOME", "%n"], {}, Path("/root/%h"), is_system=True)
    assert "WorkingDirectory=/srv/100%%/x\n" in text
    assert 'ExecStart="/bin/echo" "$$HOME" "%%n"\n' in text
    assert "EnvironmentFile=-/root/%%h\n" in text


def test_the_command_says_what_it_wrote(repository, tmp_path):
    text = "import os; os.geteuid = lambda: 1000; from cdconf.cli.main import run; run()"
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "configuration")}
    done = subprocess.run(
        [sys.executable, "-c", text, "pipeline", "watch", "--install"],
        cwd=repository.root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    path = tmp_path / "configuration/systemd/user/cdconf-watch-demo.service"
    assert done.stdout == path.read_text()
    assert f"written: {path}" in done.stderr
    assert "systemctl --user enable --now cdconf-watch-demo.service" in done.stderr
    assert cdconf(repository.root, "pipeline", "watch", "--install", "--remote", "nobody").returncode == 1
