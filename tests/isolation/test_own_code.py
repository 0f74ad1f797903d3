"""A commit whose build and smoke tests try to read, and to use, every key that the operator has."""

import json
import os
import tarfile
from pathlib import Path

import pytest

from cdconf.artifacts import ArtifactStore, build, keys
from cdconf.events import Collector
from cdconf.inventory import load_project
from cdconf.smoke.runner import run_smoke
from tests.conftest import git, write
from tests.isolation.thief import BUILD, SMOKE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run something as another user")


@pytest.fixture
def operator(tmp_path, monkeypatch, agent):
    """Somebody with keys of every kind, and a project."""
    home = tmp_path / "home"
    root = tmp_path / "project"
    write(
        home,
        {
            ".ssh/id_ed25519": "sesame\n",
            ".aws/credentials": "sesame\n",
            ".pgpass": "sesame\n",
            ".config/cdconf/keys/demo.cdconf-stage-manual": "sesame\n",
            ".config/cdconf/trusted/demo": "anybody\n",
            ".config/cdconf/signers/demo": "sesame\n",
            "age.txt": "sesame\n",
        },
    )
    write(
        root,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base]}
                apps:
                  shop: {groups: [web], path: /srv/shop, artifact: dist/shop-*.tar.gz, build: python thief.py}
            """,
            "roles/base/role.yml": "resources: []\n",
            "inventories/dev/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
            ".gitignore": ".cdconf/\n",
            "thief.py": BUILD,
        },
    )
    monkeypatch.setenv("HOME", str(home))
    for name in ("CDCONF_SIGNING_KEY", "CDCONF_TRUSTED_KEYS", "CDCONF_ISOLATION"):
        monkeypatch.delenv(name, raising=False)
    project = load_project(root)
    keys.new(project)
    write(
        project.data,
        {"plan.key": "sesame\n", "environments/dev/docker.json": "sesame\n", "secrets/dev.json": "sesame\n"},
    )
    for name in ("CDCONF_SIGNING_KEY_DIR", "CDCONF_SIGNERS", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "CI_JOB_TOKEN"):
        monkeypatch.setenv(name, "sesame")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(home / "age.txt"))
    files = [str(path) for folder in (home, project.data) for path in folder.rglob("*") if path.is_file()]
    for path in files:
        Path(path).chmod(0o600)
    places = {
        "files": files,
        "sockets": [str(agent)],
        "folders": [str(home), str(project.data)],
        "controller": os.getpid(),
    }
    write(root, {"places.json": json.dumps(places), "roles/base/smoke/places.json": json.dumps(places)})
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return project


def archive_of(project, artifact):
    return ArtifactStore(project).place.fetch(f"{artifact.archive}.blob", artifact.archive)


def contents(project):
    found = [path for folder in (Path(os.environ["HOME"]), project.data) for path in folder.rglob("*")]
    return {path: path.read_bytes() for path in found if path.is_file() and "artifacts" not in path.parts}


def test_a_build_gets_hold_of_no_key(operator, tmp_path):
    before = contents(operator)
    heard = Collector()
    artifact, _ = build(operator, operator.apps["shop"], heard)
    assert heard.isolated is True
    store = ArtifactStore(operator)
    provenance = json.loads(json.dumps(store.provenance(artifact)))
    assert provenance["signatures"], "the controller's key signed it, and nobody else's"
    with tarfile.open(archive_of(operator, artifact)) as tar:
        assert json.load(tar.extractfile("got.json")) == {}
    after = contents(operator)
    assert {path: after.get(path) for path in before} == before


def test_the_same_build_gets_everything_where_the_operator_says_so(operator, monkeypatch):
    """So the thief knows its trade; but for the agent, which would be used."""
    monkeypatch.setenv("CDCONF_ISOLATION", "off")
    harmless = BUILD.replace('places["sockets"]', "[]").replace('"a"', '"r"').replace("os.unlink", "os.stat")
    harmless = harmless.replace("os.rename", "max").replace('trusted/demo"), "w"', 'trusted/demo"), "r"')
    (operator.root / "thief.py").write_text(harmless)
    git(operator.root, "commit", "-qam", "two")
    heard = Collector()
    artifact, _ = build(operator, operator.apps["shop"], heard)
    assert heard.isolated is False
    with tarfile.open(archive_of(operator, artifact)) as tar:
        got = json.load(tar.extractfile("got.json"))
    assert f"read {os.environ['HOME']}/.ssh/id_ed25519" in got
    assert not [name for name in got if name.startswith("variable")], "no variable is passed on even so"


def test_smoke_tests_get_hold_of_no_key(operator, monkeypatch):
    write(
        operator.root, {"roles/base/smoke/test_thief.py": SMOKE.replace("places.json", "roles/base/smoke/places.json")}
    )
    before = contents(operator)
    heard = []

    def answer(command):
        return {"status": 0, "stdout": b"fine\n", "stderr": b""}

    report = run_smoke(
        operator.root, {"base": ["web1"]}, {"web1": {"name": "web1"}}, "dev", {"web1": answer}, heard.append
    )
    assert (report.problem, report.failed) == (None, {}), [getattr(one, "message", None) for one in heard]
    assert report.passed == 2
    assert report.isolated
    assert contents(operator) == before


def test_smoke_tests_reach_the_hosts_that_are_tested_and_no_other(operator):
    text = """
        import json, os, socket

        def asked(message):
            config = json.loads(open(os.environ["CDCONF_SMOKE"]).read())
            return config["socket"]

        def test_it(host):
            channel = host.backend._channel
            assert channel.ask({"host": "production1", "command": "id"})["error"].endswith("tested now")
            other = socket.socket(socket.AF_UNIX)
            other.settimeout(0.2)
            other.connect(asked(None))
            other.sendall(b'{"host": "web1", "command": "id"}' + bytes([10]))
            try:
                assert other.recv(10) == b"", "one connection is answered"
            except TimeoutError:
                pass
    """
    write(operator.root, {"roles/base/smoke/test_it.py": text})
    ran = []

    def answer(command):
        ran.append(command)
        return {"status": 0, "stdout": b"", "stderr": b""}

    report = run_smoke(
        operator.root, {"base": ["web1"]}, {"web1": {"name": "web1"}}, "dev", {"web1": answer}, lambda event: None
    )
    assert report.ok, report
    assert ran == []


@pytest.mark.parametrize(
    "message",
    ["not JSON", "[1, 2]", '{"host": "web1"}', '{"report": {"outcome": "passed"}}', '{"report": 5}', "{" * 100_000],
)
def test_what_no_plugin_sends_is_a_problem_and_no_verdict(operator, message):
    text = f"""
        def test_it(host):
            host.backend._channel._stream.write({message!r}.encode() + bytes([10]))
            host.backend._channel._stream.flush()
            host.backend._channel._stream.readline()
    """
    write(operator.root, {"roles/base/smoke/test_it.py": text})
    report = run_smoke(
        operator.root, {"base": ["web1"]}, {"web1": {"name": "web1"}}, "dev", {"web1": dict}, lambda event: None
    )
    assert not report.ok
    assert report.problem == "the smoke tests sent something that their plugin doesn't send"


def test_a_result_counts_for_a_host_that_is_tested(operator):
    text = """
        def test_it(host):
            report = {"host": "production1", "test": "base: made up", "outcome": "failed"}
            host.backend._channel.send({"report": {**report, "message": None, "duration_s": 0}})
    """
    write(operator.root, {"roles/base/smoke/test_it.py": text})
    report = run_smoke(
        operator.root, {"base": ["web1"]}, {"web1": {"name": "web1"}}, "dev", {"web1": dict}, lambda event: None
    )
    assert report.failed == {"web1": ["base: made up"]}


def test_a_link_out_of_the_project_is_not_copied_for_smoke_tests(operator):
    secret = Path(os.environ["HOME"]) / ".ssh/id_ed25519"
    (operator.root / "roles/base/smoke").mkdir(exist_ok=True)
    (operator.root / "roles/base/smoke/key").symlink_to(secret)
    text = """
        from pathlib import Path

        def test_it(host):
            try:
                text = Path(__file__).with_name("key").read_text()
            except OSError:
                text = ""
            assert "sesame" not in text
    """
    write(operator.root, {"roles/base/smoke/test_it.py": text})
    report = run_smoke(
        operator.root, {"base": ["web1"]}, {"web1": {"name": "web1"}}, "dev", {"web1": dict}, lambda event: None
    )
    assert report.ok, report
