"""What `drift` prints and writes for machines, on a host that is this machine."""

import json
import shutil
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cdconf.agent.records import store
from cdconf.inventory import load_project
from tests.conftest import cdconf, git, write

HOSTS = """
    hosts:
      web1: {transport: local, groups: [web]}
"""


@pytest.fixture
def local(project, tmp_path, monkeypatch):
    """A project whose only host is this machine, with one file."""
    motd = tmp_path / "motd"
    motd.write_text("hello\n")
    motd.chmod(0o644)
    role = f"resources:\n  - file: {motd}\n    content: \"hello\\n\"\n    mode: '0644'\n"
    write(project, {"inventories/dev/hosts.yml": HOSTS, "roles/base/role.yml": role})
    name = f"told-{uuid.uuid4().hex[:12]}"  # what this machine remembers of it goes with the test
    path = project / "cdconf.yml"
    path.write_text(path.read_text().replace("project: demo", f"project: {name}"))
    assert name in path.read_text()
    yield project
    shutil.rmtree(Path(store.root()) / name, ignore_errors=True)


def name_of(project):
    return load_project(project).name


def drift(root, *options, code):
    done = cdconf(root, "drift", "dev", *options)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def change(tmp_path, mode):
    (tmp_path / "motd").chmod(mode)


def test_quiet_tells_what_is_new_and_nothing_else(local, tmp_path):
    done = drift(local, "--quiet", code=0)
    assert (done.stdout, done.stderr) == ("", "")
    change(tmp_path, 0o600)
    done = drift(local, "--quiet", code=2)
    assert "motd" in done.stderr
    assert "web1" in done.stdout
    done = drift(local, "--quiet", code=2)
    assert (done.stdout, done.stderr) == ("", ""), "it's known, and the exit code stays honest"
    change(tmp_path, 0o640)
    assert "0640" in drift(local, "--quiet", code=2).stderr, "it differs in another way"
    change(tmp_path, 0o644)
    assert "web1" in drift(local, "--quiet", code=0).stdout, "that it's gone is news"
    assert drift(local, "--quiet", code=0).stdout == ""


@pytest.mark.parametrize("odd", ["", "[]", "{", '{"looks": 3}', "\0\0"])
def test_a_memory_that_is_damaged_tells_once_more(local, tmp_path, odd):
    change(tmp_path, 0o600)
    drift(local, "--quiet", code=2)
    (local / ".cdconf/drift/dev.json").write_text(odd)
    assert "motd" in drift(local, "--quiet", code=2).stderr
    assert drift(local, "--quiet", code=2).stderr == ""


def test_quiet_compares_with_looks_of_its_own_kind(local, tmp_path):
    change(tmp_path, 0o600)
    drift(local, "--quiet", code=2)
    assert "motd" in drift(local, "--quiet", "--limit", "web1", code=2).stderr
    assert drift(local, "--quiet", code=2).stderr == ""


def test_a_quiet_document_is_one_or_nothing(local, tmp_path):
    change(tmp_path, 0o600)
    assert json.loads(drift(local, "--quiet", "--json", code=2).stdout)["exit_code"] == 2
    assert drift(local, "--quiet", "--json", code=2).stdout == ""


def test_quiet_remembers_looks_at_a_revision(local, tmp_path):
    git(local, "init", "-q")
    write(local, {".gitignore": ".cdconf/\n"})
    git(local, "add", "-A")
    git(local, "commit", "-qm", "all")
    change(tmp_path, 0o600)
    assert "motd" in drift(local, "--quiet", "--at", "HEAD", code=2).stderr
    assert drift(local, "--quiet", "--at", "HEAD", code=2).stderr == ""


def test_an_error_that_ends_a_quiet_run_is_told(local):
    write(local, {"roles/base/role.yml": "resources:\n  - file: /x\n    modes: 1\n"})
    assert "did you mean 'mode'?" in drift(local, "--quiet", code=1).stderr
    (local / "inventories/dev/hosts.yml").unlink()
    assert "error:" in drift(local, "--quiet", code=1).stderr


def test_files_are_written_whatever_is_printed(local, tmp_path):
    change(tmp_path, 0o600)
    names = {"--junit": "a.xml", "--sarif": "a.sarif", "--prometheus": "a.prom", "--json-file": "a.json"}
    options = [word for option, name in names.items() for word in (option, str(tmp_path / name))]
    drift(local, "--quiet", *options, code=2)
    suite = ET.parse(tmp_path / "a.xml").getroot()[0]
    assert (suite.get("name"), suite.get("failures")) == ("web1", "1")
    (run,) = json.loads((tmp_path / "a.sarif").read_text())["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 2
    text = (tmp_path / "a.prom").read_text()
    labels = f'project="{name_of(local)}",environment="dev"'
    assert f'cdconf_drift_findings{{{labels},cause="not_applied"}} 1.0' in text
    assert "cdconf_drift_last_success_timestamp_seconds" in text
    assert json.loads((tmp_path / "a.json").read_text())["exit_code"] == 2
    assert oct((tmp_path / "a.prom").stat().st_mode & 0o777) == "0o644"
    assert not [one.name for one in tmp_path.iterdir() if one.name.startswith(".a")]


def test_the_last_success_outlives_a_look_that_failed(local, tmp_path):
    file = tmp_path / "a.prom"

    def seen():
        lines = file.read_text().splitlines()
        return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    drift(local, "--prometheus", str(file), code=0)
    first = seen()
    write(local, {"roles/base/role.yml": "resources:\n  - file: /x\n    modes: 1\n"})
    drift(local, "--prometheus", str(file), code=1)
    second = seen()
    name = "cdconf_drift_last_success_timestamp_seconds"
    assert (first[name], first["cdconf_drift_look_success"]) == (second[name], 1)
    assert second["cdconf_drift_look_success"] == 0


def test_nagios_gets_a_line_and_its_exit_codes(local, tmp_path):
    done = drift(local, "--nagios", code=0)
    assert done.stdout.startswith("DRIFT OK - dev: no drift on 1 hosts | by_hand=0 ")
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    change(tmp_path, 0o600)
    assert drift(local, "--nagios", code=1).stdout.startswith("DRIFT WARNING - dev: 1 not applied (web1) | ")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--limit", "nobody"], "nor a group with hosts"),
        (["--nonsense"], "o such option"),
        (["--at", "nowhere"], "isn't in a git repository"),
        (["--json"], "--nagios and --json exclude each other"),
        (["--junit", "/nowhere/x.xml"], "there is no directory"),
    ],
)
def test_nagios_is_told_of_what_is_wrong_as_unknown(local, options, says):
    done = drift(local, "--nagios", *options, code=3)
    (line,) = done.stdout.splitlines()
    assert line.startswith("DRIFT UNKNOWN")
    assert says in line


def test_nagios_is_told_of_a_project_that_cannot_be_read(local):
    write(local, {"cdconf.yml": "project: demo\nnonsense: 1\n"})
    assert drift(local, "--nagios", code=3).stdout.startswith("DRIFT UNKNOWN - ")
    done = cdconf(local.parent, "drift", "nowhere", "--nagios", "-C", str(local))
    assert (done.returncode, done.stdout.startswith("DRIFT UNKNOWN")) == (3, True)


def test_a_host_that_is_not_there_is_unknown_to_nagios_and_4_to_others(local):
    write(local, {"inventories/dev/hosts.yml": HOSTS.replace("transport: local", "ssh: {port: 1}, address: 127.0.0.1")})
    done = drift(local, "--nagios", code=3)
    assert "1 unreachable (web1)" in done.stdout
    file = local / "a.prom"
    drift(local, "--quiet", "--prometheus", str(file), code=4)
    labels = f'project="{name_of(local)}",environment="dev"'
    assert f"cdconf_drift_unreachable_hosts{{{labels}}} 1.0" in file.read_text()
    assert drift(local, "--quiet", code=4).stderr == ""
