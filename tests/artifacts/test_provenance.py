"""Who made an artifact, and whether to believe it."""

import base64
import dataclasses
import json
import subprocess
import sys

import pytest

from cdconf.artifacts import ArtifactStore, dsse, keys, provenance, trust
from cdconf.artifacts.artifact import from_text, to_text
from cdconf.artifacts.backends import place_of
from cdconf.deploy import deployment
from cdconf.errors import ArtifactError
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import Mask
from tests.artifacts.conftest import ABOUT, FILE, archive, built, overwrite
from tests.conftest import cdconf, git, write


def test_the_encoding_is_the_specifications_own_example():
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.fixture
def signed(local_app, tmp_path, monkeypatch):
    """A project with a key that is trusted, and an artifact that was built and signed with it."""
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    write(local_app, {"roles/base/smoke/test_it.py": "def test_it(host): pass\n"})
    project = load_project(local_app)
    trust.trust(project, keys.new(project))
    artifact, _ = built(local_app)
    return project, ArtifactStore(project), artifact


def refusal(project, artifact, envelope):
    with pytest.raises(ArtifactError) as caught:
        provenance.check(project, artifact, envelope)
    return caught.value.message


def test_a_build_records_where_it_comes_from_as_slsa_provenance(signed):
    project, store, artifact = signed
    envelope = store.provenance(artifact)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    document = provenance.read(envelope)
    commit = git(project.root, "rev-parse", "HEAD")
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    assert document["subject"] == [
        {
            "name": f"app-{artifact.version}.tar.gz",
            "digest": {"sha256": artifact.archive, "cdconfTree1": artifact.tree},
            "annotations": {"size": artifact.size},
        }
    ]
    definition, details = document["predicate"]["buildDefinition"], document["predicate"]["runDetails"]
    assert definition["externalParameters"]["command"] == project.apps["app"].build
    assert definition["externalParameters"]["dirty"] is False
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": commit}
    when = git(project.root, "show", "-s", "--format=%ct", "HEAD")
    assert provenance._time(int(when)) == definition["resolvedDependencies"][0]["annotations"]["commitTime"]
    assert details["metadata"]["startedOn"] <= details["metadata"]["finishedOn"]
    assert "@" in details["builder"]["id"]
    assert provenance.check(project, artifact, envelope) == keys.public_of(keys.own(project)).id


def test_a_build_keeps_its_log(local_app, monkeypatch, tmp_path):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    text = (local_app / "cdconf.yml").read_text()
    (local_app / "cdconf.yml").write_text(text.replace("build: ", "build: echo hello; echo trouble >&2; "))
    git(local_app, "commit", "-qam", "talks")
    artifact, _ = built(local_app)
    assert ArtifactStore(load_project(local_app)).log(artifact) == "hello\ntrouble\n"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app", "api"),
        ("version", "9"),
        ("archive", "0" * 64),
        ("tree", "0" * 64),
        ("file_name", "x.zip"),
        ("size", 1),
        ("commit", "0" * 40),
        ("commit_time", 1),
        ("built_at", 1.0),
        ("duration_s", 5000.0),
        ("builder", "someone@else"),
        ("dirty", True),
    ],
)
def test_metadata_that_differs_from_what_was_signed_is_refused(signed, field, value):
    project, store, artifact = signed
    envelope = store.provenance(artifact)
    other = dataclasses.replace(artifact, **{field: value})
    assert "differ" in refusal(project, other, envelope)
    trust.trusted_file(project).unlink()
    assert "differ" in refusal(project, other, envelope)


def test_every_field_of_an_artifact_is_judged(signed):
    """A field that is added to the metadata must be signed as well."""
    judged = {"app", "version", "archive", "tree", "file_name", "size", "commit", "commit_time", "built_at"}
    assert {one.name for one in dataclasses.fields(signed[2])} == judged | {"duration_s", "builder", "dirty"}


def test_a_forged_a_foreign_and_a_missing_signature_are_refused(signed, tmp_path, monkeypatch):
    project, store, artifact = signed
    envelope = store.provenance(artifact)
    forged = {**envelope, "signatures": [{**envelope["signatures"][0], "sig": base64.b64encode(bytes(64)).decode()}]}
    assert "is forged" in refusal(project, artifact, forged)
    assert "isn't signed" in refusal(project, artifact, {**envelope, "signatures": []})
    assert "isn't signed" in refusal(project, artifact, None)
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(tmp_path / "other"))
    other = keys.new(project)
    foreign = provenance.envelope(project, artifact)
    assert f"signed by {other.id}, a key that this project doesn't trust" in refusal(project, artifact, foreign)
    # A key's id is a hint that anyone may write.
    posing = {**foreign, "signatures": [{**foreign["signatures"][0], "keyid": dsse.keyids(envelope)[0]}]}
    assert "is forged" in refusal(project, artifact, posing)
    trust.trust(project, other)
    assert provenance.check(project, artifact, foreign) == other.id
    assert provenance.check(project, artifact, posing) == other.id
    # Of several signatures one is enough.
    both = dsse.signed({**envelope, "signatures": []}, keys.own(project), other.id)
    trust.distrust(project, dsse.keyids(envelope)[0][:12])
    assert provenance.check(project, artifact, both) == other.id


def test_a_changed_payload_breaks_its_signature(signed):
    project, store, artifact = signed
    envelope = store.provenance(artifact)
    document = provenance.read(envelope)
    document["subject"][0]["digest"]["sha256"] = "0" * 64
    changed = {**envelope, "payload": base64.b64encode(json.dumps(document).encode()).decode()}
    assert "is forged" in refusal(project, dataclasses.replace(artifact, archive="0" * 64), changed)


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"payload": "e30=", "payloadType": "x", "signatures": 1},
        {"payload": "e30=", "payloadType": "x", "signatures": [1]},
        {"payload": "e30=", "payloadType": "x", "signatures": [{"keyid": "a"}]},
        {"payload": "§", "payloadType": "x", "signatures": []},
        {"payload": "e30=", "payloadType": "x", "signatures": []},
        {"payload": "e30=", "payloadType": dsse.IN_TOTO, "signatures": []},
        {"payload": "W10=", "payloadType": dsse.IN_TOTO, "signatures": []},
    ],
)
def test_what_is_no_provenance_is_refused_in_words(signed, envelope):
    project, _, artifact = signed
    said = refusal(project, artifact, envelope)
    assert "provenance" in said or "it isn't a DSSE envelope" in said


def test_a_provenance_without_its_parts_is_refused_in_words(signed):
    project, _, artifact = signed
    for predicate in ({}, {"buildDefinition": {}, "runDetails": {}}, {"buildDefinition": 1, "runDetails": 2}):
        document = {"_type": provenance.STATEMENT, "predicateType": provenance.PROVENANCE, "predicate": predicate}
        assert "lacks" in refusal(project, artifact, dsse.wrap(json.dumps(document).encode()))


def test_deploy_refuses_a_forged_artifact_before_any_host_is_asked(signed, monkeypatch):
    project, _, artifact = signed
    monkeypatch.setattr(deployment, "_fleet", lambda *arguments: pytest.fail("a host was asked"))
    place = place_of(project)
    name = f"{artifact.label}.json"
    _, envelope = from_text(place.read([name])[name])
    envelope["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    overwrite(place, name, to_text(artifact, envelope).encode())
    environment = load_environment(project, "dev")
    with pytest.raises(ArtifactError, match="is forged"):
        deployment.deploy(project, environment, artifact, lambda event: None, deployment.DeployOptions(mask=Mask()))
    result = cdconf(project.root, "deploy", "app", "--to", "dev")
    assert (result.returncode, "is forged" in result.stderr) == (1, True)


def test_without_trusted_keys_unsigned_artifacts_are_accepted_and_it_is_said(local_app, tmp_path):
    project = load_project(local_app)
    artifact = ArtifactStore(project).add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    said = []
    envelope = ArtifactStore(project).provenance(artifact)
    assert provenance.check_aloud(project, artifact, envelope, said.append) is None
    assert "demo has no trusted keys" in said[0].message
    assert envelope["signatures"] == []
    trust.trust(project, keys.new(project))
    assert "isn't signed" in refusal(project, artifact, envelope)
    result = cdconf(local_app, "artifact", "verify", "app@1")
    assert (result.returncode, "cdconf artifact sign app@1" in result.stderr) == (1, True)
    assert cdconf(local_app, "artifact", "sign", "app@1").returncode == 0
    assert cdconf(local_app, "artifact", "verify", "app@1").returncode == 0
    assert "trusted: SHA256:" in cdconf(local_app, "artifact", "show", "app@1").stdout


def test_signing_again_replaces_a_keys_own_signature_and_keeps_others(signed, monkeypatch, tmp_path):
    project, store, artifact = signed
    first = store.sign(artifact)
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(tmp_path / "other"))
    keys.new(project)
    second = store.sign(artifact)
    envelope = store.provenance(artifact)
    assert dsse.keyids(envelope) == [first, second]
    everyone = {one.id: one.key for one in (keys.public_of(keys.own(project)), *trust.trusted(project).values())}
    assert set(dsse.signers(envelope, everyone)) == {first, second}


def test_the_private_key_is_for_its_owner_alone(local_app, home):
    made = cdconf(local_app, "key", "new")
    assert made.returncode == 0
    file = home / ".config/cdconf/keys/demo"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    shown = cdconf(local_app, "key", "show")
    assert shown.stdout == made.stdout
    (home / "key.pub").write_text(shown.stdout)
    fingerprint = subprocess.run(["ssh-keygen", "-lf", home / "key.pub"], capture_output=True, text=True, check=True)
    assert json.loads(cdconf(local_app, "key", "list", "--json").stdout)["keys"][0]["id"] in fingerprint.stdout
    before = file.read_bytes()
    again = cdconf(local_app, "key", "new")
    assert (again.returncode, file.read_bytes()) == (1, before)
    assert "there is a key already" in again.stderr
    file.chmod(0o640)
    assert "others can read or write the signing key" in cdconf(local_app, "key", "show").stderr
    file.chmod(0o600)
    file.write_text("no key\n")
    assert "isn't a private key" in cdconf(local_app, "key", "show").stderr


def test_keys_are_trusted_by_line_by_file_and_from_stdin(local_app, home, tmp_path):
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "ci", "-f", tmp_path / "ci"], check=True)
    subprocess.run(["ssh-keygen", "-qt", "ecdsa", "-N", "", "-f", tmp_path / "ec"], check=True)
    line = (tmp_path / "ci.pub").read_text()
    for words in (line.split(), [line], [str(tmp_path / "ci.pub")]):
        assert cdconf(local_app, "key", "trust", *words).returncode == 0
        found = json.loads(cdconf(local_app, "key", "list", "--json").stdout)["keys"]
        assert [one["name"] for one in found] == ["ci"]
    assert "isn't a public key of Ed25519" in cdconf(local_app, "key", "trust", str(tmp_path / "ec.pub")).stderr
    assert cdconf(local_app, "key", "trust", str(tmp_path / "none.pub")).returncode == 1
    gone = cdconf(local_app, "key", "distrust", found[0]["id"])
    assert (gone.returncode, "no trusted key is left" in gone.stderr) == (0, True)
    assert cdconf(local_app, "key", "distrust", found[0]["id"]).returncode == 1


@pytest.mark.parametrize("damage", ["writable", "text", "bytes"])
def test_trusted_keys_that_cannot_be_trusted_are_refused(signed, damage):
    project, store, artifact = signed
    file = trust.trusted_file(project)
    if damage == "writable":
        file.chmod(0o666)
    else:
        file.write_bytes(b"ssh-rsa AAAA\n" if damage == "text" else b"\xff\xfe")
    assert str(file) in refusal(project, artifact, store.provenance(artifact))


@pytest.mark.parametrize("content", [None, "", "# nothing\n"])
def test_a_named_file_of_trusted_keys_must_hold_some(signed, monkeypatch, tmp_path, content):
    """Whoever names the file wants signatures: a commit that renames the project mustn't switch them off."""
    project, store, artifact = signed
    monkeypatch.setenv("CDCONF_TRUSTED_KEYS", str(tmp_path / "trusted"))
    if content is not None:
        (tmp_path / "trusted").write_text(content)
    assert "$CDCONF_TRUSTED_KEYS names" in refusal(project, artifact, store.provenance(artifact))


def test_a_deployment_from_a_local_store_loads_neither_fsspec_nor_cryptography(local_app, tmp_path):
    ArtifactStore(load_project(local_app)).add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    script = """
import sys
from pathlib import Path
import cdconf.cli.verbs.artifact, cdconf.cli.verbs.build, cdconf.cli.verbs.key
from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.provenance import check_aloud
from cdconf.inventory import load_project
project = load_project(Path("."))
store = ArtifactStore(project)
artifact = store.find("app@1")
check_aloud(project, artifact, store.provenance(artifact), lambda event: None)
assert store.manifest(artifact)
print(sorted({"fsspec", "s3fs", "boto3", "cryptography", "zstandard"} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=local_app, capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == "[]\n"
