"""More ways past a gate, tried from outside: on the command line, by real procedures, with what an attacker holds.

Each is refused for its own reason, with exit code 3 (what's missing) or 1 (what can't be read), and before any host is
asked: the hosts of these projects don't exist.
"""

import base64
import json
import os
import shutil

import pytest

from cdconf.artifacts import dsse
from cdconf.artifacts.attestations import STATEMENT
from cdconf.artifacts.keys import public_of
from cdconf.promotion.procedure import procedure_of
from cdconf.promotion.said import Subject
from cdconf.promotion.statement import document, envelope
from tests.conftest import cdconf, git
from tests.promotion.world import World


@pytest.fixture
def outside(tmp_path, tmp_path_factory, monkeypatch):
    """A world whose procedures are real, and whose keys lie elsewhere."""
    made = World(tmp_path, tmp_path_factory.mktemp("files"))
    made.real = lambda revision="HEAD": procedure_of(made.root, revision, "app")
    made.proven = lambda **changes: made.prove(
        **{"procedure": made.real().digest, "commit": made.real().commit, **changes}
    )
    return made


def judged(world, artifact="app@1", code=3, to="production"):
    """What `gates` says, and that `deploy` says the same before it asks any host."""
    done = cdconf(world.root, "gates", artifact, "--to", to, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == code, (done.stdout, done.stderr)
    deployed = cdconf(world.root, "deploy", artifact, "--to", to)
    assert deployed.returncode == code, deployed.stderr
    assert "unreachable" not in deployed.stderr
    assert "192.0.2.1" not in deployed.stderr
    missing = [one["why"] for one in told.get("gates", ()) if one["state"] == "missing"]
    why = " ".join(missing)
    message = (told.get("error") or {}).get("message", "")
    assert all(one.partition("statement")[0] in deployed.stderr for one in missing)
    assert message in deployed.stderr
    skipped = " ".join(told.get("skipped", {}).values())
    assert all(one in deployed.stderr for one in told.get("skipped", {}).values())
    return f"{why} {message} {skipped}"


def reach(world, artifact="app@1"):
    """Whether the gate lets it through, up to hosts that don't exist."""
    assert cdconf(world.root, "gates", artifact, "--to", "production").returncode == 0


def test_the_real_thing_passes(outside):
    outside.proven()
    reach(outside)


def change(world, path, text):
    (world.root / path).parent.mkdir(parents=True, exist_ok=True)
    (world.root / path).write_text(text)
    world.commit(f"change {path}")


PROCEDURES = [
    ("roles/site/role.yml", "resources:\n  - directory: /srv/sit\n"),
    ("roles/site/smoke/test_site.py", "def test_it(host): pass\n"),
    ("resources/thing/spec.py", "TYPE = None\n"),
    ("conftest.py", "collect_ignore_glob = ['*']\n"),
    ("pytest.py", "raise SystemExit(0)\n"),
    ("roles/.gitattributes", "*.yml text eol=crlf\n"),
]


@pytest.mark.parametrize(("path", "text"), PROCEDURES, ids=[one[0] for one in PROCEDURES])
def test_whatever_was_changed_after_staging_closes_the_gate(outside, path, text):
    outside.proven()
    change(outside, path, text)
    assert "is about another procedure" in judged(outside)
    git(outside.root, "revert", "--no-edit", "HEAD")
    reach(outside)


@pytest.mark.parametrize("path", ["roles/site/smoke/test_more.py", "conftest.py", "templates/x.j2"])
def test_what_is_not_committed_closes_the_gate_too(outside, path):
    outside.proven()
    (outside.root / path).parent.mkdir(parents=True, exist_ok=True)
    (outside.root / path).write_text("# new\n")
    assert "not as commit" in judged(outside)


def test_a_gitignore_hides_nothing(outside):
    change(outside, ".gitignore", ".cdconf/\nroles/*/smoke/test_quiet.py\n")
    outside.proven()
    (outside.root / "roles/site/smoke").mkdir()
    (outside.root / "roles/site/smoke/test_quiet.py").write_text("def test_it(host): pass\n")
    assert "test_quiet.py (ignored by git)" in judged(outside) or "smoke/ (ignored by git)" in judged(outside)


def test_an_index_that_calls_changed_files_unchanged_is_seen_through(outside):
    outside.proven()
    git(outside.root, "update-index", "--assume-unchanged", "roles/site/role.yml")
    (outside.root / "roles/site/role.yml").write_text("resources: []\n")
    assert "roles/site/role.yml" in judged(outside)


def test_a_replaced_object_is_not_read(outside):
    """git shows another commit in a commit's place; the procedure is the commit's own."""
    outside.proven()
    good = git(outside.root, "rev-parse", "HEAD").strip()
    change(outside, "roles/site/role.yml", "resources: []\n")
    git(outside.root, "replace", git(outside.root, "rev-parse", "HEAD").strip(), good)
    assert "git shows another object in place of" in judged(outside)


def test_a_statement_that_nobody_has_signed(outside):
    outside.attest(envelope(document(outside.proof(procedure=outside.real().digest))))
    assert "isn't signed" in judged(outside)


def test_a_signature_without_bytes(outside):
    said = envelope(document(outside.proof(procedure=outside.real().digest)))
    key = outside.key("stage:manual")
    outside.attest({**said, "signatures": [{"keyid": key.id, "sig": ""}]})
    assert f"it isn't one of {key.id}" in judged(outside)


def test_an_attackers_key_with_the_stages_id(outside):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    said = envelope(document(outside.proof(procedure=outside.real().digest)))
    outside.attest(dsse.signed(said, Ed25519PrivateKey.generate(), outside.key("stage:manual").id))
    assert "its signature is forged" in judged(outside)


def test_a_signature_of_another_payload_type_is_none(outside):
    """The stage's key has signed these bytes, but as something else."""
    said = envelope(document(outside.proof(procedure=outside.real().digest)))
    key = outside.key("stage:manual")
    other = dsse.signed({**said, "payloadType": "application/vnd.cdconf.plan+json"}, key.key, key.id)
    outside.attest({**said, "signatures": other["signatures"]})
    assert "its signature is forged" in judged(outside)


def test_two_payloads_in_one_envelope(outside):
    """JSON with a name twice: who checks one and reads the other is fooled."""
    key = outside.key("stage:manual")
    failed = dsse.signed(envelope(document(outside.proof(result="failed"))), key.key, key.id)
    passed = envelope(document(outside.proof(procedure=outside.real().digest)))
    text = json.dumps(failed)[:-1] + f', "payload": {json.dumps(passed["payload"])}}}'
    put(outside, text.encode())
    assert "'payload' is there twice" in judged(outside)


def test_a_name_twice_in_a_signed_payload_counts_for_nothing(outside):
    """Signed by the stage, but readers could take the one or the other."""
    said = json.dumps(document(outside.proof(procedure=outside.real().digest)))
    text = said.replace('"result": "passed"', '"result": "passed", "result": "failed"')
    key = outside.key("stage:manual")
    outside.attest(dsse.signed(dsse.wrap(text.encode()), key.key, key.id))
    assert "says 'result' twice" in judged(outside)


def put(world, data):
    """An object of the right name with any content."""
    import hashlib

    name = f"{STATEMENT}-{world.artifact.archive}-{hashlib.sha256(data).hexdigest()}.dsse"
    assert world.place.create(name, data)
    return name


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"payload": 5}', b"[" * 100_000, b"{}" * 600_000])
def test_garbage_opens_nothing_and_hides_nothing(outside, data):
    put(outside, data)
    assert "nobody has said" in judged(outside)
    outside.proven()
    reach(outside)


def test_base64_that_hides_another_payload(outside):
    """Characters that a lenient decoder drops."""
    (path,) = outside.root.rglob(outside.proven())
    good = json.loads(path.read_text())
    path.unlink()
    good["payload"] = good["payload"][:8] + "!!\n" + good["payload"][8:]
    outside.attest(good)
    assert "it isn't a DSSE envelope: its payload isn't Base64" in judged(outside)


def test_the_right_statement_beside_the_wrong_artifact(outside):
    (path,) = outside.root.rglob(outside.proven())
    outside.attest(json.loads(path.read_text()), archive=outside.other.archive)
    assert "is about another artifact" in judged(outside, "app@2")


def test_two_subjects_of_which_one_is_right(outside):
    said = document(outside.proof(procedure=outside.real().digest))
    other = Subject.of(outside.other)
    said["subject"].append({"name": "app@2", "digest": {"sha256": other.archive, "cdconfTree1": other.tree}})
    key = outside.key("stage:manual")
    for artifact in (outside.artifact, outside.other):
        outside.attest(dsse.signed(envelope(said), key.key, key.id), archive=artifact.archive)
    assert "one subject, of which it has 2" in judged(outside)
    assert "one subject, of which it has 2" in judged(outside, "app@2")


def test_another_versions_bytes_under_a_proven_versions_name(outside):
    """Who can write to the store puts another archive in place of the one that was proven."""
    outside.proven()
    blob = next(path for path in outside.root.rglob(f"{outside.artifact.archive}.blob"))
    blob.chmod(0o600)
    shutil.copy(next(outside.root.rglob(f"{outside.other.archive}.blob")), blob)
    done = cdconf(outside.root, "deploy", "app@1", "--to", "production")
    assert done.returncode == 1
    assert "sha256" in done.stderr.lower() or "digest" in done.stderr.lower() or "damaged" in done.stderr.lower()


def test_the_metadata_of_a_proven_artifact_under_another_tree(outside):
    """The archive's digest is the proven one; the tree that would be unpacked isn't."""
    outside.proven()
    path = next(outside.root.rglob("app@1.json"))
    data = json.loads(path.read_text())
    path.unlink()
    path.write_text(json.dumps({**data, "tree": outside.other.tree, "provenance": None}))
    assert "is about another tree than the artifact's" in judged(outside)


BENT = {  # exit code, and why
    "stage": (1, "the pipeline in cdconf.yml has no stage 'manual'"),
    "stage and require": (3, "is about the environment 'throwaway', and stage 'acceptance' is staging"),
    "environment": (3, "nobody has said that app@1 passed stage 'manual'"),
    "procedure": (1, "the pipeline in cdconf.yml has no stage 'manual'"),
    "copy": (3, "is about throwaway, which isn't a copy of other"),
    "project": (3, "nobody may speak for stage:manual here"),
}


@pytest.mark.parametrize("bend", list(BENT))
def test_a_commit_cannot_bend_the_pipeline_to_a_proof(outside, bend):
    """A proof of the acceptance stage, and a commit that makes it look like the one that's asked for."""
    outside.prove(
        "stage:acceptance",
        stage="acceptance",
        environment="throwaway",
        procedure=outside.real().digest,
        commit=outside.real().commit,
    )
    text = (outside.root / "cdconf.yml").read_text()
    renamed = text.replace("stage: acceptance", "stage: x").replace("stage: manual", "stage: acceptance")
    bent = {
        "stage": renamed,
        "stage and require": renamed,
        "environment": text.replace("environment: staging", "copy_of: production"),
        "procedure": text.replace("  - {stage: manual, environment: staging}\n", ""),
        "copy": text.replace("copy_of: production", "copy_of: other"),
        "project": text.replace("project: demo", "project: demi"),
    }[bend]
    assert bent != text
    if bend in ("stage and require", "copy"):
        hosts = outside.root / "inventories/production/hosts.yml"
        hosts.write_text(hosts.read_text().replace("[manual]", "[acceptance]"))
        change(outside, "inventories/other/hosts.yml", hosts.read_text().partition("require:")[0])
    change(outside, "cdconf.yml", bent)
    code, why = BENT[bend]
    assert why in judged(outside, code=code)


def test_an_empty_require_is_no_way_around_in_silence(outside):
    """A commit can say that nothing is asked for; `gates` then says that, and no proof is claimed."""
    hosts = (outside.root / "inventories/production/hosts.yml").read_text().partition("require:")[0]
    change(outside, "inventories/production/hosts.yml", hosts)
    assert "nobody has said" in judged(outside), "the default asks for all stages before"


def test_variables_of_the_environment_do_not_choose_the_signers(outside, tmp_path_factory):
    """The signers' file is the operator's: neither the project's directory nor a link in it is looked at."""
    outside.proven()
    theirs = tmp_path_factory.mktemp("attacker")
    line = public_of(outside.key("stage:manual").key).text
    change(outside, "signers/demo", f'* namespaces="cdconf-stage:manual" {line}\n')
    change(outside, ".config/cdconf/signers/demo", f'x namespaces="cdconf-stage:manual" {line}\n')
    done = cdconf(outside.root, "gates", "app@1", "--to", "production", "--json", HOME=str(theirs))
    assert done.returncode == 3
    assert "nobody may speak for stage:manual here" in done.stdout


def test_a_link_in_the_store_to_a_statement_elsewhere_is_what_its_bytes_are(outside, tmp_path_factory):
    key = outside.key("stage:manual")
    failed = dsse.signed(envelope(document(outside.proof(result="failed"))), key.key, key.id)
    name = outside.attest(failed)
    (path,) = outside.root.rglob(name)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other"
    good = dsse.signed(envelope(document(outside.proof(procedure=outside.real().digest))), key.key, key.id)
    elsewhere.write_text(json.dumps(good))
    path.unlink()
    path.symlink_to(elsewhere)
    assert "it's a link, and what's said of artifacts lies in the store itself" in judged(outside)


def test_a_key_trusted_for_builds_only(outside):
    done = cdconf(outside.root, "key", "new")
    assert done.returncode == 0, done.stderr
    from cdconf.artifacts import keys

    own = keys.own(outside.project)
    said = envelope(document(outside.proof(procedure=outside.real().digest)))
    outside.attest(dsse.signed(said, own, public_of(own).id))
    assert "is signed by an unknown key" in judged(outside) or "isn't signed" in judged(outside)


def test_a_tampered_test_result_proves_nothing(outside):
    from cdconf.promotion.statement import test_result as result_of

    key = outside.key("stage:manual")
    outside.attest(dsse.signed(envelope(result_of(outside.proof(procedure=outside.real().digest))), key.key, key.id))
    assert "nobody has said" in judged(outside)


def test_an_override_without_its_key_is_none(outside, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("CDCONF_SIGNING_KEY_DIR", str(tmp_path_factory.mktemp("empty")))
    done = cdconf(outside.root, "deploy", "app@1", "--to", "production", "--override", "it's urgent")
    assert done.returncode in (1, 3)
    assert "override" in done.stderr
    assert "192.0.2.1" not in done.stderr
    assert not list(outside.root.rglob("override-*.dsse"))


def test_what_was_added_from_a_file_is_not_promoted_though_the_bytes_were_proven(outside, tmp_path_factory):
    outside.proven()
    folder = tmp_path_factory.mktemp("file")
    blob = next(outside.root.rglob(f"{outside.artifact.archive}.blob"))
    shutil.copy(blob, folder / "app-7.tar.gz")
    added = cdconf(outside.root, "artifact", "add", "app", str(folder / "app-7.tar.gz"), "--version", "7")
    assert added.returncode == 0, added.stderr
    assert "no commit is known of it" in judged(outside, "app@7")


def test_a_shard_that_is_a_file_is_an_error_and_no_open_gate(outside):
    shard = next(outside.root.rglob(outside.proven())).parent
    shutil.rmtree(shard)
    shard.write_text("in the way")
    assert f"{shard} isn't a directory" in judged(outside, code=1)


def test_half_a_statement_is_none(outside):
    path = next(outside.root.rglob(outside.proven()))
    os.truncate(path, path.stat().st_size // 2)
    assert "nobody has said" in judged(outside)


def test_payload_bytes_that_are_not_utf8(outside):
    key = outside.key("stage:manual")
    raw = base64.b64encode(b"\xff" * 10).decode()
    said = {"payload": raw, "payloadType": dsse.IN_TOTO, "signatures": []}
    outside.attest(dsse.signed(said, key.key, key.id))
    assert "isn't JSON" in judged(outside)


def test_an_id_of_a_key_without_end(outside):
    """It's shown, and anybody who can write to the store can write it."""
    said = envelope(document(outside.proof(procedure=outside.real().digest)))
    outside.attest({**said, "signatures": [{"keyid": "A" * 500_000, "sig": ""}]})
    told = judged(outside)
    assert "is signed by an unknown key: AAAA" in told
    assert len(told) < 2000
