"""What every run was made of, and where it came from; and the verbs that touch no host."""

import json
import subprocess
import time

import pytest

from cdconf.events import RunResult
from cdconf.history import journal, journal_file
from cdconf.history.index import History
from cdconf.history.journal import Origin
from cdconf.history.worktree import Changes, WorkTree
from cdconf.inventory import load_project
from tests.conftest import CDCONF, cdconf, git, write


@pytest.fixture
def repository(project, tmp_path, monkeypatch):
    """The project in git, with an app, and an operator without keys."""
    home = tmp_path / ".home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(home / "age.txt"))
    for name in ("CDCONF_SIGNING_KEY", "CDCONF_TRUSTED_KEYS", "CDCONF_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    build = "mkdir out && tar -czf out/app-$CDCONF_VERSION.tar.gz note"
    app = f"apps:\n  app: {{groups: [web], path: /srv/app, artifact: out/app-*.tar.gz, build: '{build}'}}\n"
    (project / "cdconf.yml").write_text((project / "cdconf.yml").read_text() + app)
    hosts = "hosts:\n  web1: {address: 127.0.0.1, groups: [web], ssh: {port: 1}}\n"
    write(project, {"note": "1\n", ".gitignore": ".cdconf/\n.home/\nout/\n", "inventories/dev/hosts.yml": hosts})
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "one")
    return project


def told(root):
    return [json.loads(line) for line in (root / ".cdconf/history.jsonl").read_text().splitlines()]


def shown(root, *words):
    return json.loads(cdconf(root, "history", "show", *words, "--json").stdout)["runs"]


def test_every_run_records_its_commit_what_was_not_committed_and_its_checkout(repository):
    cdconf(repository, "drift", "dev")
    (one,) = shown(repository)
    assert (one["dirty"], one["dirty_files"]) == (False, [])
    assert one["commit"] == git(repository, "rev-parse", "HEAD")
    assert one["checkout"] == load_project(repository).checkout
    text = (repository / "roles/base/role.yml").read_text()
    (repository / "roles/base/role.yml").write_text(text.replace("hello", "good bye"))
    write(repository, {"roles/base/templates/new one.j2": "x\n"})
    result = cdconf(repository, "provision", "dev")
    assert "not committed: roles/base/role.yml, roles/base/templates/" in result.stderr
    one = shown(repository)[0]
    assert (one["command"], one["dirty"]) == ("provision", True)
    assert one["dirty_files"] == ["roles/base/role.yml", "roles/base/templates/"]
    table = cdconf(repository, "history", "-v").stdout
    assert "(not committed)" in table
    assert f"checkout {one['checkout']}, commit {one['commit'][:10]}" in table
    assert "roles/base/role.yml" in table


def test_a_project_below_the_repository_s_root_names_its_own_files(tmp_path):
    root = tmp_path / "deep/project"
    write(root, {"a": "1\n"})
    write(tmp_path, {"elsewhere": "1\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    write(tmp_path, {"elsewhere": "2\n"})
    assert WorkTree(root).changes() == Changes(False, ())
    write(root, {"a": "2\n", "b": "ä\n", 'od"d name\n': ""})
    assert WorkTree(root).changes() == Changes(True, ("a", "b", 'od"d name\n'))


def test_outside_of_git_and_without_git_nothing_is_said(tmp_path, monkeypatch):
    assert WorkTree(tmp_path).changes() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert WorkTree(tmp_path).changes() is None


def test_builds_artifacts_keys_and_secrets_are_in_the_history(repository):
    public = cdconf(repository, "secret", "key").stdout
    write(repository, {"inventories/dev/recipients.txt": public})
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "two")
    words = [
        ["build", "app"],
        ["build", "app"],  # found: nothing was built
        ["key", "new"],
        ["artifact", "add", "app", "note", "--version", "1"],
        ["artifact", "sign", "app@1"],
        ["artifact", "verify", "app@1"],
        ["key", "trust", "--anybody"],
        ["key", "distrust", "--anybody"],
        ["artifact", "gc", "--dry-run"],
        ["artifact", "gc"],
        ["secret", "set", "dev", "token"],
        ["secret", "rekey", "dev"],
    ]
    for one in words:
        cdconf(repository, *one)
    command = [*CDCONF, "secret", "set", "dev", "token"]
    subprocess.run(command, cwd=repository, input="very-secret-value", text=True, check=True, capture_output=True)
    runs = {one["command"]: one for one in reversed(shown(repository, "--limit", "50"))}
    version = git(repository, "describe", "--always", "--abbrev=10")
    assert runs["build"]["detail"] == f"app@{version}"
    assert (runs["build"]["app"], runs["build"]["version"]) == ("app", version)
    assert (runs["artifact add"]["app"], runs["artifact add"]["version"]) == ("app", "1")
    assert runs["artifact sign"]["detail"].startswith("by SHA256:")
    assert runs["artifact gc"]["exit_code"] == 4
    assert runs["key new"]["detail"].startswith("SHA256:")
    assert runs["key trust"]["detail"] == runs["key distrust"]["detail"] == "anybody"
    assert (runs["secret set"]["detail"], runs["secret set"]["environment"]) == ("token", "dev")
    commands = [one["command"] for one in told(repository)]
    assert [commands.count(one) for one in ("build", "artifact gc", "artifact verify", "secret rekey")] == [1, 1, 0, 1]
    assert "very-secret-value" not in (repository / ".cdconf/history.jsonl").read_text()
    assert all(one["checkout"] and one["dirty"] is not None for one in told(repository))


def test_a_build_that_fails_is_in_the_history(repository):
    text = (repository / "cdconf.yml").read_text()
    (repository / "cdconf.yml").write_text(text.replace("mkdir out", "false"))
    git(repository, "commit", "-qam", "breaks the build")
    assert cdconf(repository, "build", "app").returncode == 1
    (one,) = shown(repository)
    assert (one["command"], one["exit_code"], one["detail"]) == ("build", 1, "app")


def note(data, checkout, version, *, own, started_at=None):
    result = RunResult("deploy", "try-2", extra={"app": "shop", "version": version})
    origin = Origin(checkout, checkout if own else None)
    data.mkdir(exist_ok=True)
    journal_file.append(data, journal.entry(result, started_at or time.time(), data, origin=origin))


def test_environments_of_one_name_from_two_checkouts_are_not_one(tmp_path):
    """In one database, as a team's is; here it's a checkout's, which two journals tell."""
    note(tmp_path, "ci", "7", own=True)
    note(tmp_path, "laptop", "3", own=True, started_at=time.time() - 60)
    laptop, ci, third = (History(tmp_path, checkout=name) for name in ("laptop", "ci", "third"))
    assert [one["version"] for one in laptop.deployed()] == ["3"]
    assert [one["version"] for one in ci.deployed()] == ["7"]
    assert third.deployed() == []
    assert [one["version"] for one in laptop.runs("try-2")] == ["3"]
    assert [one["version"] for one in laptop.runs("try-2@ci")] == ["7"]
    assert [one["version"] for one in laptop.runs()] == ["7", "3"]
    assert laptop.environments() == ["try-2", "try-2@ci"]
    assert third.environments() == ["try-2@ci", "try-2@laptop"]
    note(tmp_path, "ci", "9", own=False)  # hosts that exist are the same from everywhere
    for history in (History(tmp_path, checkout=name) for name in ("laptop", "third")):
        assert [one["version"] for one in history.deployed()] == ["9"]
        history.close()
    for history in (laptop, ci, third):
        history.close()
