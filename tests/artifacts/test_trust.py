"""Whom a project trusts: trusting nobody is a state of its own, and closed."""

import os

import pytest

from cdconf.artifacts import ArtifactStore, keys, provenance, trust
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.artifacts.conftest import ABOUT, FILE, archive
from tests.conftest import cdconf
from tests.racing import context, process


@pytest.fixture
def scene(local_app, tmp_path):
    """A project, and an artifact that nobody has signed."""
    project = load_project(local_app)
    artifact = ArtifactStore(project).add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    return project, artifact


def accepted(project, artifact):
    try:
        provenance.check(project, artifact, ArtifactStore(project).provenance(artifact))
    except ArtifactError:
        return False
    return True


def test_who_distrusts_the_last_key_trusts_nobody(scene):
    project, artifact = scene
    assert accepted(project, artifact)  # nobody has decided yet
    key = keys.new(project)
    trust.trust(project, key)
    ArtifactStore(project).sign(artifact)
    assert accepted(project, artifact)
    said = cdconf(project.root, "key", "distrust", key.id)
    assert said.returncode == 0
    assert "every artifact is refused here" in said.stderr
    assert "are accepted" not in said.stderr
    assert trust.trust_of(project).state == "nobody"
    for words in (["artifact", "verify", "app@1"], ["deploy", "app@1", "--to", "dev"]):
        refused = cdconf(project.root, *words)
        assert refused.returncode == 1
        assert "trusts no key on this machine" in refused.stderr
        assert "cdconf key trust --anybody" in refused.stderr
    listed = cdconf(project.root, "key", "list")
    assert (listed.returncode, "trusts no key here" in listed.stderr) == (0, True)
    assert cdconf(project.root, "key", "trust", key.text).returncode == 0
    assert cdconf(project.root, "artifact", "verify", "app@1").returncode == 0


def test_anybody_is_trusted_by_a_word_and_until_it_is_taken_back(scene):
    project, artifact = scene
    key = keys.new(project)
    trust.trust(project, key)
    assert not accepted(project, artifact)
    said = cdconf(project.root, "key", "trust", "--anybody")
    assert (said.returncode, "trusts anybody from now on" in said.stderr) == (0, True)
    result = cdconf(project.root, "artifact", "verify", "app@1")
    assert (result.returncode, "demo trusts anybody here" in result.stderr) == (0, True)
    assert "trusts anybody here" in cdconf(project.root, "key", "list").stderr
    assert cdconf(project.root, "key", "distrust", "--anybody").returncode == 0
    assert trust.trust_of(project).state == "keys"  # the key is still known
    assert not accepted(project, artifact)
    trust.trust_anybody(project)
    trust.trust(project, key)  # whoever trusts a key wants signatures
    assert not accepted(project, artifact)
    trust.trust_anybody(project)
    trust.distrust(project, key.id)
    assert accepted(project, artifact)
    trust.distrust_anybody(project)
    assert trust.trust_of(project).state == "nobody"


@pytest.mark.parametrize("how", ["gone", "renamed", "variable"])
def test_what_was_trusted_once_does_not_fall_back_to_trusting_everybody(scene, monkeypatch, tmp_path, how):
    project, artifact = scene
    key = keys.new(project)
    if how == "variable":
        (tmp_path / "trusted").write_text(f"{key.text}\n")
        monkeypatch.setenv("CDCONF_TRUSTED_KEYS", str(tmp_path / "trusted"))
    else:
        trust.trust(project, key)
    assert not accepted(project, artifact)
    if how == "gone":
        trust.trusted_file(project).unlink()
    elif how == "variable":
        monkeypatch.delenv("CDCONF_TRUSTED_KEYS")
    else:  # by a commit, for one
        text = (project.root / "cdconf.yml").read_text()
        (project.root / "cdconf.yml").write_text(text.replace("project: demo", "project: other"))
        project = load_project(project.root)
        artifact = ArtifactStore(project).add("app", "2", tmp_path / "a.tar.gz", **ABOUT)
    assert not accepted(project, artifact)
    result = cdconf(project.root, "artifact", "verify", artifact.label)
    assert (result.returncode, "were trusted for this checkout before" in result.stderr) == (1, True)
    trust.trust_anybody(project)
    assert accepted(project, artifact)


def test_a_file_that_was_emptied_by_hand_trusts_nobody(scene):
    project, artifact = scene
    trust.trust(project, keys.new(project))
    trust.trusted_file(project).write_text("# all gone\n")
    assert not accepted(project, artifact)


@pytest.mark.parametrize(
    "words", [["trust"], ["trust", "--anybody", "key"], ["distrust"], ["distrust", "--anybody", "x"]]
)
def test_either_a_key_or_anybody_is_said(scene, words):
    result = cdconf(scene[0].root, "key", *words)
    assert result.returncode == 1
    assert "either" in result.stderr
    assert trust.trust_of(scene[0]).state == "undecided"


ROUNDS = 3


def trust_one(root, text, barrier):
    for _ in range(ROUNDS):
        barrier.wait(60)
        trust.trust(load_project(root), keys.parse(text, "the test"))
        barrier.wait(60)


def test_keys_that_are_trusted_at_once_are_all_trusted(scene, tmp_path, monkeypatch):
    project, _ = scene
    made = []
    for number in range(4):
        monkeypatch.setenv("CDCONF_SIGNING_KEY", str(tmp_path / f"key{number}"))
        made.append(keys.new(project))
    assert os.environ["HOME"]  # the processes write where this test reads
    barrier = context().Barrier(len(made) + 1)
    writers = [process(trust_one, project.root, one.text, barrier) for one in made]
    for one in writers:
        one.start()
    for _ in range(ROUNDS):
        barrier.wait(60)  # all at once
        barrier.wait(60)  # they have done it
        assert set(trust.trusted(project)) == {one.id for one in made}
        for one in made:
            trust.distrust(project, one.id)
    for one in writers:
        one.join(60)
        assert one.exitcode == 0


@pytest.mark.parametrize("end", ["\N{LATIN SMALL LETTER E WITH ACUTE}", "!", "=\N{SNOWMAN}"])
def test_a_key_with_signs_that_arent_base64_is_none(scene, end):
    line = keys.new(scene[0]).text.split()
    with pytest.raises(ArtifactError, match="isn't a public key"):
        keys.parse(f"{line[0]} {line[1]}{end}", "the test")
