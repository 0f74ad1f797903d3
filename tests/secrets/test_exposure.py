"""Who could ever read which secret, as git's history tells; and how that's ended."""

import json

import pyrage
import pytest

from tests.conftest import cdconf, git, write

FOLDER = "inventories/dev"


@pytest.fixture
def team(project, tmp_path_factory, monkeypatch):
    """A project in git with two recipients, `anna` and `bert`; the operator is anna."""
    keys = {name: pyrage.x25519.Identity.generate() for name in ("anna", "bert", "carl")}
    identity = tmp_path_factory.mktemp("keys") / "age.txt"
    identity.write_text(f"{keys['anna']}\n")
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(identity))
    git(project, "init", "-q", "-b", "main")

    def recipients(*names):
        text = "".join(f"# {name}\n{keys[name].to_public()}\n" for name in names)
        write(project, {f"{FOLDER}/recipients.txt": text})

    def commit():
        git(project, "add", "-A")
        git(project, "commit", "-qm", "change")

    recipients("anna", "bert")
    (project / "keys").mkdir()
    return project, recipients, commit, {name: str(key.to_public()) for name, key in keys.items()}


def run(project, *arguments, code=0, **options):
    done = cdconf(project, "secret", *arguments, **options)
    assert done.returncode == code, done.stderr
    return done


def put(project, name, value):
    from cdconf.inventory import load_environment, load_project
    from cdconf.secrets import SecretStore

    loaded = load_project(project)
    SecretStore(loaded, load_environment(loaded, "dev")).set(name, value)


def exposed(project, *options):
    found = json.loads(run(project, "exposure", "dev", "--json", *options).stdout)["exposure"]
    return {(one["secret"], one["name"], one["current"], one["recipient"]) for one in found}


def test_nobody_but_the_recipients_could_read_it(team):
    project, _, commit, _ = team
    put(project, "pw", "sesame-one")
    commit()
    assert exposed(project) == {("pw", "anna", True, True), ("pw", "bert", True, True)}
    assert "known to its recipients alone" in run(project, "check", "dev").stdout


def test_somebody_who_has_left_knows_the_value_until_it_is_rotated(team):
    project, recipients, commit, keys = team
    put(project, "pw", "sesame-one")
    commit()
    recipients("anna", "carl")
    done = run(project, "check", "dev", code=2)
    assert f"{keys['bert'][:20]}… is no recipient, and can read pw" in done.stdout
    assert f"{keys['carl'][:20]}… can't read pw" in done.stdout
    run(project, "rekey", "dev")
    commit()
    done = run(project, "check", "dev", code=2)
    assert done.stdout == f"pw has the value that bert ({keys['bert'][:20]}…) could read\n"
    assert "`cdconf secret rotate dev pw`" in done.stderr
    assert ("pw", "bert", True, False) in exposed(project)
    run(project, "rotate", "dev", "pw")
    commit()
    assert "known to its recipients alone" in run(project, "check", "dev").stdout
    assert exposed(project, "--recipient", "bert") == {("pw", "bert", False, False)}
    assert exposed(project, "--recipient", keys["bert"]) == {("pw", "bert", False, False)}


def test_a_branch_that_was_never_merged_counts(team):
    project, recipients, commit, _ = team
    put(project, "pw", "sesame-one")
    commit()
    git(project, "checkout", "-qb", "other")
    recipients("anna", "bert", "carl")
    run(project, "rekey", "dev")
    commit()
    git(project, "checkout", "-q", "main")
    assert ("pw", "carl", True, False) in exposed(project)


def test_what_nobody_here_can_decrypt_may_be_the_same_value(team, monkeypatch, tmp_path):
    project, _, commit, _ = team
    put(project, "pw", "sesame-one")
    commit()
    put(project, "pw", "sesame-two")
    commit()
    (tmp_path / "none.txt").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "none.txt"))
    assert ("pw", "bert", None, True) in exposed(project)


def test_an_old_file_without_comments_is_told_by_recipients_txt(team):
    project, _, commit, _ = team
    put(project, "pw", "sesame-one")
    path = project / FOLDER / "secrets.yml"
    path.write_text(path.read_text().partition("  # for ")[0] + "\n")
    commit()
    assert exposed(project) == {("pw", "anna", True, True), ("pw", "bert", True, True)}


def test_a_version_that_cannot_be_read_is_passed_over(team):
    project, _, commit, _ = team
    for text in ("pw: [\n", "pw: plain\n", "pw: age:AAAA\n", "- 1\n"):
        (project / FOLDER / "secrets.yml").write_text(text)
        commit()
    (project / FOLDER / "secrets.yml").unlink()
    put(project, "pw", "sesame-one")
    assert exposed(project) == {("pw", "anna", True, True), ("pw", "bert", True, True)}


def test_without_git_there_is_no_history(project, team):
    root, _, _, _ = team
    put(root, "pw", "sesame-one")
    (root / ".git").rename(root / "was-git")
    assert "there is no git history to look at" in run(root, "exposure", "dev", code=1).stderr


def test_rotate_makes_new_values_of_the_same_length_and_shows_none(team):
    project, _, _, _ = team
    put(project, "pw", "sesame-one-that-is-quite-long")
    put(project, "pin", "sesame")
    done = run(project, "rotate", "dev", "pw", "pin")
    values = [run(project, "get", "dev", name).stdout for name in ("pw", "pin")]
    assert [len(value) for value in values] == [29, 16]
    assert not any(value in done.stdout + done.stderr for value in values)
    assert run(project, "rotate", "dev", "pw", "--length", "40").returncode == 0
    assert len(run(project, "get", "dev", "pw").stdout) == 40


def test_only_what_lies_in_secrets_yml_can_be_rotated(team):
    project, _, _, _ = team
    put(project, "pw", "sesame-one")
    before = (project / FOLDER / "secrets.yml").read_text()
    done = run(project, "rotate", "dev", "pw", "pws", code=1)
    assert "there is no secret 'pws'" in done.stderr
    assert "did you mean 'pw'?" in done.stderr
    assert (project / FOLDER / "secrets.yml").read_text() == before
