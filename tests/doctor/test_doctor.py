"""`cdconf doctor`: each thing that's wrong is named with what mends it, and nothing is changed."""

import json
import os
import subprocess
import sys

import pytest

from cdconf.doctor import machine_checks
from cdconf.doctor.machine import PROGRAMS
from tests.conftest import cdconf, write


def files(project):
    """What's there, cdconf's own directory aside."""
    return sorted(path for path in project.rglob("*") if ".cdconf" not in path.parts)


def looked(root, *arguments, code, **environment):
    done = cdconf(root, "doctor", *arguments, "--json", **environment)
    assert done.returncode == code, done.stdout + done.stderr
    return {one["what"]: one for one in json.loads(done.stdout)["checks"]}


def test_a_project_that_is_well(project):
    before = files(project)
    found = looked(project, code=0)
    assert {one["state"] for one in found.values()} == {"ok"}
    assert found["environment dev"]["said"] == "2 hosts, provider existing"
    assert files(project) == before


def test_without_a_project_the_machine_alone_is_looked_at(tmp_path):
    assert {"cdconf", "Python", *PROGRAMS} == set(looked(tmp_path, code=0))
    assert "there is no project here" in cdconf(tmp_path, "doctor").stdout


def test_an_environment_that_cannot_be_read_hides_nothing_of_the_rest(project):
    write(project, {"inventories/bad/hosts.yml": "hosts: [\n"})
    found = looked(project, code=1)
    assert found["environment bad"]["state"] == "problem"
    assert "inventories/bad/hosts.yml:2" in found["environment bad"]["said"]
    assert found["environment dev"]["state"] == "ok"


def test_a_directory_that_others_can_write_to(project):
    (project / ".cdconf").mkdir(exist_ok=True)
    (project / ".cdconf").chmod(0o777)
    found = looked(project, code=1)[".cdconf"]
    assert (found["state"], found["said"]) == ("problem", "others can write to it")
    subprocess.run(found["hint"], shell=True, check=True)
    assert looked(project, code=0)[".cdconf"]["state"] == "ok"


def test_secrets_without_a_key(project, tmp_path):
    write(project, {"inventories/dev/secrets.yml": "token: age:YWdl\n"})
    found = looked(project, code=1, CDCONF_AGE_IDENTITY=str(tmp_path / "none.txt"))["age key"]
    assert "none.txt" in found["said"]
    assert found["hint"]


def test_secrets_that_the_key_cannot_read(project, tmp_path):
    import pyrage

    mine, theirs = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    key = tmp_path / "age.txt"
    key.write_text(f"{theirs}\n")
    key.chmod(0o600)
    write(project, {"inventories/dev/recipients.txt": f"{theirs.to_public()}\n"})
    own = {"CDCONF_AGE_IDENTITY": str(key)}
    command = [sys.executable, "-m", "cdconf", "secret", "set", "dev", "token"]
    subprocess.run(command, cwd=project, env={**os.environ, **own}, input=b"0badcafe", check=True)
    assert "reads the secrets of dev" in looked(project, code=0, **own)["age key"]["said"]
    key.write_text(f"{mine}\n")
    found = looked(project, code=1, **own)["age key"]
    assert found["said"] == "can't read the secrets of dev"
    assert "cdconf secret rekey" in found["hint"]


def test_a_policy_that_breaks_a_rule(project, tmp_path):
    policy = tmp_path / "policy.yml"
    policy.write_text("version: 1\nenvironmints: {}\n")
    policy.chmod(0o600)
    found = looked(project, code=1, CDCONF_POLICY=str(policy))["policy"]
    assert "environmints" in found["said"]


def test_an_engine_that_does_not_answer(project):
    write(project, {"inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n"})
    found = looked(project, code=1, DOCKER_HOST="unix:///nowhere/docker.sock")["Docker engine"]
    assert found["state"] == "problem"


@pytest.mark.parametrize(("program", "state"), [("git", "problem"), ("ssh-keygen", "warning")])
def test_a_program_that_is_not_installed(monkeypatch, tmp_path, program, state):
    for name in PROGRAMS:
        if name != program:
            (tmp_path / name).write_text("#!/bin/sh\necho 1.0\n")
            (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {one.what: one for one in machine_checks(None, ())}
    assert (found[program].state, found[program].hint) == (state, f"apt-get install {PROGRAMS[program].package}")


def test_an_environment_that_there_is_none_of(project):
    done = cdconf(project, "doctor", "dve")
    assert (done.returncode, "there is no environment 'dve'" in done.stderr) == (1, True)
