"""The examples for CI servers keep to their servers' schemas, and do what they say; the hooks are run by git."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import get_args

import check_jsonschema
import jsonschema
import pytest
import yaml

from cdconf.pipeline.board.rows import Cell, KnownArtifact, Row, State
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.offices import STAGE
from tests.conftest import git

GUIDE = (Path(__file__).parents[2] / "docs/guides/ci.md").read_text()
SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor"
SERVERS = {
    ".github/workflows/pipeline.yml": "github-workflows.json",
    ".forgejo/workflows/pipeline.yml": "github-workflows.json",  # Forgejo's are GitHub's, as far as they go
    ".gitlab-ci.yml": "gitlab-ci.json",
}


def examples(language):
    """The guide's examples: the name in the first comment -> text."""
    found = {}
    for text in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL):
        name = re.search(r"^# (\S+)", text, re.MULTILINE)
        found[name[1]] = text
    return found


def problems(document, name):
    schema = json.loads((SCHEMAS / SERVERS[name]).read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def document_of(name):
    """As its server reads it: YAML's `on` is a word there."""
    document = yaml.safe_load(examples("yaml")[name])
    if True in document:
        document["on"] = document.pop(True)
    return document


def test_each_server_has_its_example():
    assert set(examples("yaml")) == set(SERVERS)


@pytest.mark.parametrize("name", SERVERS)
def test_an_example_keeps_to_its_schema(name):
    assert problems(document_of(name), name) == []


@pytest.mark.parametrize("name", SERVERS)
def test_the_schema_would_notice(name):
    document = document_of(name)
    if "jobs" in document:
        document["jobs"]["pipeline"]["steps"][0]["use"] = "x"
    else:
        document["pipeline"]["allow_failure"] = {"exit_code": 3}
    assert problems(document, name) != []


def scripts(name):
    """The commands of an example, one script a step."""
    document = document_of(name)
    if "jobs" in document:
        return [step["run"] for step in document["jobs"]["pipeline"]["steps"] if "run" in step]
    job = document["pipeline"]
    return ["\n".join(job["before_script"]), "\n".join(job["script"])]


@pytest.mark.parametrize("name", SERVERS)
def test_the_keys_are_where_cdconf_looks_for_them_and_nobody_else_can_read_them(name, tmp_path):
    keys = next(script for script in scripts(name) if "mkdir" in script)
    keys = keys[keys.index("umask") :].replace("/run/cdconf", str(tmp_path / "run"))
    variables = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    for variable in sorted(set(re.findall(r'"\$([A-Z_]+)"', keys))):
        variables[variable] = f"of {variable}"
        if name == ".gitlab-ci.yml":  # variables of the type "File"
            file = tmp_path / variable
            file.write_text(f"of {variable}\n")
            file.chmod(0o666)
            variables[variable] = str(file)
    done = subprocess.run(["sh", "-eu", "-c", keys], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {path.name: path for path in (tmp_path / "run/keys").iterdir()}
    stages = ("commit", "acceptance", "manual", "release")
    assert set(made) == {"shop", *(f"shop.{STAGE}{stage}" for stage in stages)}
    for stage in stages:
        assert made[f"shop.{STAGE}{stage}"].read_text() == f"of KEY_{stage.upper()}\n"
    assert made["shop"].read_text() == "of KEY_BUILD\n"
    for path in (*made.values(), tmp_path / "home/.ssh/id_ed25519"):
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "home/.ssh/known_hosts").read_text() == "of SSH_KNOWN_HOSTS\n"
    if name == ".gitlab-ci.yml":
        assert (tmp_path / "CDCONF_SIGNERS").stat().st_mode & 0o022 == 0
    else:
        assert (tmp_path / "run/signers").read_text() == "of SIGNERS\n"
        assert (tmp_path / "run/trusted").read_text() == "of TRUSTED\n"


@pytest.mark.parametrize("name", [".github/workflows/pipeline.yml", ".forgejo/workflows/pipeline.yml"])
@pytest.mark.parametrize(("code", "wanted"), [(0, 0), (1, 1), (3, 0), (4, 4)])
def test_a_run_that_waits_for_a_person_is_no_red_job(name, code, wanted, tmp_path):
    program(tmp_path, f'echo "$@"; exit {code}')
    script = scripts(name)[-1].replace("/opt/cdconf/bin/", "")
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_SHA": "abc"}
    done = subprocess.run(["bash", "-e", "-c", script], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == wanted
    assert done.stdout.splitlines()[0] == "pipeline run --commit abc"


def test_gitlab_lets_only_that_code_pass():
    job = document_of(".gitlab-ci.yml")["pipeline"]
    assert job["allow_failure"] == {"exit_codes": [3]}
    assert job["script"] == ['/opt/cdconf/bin/cdconf pipeline run --commit "$CI_COMMIT_SHA"']


def program(folder, text):
    """A stand-in for cdconf."""
    path = folder / "cdconf"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def hook(path, name, **changes):
    text = examples("sh")[name]
    assert text.startswith("#!/bin/sh\n")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Notes what it was asked, where, and with what of git's variables; gives what was noted."""
    (tmp_path / "bin").mkdir()
    noted = tmp_path / "noted"
    program(tmp_path / "bin", f'echo "$PWD $*" >>{noted}; env | grep "^GIT_DIR\\|^GIT_WORK" >>{noted}; echo said; true')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def lines(count):
        for _ in range(400):
            found = noted.read_text().splitlines() if noted.exists() else []
            if len(found) >= count:
                return found
            subprocess.run(["sleep", "0.05"], check=True)
        raise AssertionError(found)

    return lines


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "work"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root


def test_the_hook_of_a_laptop_runs_each_commit_of_its_branch(repository, stand_in):
    hook(repository / ".git/hooks/post-commit", ".git/hooks/post-commit")
    (repository / "below").mkdir()
    git(repository / "below", "commit", "-q", "--allow-empty", "-m", "second")
    second = git(repository, "rev-parse", "HEAD")
    assert stand_in(1) == [f"{repository} pipeline run --commit {second}"]
    git(repository, "checkout", "-q", "-b", "other")
    git(repository, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    git(repository, "checkout", "-q", "--detach")
    git(repository, "commit", "-q", "--allow-empty", "-m", "nowhere")
    git(repository, "checkout", "-q", "main")
    git(repository, "commit", "-q", "--allow-empty", "-m", "third")
    third = git(repository, "rev-parse", "HEAD")
    assert stand_in(2) == [f"{repository} pipeline run --commit {one}" for one in (second, third)]
    assert "said" in (repository / ".git/cdconf-pipeline.log").read_text()


def test_the_hook_of_a_server_runs_what_was_pushed_to_its_branch(repository, stand_in, tmp_path):
    bare, checkout = tmp_path / "shop.git", tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", "--bare", repository, bare], check=True)
    subprocess.run(["git", "clone", "-q", bare, checkout], check=True)
    (checkout / ".cdconf").mkdir()
    hook(bare / "hooks/post-receive", "hooks/post-receive", checkout=("/srv/cdconf/shop", str(checkout)))
    git(repository, "remote", "add", "origin", str(bare))
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    second = git(repository, "rev-parse", "HEAD")
    git(repository, "push", "-q", "origin", "main", "main:other")
    assert stand_in(1) == [f"{checkout} pipeline run --commit {second}"]
    assert git(checkout, "cat-file", "-t", second) == "commit"
    git(repository, "push", "-q", "origin", "--delete", "other")
    git(bare, "config", "receive.denyDeleteCurrent", "ignore")
    git(repository, "push", "-q", "origin", "--delete", "main")
    git(repository, "push", "-q", "origin", "main")
    assert stand_in(2) == [f"{checkout} pipeline run --commit {second}"] * 2


def test_the_document_is_what_the_guide_says():
    (shown,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    shown = json.loads(shown)
    link = CandidateLink("approvals", "missing", "why", "command")
    made = Row(
        KnownArtifact("a@1", "a", "1", "0", "1", 0.0), {"release": Cell("release", "waiting", links=(link,))}
    ).as_data()
    (about,) = shown["artifacts"]
    assert set(about) == set(made)
    assert set(about["stages"]["release"]) == set(made["stages"]["release"])
    assert set(about["stages"]["release"]["links"][0]) == set(made["stages"]["release"]["links"][0])
    states = set(re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", GUIDE, re.MULTILINE))
    named = {word for line in states for word in re.findall("`([a-z]+)`", line)}
    assert named == set(get_args(State))
