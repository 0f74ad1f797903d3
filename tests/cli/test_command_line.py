"""Secrets on cdconf's own command line, which every user of the machine can read."""

import json
import os
import subprocess
import sys

import pytest

from cdconf.cli.command_line import exposed
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import Mask, SecretStore
from tests.conftest import cdconf, write

ROLE = """
variables:
  token: {secret: true, doc: x}
  relay: {default: "", doc: no secret}
resources:
  - file: /etc/token
    content: "{{ token }} {{ relay }}"
    mode: "0600"
"""
SEEN = "the command line shows a secret"


@pytest.fixture
def secret(project, monkeypatch, tmp_path_factory):
    """A project whose secret has a value."""
    write(project, {"roles/base/role.yml": ROLE})
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path_factory.mktemp("own") / "age.txt"))
    write(project, {"inventories/dev/recipients.txt": cdconf(project, "secret", "key").stdout})
    loaded = load_project(project)
    SecretStore(loaded, load_environment(loaded, "dev")).set("token", "sesame-one")
    return project


@pytest.mark.parametrize("given", ["token=sesame-new", "relay=sesame-one", "relay=[smtp, sesame-one]"])
def test_a_secret_that_is_given_in_clear_is_warned_of(secret, given):
    done = cdconf(secret, "vars", "dev", "web1", "-e", given)
    assert SEEN in done.stderr
    assert "`-e NAME=@FILE`" in done.stderr
    assert "sesame" not in done.stdout + done.stderr


def test_a_value_that_is_none_is_not(secret):
    done = cdconf(secret, "vars", "dev", "web1", "-e", "relay=smtp.example.com")
    assert done.returncode == 0
    assert SEEN not in done.stderr


def test_a_secret_in_any_other_argument_is_warned_of_as_well():
    mask = Mask()
    mask.add("sesame-one")
    (notice,) = exposed(mask, ["run", "dev", "--", "mysql -psesame-one"])
    assert "`mysql -p***`" in notice.message
    assert list(exposed(mask, ["run", "dev", "--", "true"])) == []


def test_a_file_gives_a_value_that_nobody_sees(secret, tmp_path):
    """Its text is neither YAML nor a template."""
    text = "sesame: {{ 7*7 }} # 'x'\nsecond-line"
    (tmp_path / "token").write_text(f"{text}\n")
    write(secret, {"roles/base/role.yml": ROLE.replace("secret: true, ", 'default: "", ')})
    done = cdconf(secret, "vars", "dev", "web1", "--json", "-e", f"token=@{tmp_path / 'token'}")
    assert done.returncode == 0, done.stderr
    assert json.dumps(text) in done.stdout
    write(secret, {"roles/base/role.yml": ROLE})
    done = cdconf(secret, "vars", "dev", "web1", "--json", "-e", f"token=@{tmp_path / 'token'}")
    assert "sesame" not in done.stdout + done.stderr
    assert SEEN not in done.stderr


def test_a_pipe_is_read_once(secret):
    reading, writing = os.pipe()
    os.write(writing, b"smtp.example.com\n")
    os.close(writing)
    command = [sys.executable, "-m", "cdconf", "vars", "dev", "web1", "--json", "-e", f"relay=@/dev/fd/{reading}"]
    done = subprocess.run(command, cwd=secret, pass_fds=(reading,), capture_output=True, text=True, check=False)
    os.close(reading)
    assert '"smtp.example.com"' in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the file can't be read: No such file"),
        (b"\xff", "the file isn't UTF-8"),
        (b"x" * 1048577, "may have 1 MiB"),
    ],
)
def test_a_file_that_gives_none(project, tmp_path, content, message):
    path = tmp_path / "value"
    if content is not None:
        path.write_bytes(content)
    done = cdconf(project, "vars", "dev", "web1", "-e", f"x=@{path}")
    assert done.returncode == 1
    assert f"-e x=@{path}: " in done.stderr
    assert message in done.stderr
