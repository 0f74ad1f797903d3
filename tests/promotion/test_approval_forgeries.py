"""Ways to open a gate without people who approve, tried on the command line; each is refused for its own reason.

The attacker can write to the store and get commits merged, and may be one of those who approve.
"""

import base64
import json
import subprocess
import time

import pytest

from cdconf.artifacts.attestations import APPROVAL
from cdconf.promotion.said import Subject
from cdconf.promotion.ssh.keys import key_of_line
from cdconf.promotion.statement import BASE, document, envelope
from tests.conftest import git
from tests.promotion.crew import Crew, TokenKey, key_pair, line_of, signed, sshsig, string


@pytest.fixture
def crew(tmp_path, tmp_path_factory):
    return Crew(tmp_path, tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("keys"))


def fingerprint(path):
    return key_of_line(line_of(path)).id


def test_the_real_thing_passes(crew):
    crew.given("anna")
    assert crew.is_open()


def test_a_signature_for_another_namespace(crew):
    crew.given("anna", namespace="git")
    assert "is signed for 'git', not for 'cdconf-approve'" in crew.why()


def test_a_stage_s_own_namespace(crew):
    crew.given("anna", namespace="cdconf-stage:manual")
    assert "is signed for 'cdconf-stage:manual', not for 'cdconf-approve'" in crew.why()


def test_a_stranger_s_key(crew):
    crew.given("stranger")
    key = fingerprint(crew.keys["stranger"])
    assert f"is signed by a key that the policy assigns to nobody: {key}" in crew.why()


def test_a_stranger_s_signature_with_anna_s_key_beside_it(crew):
    """The envelope says that anna has signed, which anybody can write."""
    made = envelope(document(crew.said()))
    signature = signed(crew.message(made), crew.keys["stranger"])
    made["signatures"] = [{"keyid": fingerprint(crew.keys["anna"]), "sig": base64.b64encode(signature).decode()}]
    crew.raw(json.dumps(made).encode())
    assert "that the policy assigns to nobody" in crew.why()


def test_anna_s_public_key_in_a_stranger_s_signature(crew):
    made = envelope(document(crew.said()))
    theirs = signed(crew.message(made), crew.keys["stranger"])
    blobs = [key_of_line(line_of(crew.keys[name])).blob for name in ("stranger", "anna")]
    crew.put(made, theirs.replace(*blobs))
    assert f"its signature is forged: it isn't one of {fingerprint(crew.keys['anna'])}" in crew.why()


def test_a_revoked_key(crew):
    crew.given("anna", at=time.time() - 3600)
    assert crew.is_open()
    from cdconf.promotion import signers

    signers.revoked_file(crew.world.project).write_text(f"{line_of(crew.keys['anna'])}\n")
    assert f"is signed by a revoked key: {fingerprint(crew.keys['anna'])}" in crew.why()
    told = crew.approve("anna", code=3)
    assert "is a revoked key, and approves nothing" in told["error"]["message"]


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "sk"])
def test_revoked_keys_of_other_kinds(crew, kind):
    from cdconf.promotion import signers

    if kind == "sk":
        token = TokenKey()
        line, sign = token.line, token.sign
    else:
        path = key_pair(crew.folder, kind, kind)
        line, sign = line_of(path), lambda message: signed(message, path)
    crew.people["anna"]["keys"].append(line)
    crew.write_policy()
    made = envelope(document(crew.said()))
    crew.put(made, sign(crew.message(made)))
    assert crew.is_open()
    signers.revoked_file(crew.world.project).write_text(f"{line}\n")
    assert f"is signed by a revoked key: {key_of_line(line).id}" in crew.why()


def test_a_key_that_was_taken_out_of_the_policy(crew):
    crew.given("anna")
    crew.people["anna"]["keys"] = []
    crew.write_policy()
    assert "that the policy assigns to nobody" in crew.why()


def test_rsa_with_sha1(crew):
    import hashlib

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    path = key_pair(crew.folder, "rsa", "rsa", "-b", "2048")
    crew.people["anna"]["keys"].append(line_of(path))
    crew.write_policy()
    made = envelope(document(crew.said()))
    parts = (b"cdconf-approve", b"", b"sha512", hashlib.sha512(crew.message(made)).digest())
    private = load_ssh_private_key(path.read_bytes(), None)
    signature = private.sign(b"SSHSIG" + b"".join(map(string, parts)), PKCS1v15(), hashes.SHA1())
    crew.put(made, sshsig(key_of_line(line_of(path)).blob, string(b"ssh-rsa") + string(signature)))
    assert "is signed with RSA and SHA-1 (ssh-rsa), which can be forged" in crew.why()


def test_a_certificate(crew):
    authority, key = key_pair(crew.folder, "authority"), crew.keys["anna"]
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "anna", "-n", "anna", f"{key}.pub"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    made = envelope(document(crew.said()))
    text = key.with_name("anna-cert.pub").read_text().split()[1]
    plain = signed(crew.message(made), key)
    crew.put(made, plain.replace(string(key_of_line(line_of(key)).blob), string(base64.b64decode(text))))
    assert "is a certificate: whoever made it could make one for anybody" in crew.why()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_fido_key_that_nobody_has_touched(crew, kind):
    token = TokenKey(kind)
    crew.people["anna"]["keys"].append(token.line)
    crew.write_policy()
    made = envelope(document(crew.said()))
    crew.put(made, token.sign(crew.message(made), flags=0))
    assert "is signed by a FIDO key that nobody has touched" in crew.why()
    crew.put(made, token.sign(crew.message(made)))
    assert crew.is_open()


ELSEWHERE = {
    "another environment": ({"environment": "staging"}, "is for the environment 'staging', not 'production'"),
    "another procedure": ({"procedure": "sha256:" + "9" * 64}, "is for another procedure, that of commit"),
    "another project": ({"project": "other"}, "is for the project 'other', not 'demo'"),
    "another app": ({"app": "till"}, "is for the app 'till', not 'app'"),
    "another artifact": ({"subject": "archive"}, "is for another artifact, app@5 with sha256 dddddddddddd"),
    "another tree": ({"subject": "tree"}, "is for another tree than the artifact's: dddddddddddd"),
    "no more good": ({"expires": 1.0}, "was good until 1970-01-01"),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_an_approval_of_something_else(crew, what):
    changes, why = dict(ELSEWHERE[what][0]), ELSEWHERE[what][1]
    if "subject" in changes:
        digests = {"archive": crew.artifact.archive, "tree": crew.artifact.tree, changes["subject"]: "d" * 64}
        changes["subject"] = Subject("app@5", **digests)
    crew.given("anna", archive_=crew.artifact.archive, **changes)
    assert why in crew.why()


def test_an_approval_dated_in_the_future(crew):
    crew.given("anna", at=time.time() + 3600)
    assert " s in the future, by its signer's clock" in crew.why()


def test_a_clock_that_is_a_little_ahead_does_no_harm(crew):
    crew.given("anna", at=time.time() + 30)
    assert crew.is_open()


def test_other_bytes_under_a_good_signature(crew):
    """An approval for staging, turned into one for production."""
    staging = envelope(document(crew.said(environment="staging")))
    crew.put(envelope(document(crew.said())), signed(crew.message(staging), crew.keys["anna"]))
    assert "was changed after it was signed" in crew.why()


def test_the_payload_alone_was_signed(crew):
    """What's signed has the payload's type in it, so that nothing else that people sign could be taken for it."""
    made = envelope(document(crew.said()))
    crew.put(made, signed(base64.b64decode(made["payload"]), crew.keys["anna"]))
    assert "was changed after it was signed" in crew.why()


def test_another_payload_type(crew):
    made = envelope(document(crew.said()))
    signature = signed(crew.message({**made, "payloadType": "text/plain"}), crew.keys["anna"])
    crew.put(made, signature)
    assert "was changed after it was signed" in crew.why()


def test_a_rejection_turned_into_an_approval(crew):
    made = document(crew.said(decision="rejected"))
    signature = signed(crew.message(envelope(made)), crew.keys["anna"])
    made["predicate"]["decision"] = "approved"
    crew.put(envelope(made), signature)
    assert "was changed after it was signed" in crew.why()


def test_a_copy_under_another_name_is_skipped_and_counts_once(crew):
    crew.asks(count=2)
    name = crew.given("anna")
    data = crew.world.place.read([name])[name]
    crew.world.place.create(f"{APPROVAL}-{crew.artifact.archive}-{'a' * 64}.dsse", data)
    assert crew.why().startswith("1 of 2: anna")
    done = crew.run("gates", "app@5", "--to", "production")
    assert "it isn't what its name says" in done.stderr


def test_the_same_approval_in_other_json_counts_once(crew):
    crew.asks(count=2)
    name = crew.given("anna")
    made = json.loads(crew.world.place.read([name])[name])
    for keyid in ("x", "y"):
        made["signatures"][0]["keyid"] = keyid
        crew.raw(json.dumps(made, indent=1).encode())
    assert crew.why().startswith("1 of 2: anna")


def test_an_approval_beside_another_artifact(crew):
    other = crew.built("6")
    crew.prove(other)
    name = crew.given("anna")
    crew.raw(crew.world.place.read([name])[name], archive_=other.archive)
    assert "is for another artifact, app@5 with sha256" in crew.why(artifact=other)


def test_two_signatures_in_one_envelope(crew):
    crew.asks(count=2)
    made = envelope(document(crew.said()))
    for who in ("anna", "ben"):
        signature = signed(crew.message(made), crew.keys[who])
        made["signatures"].append({"keyid": "", "sig": base64.b64encode(signature).decode()})
    crew.raw(json.dumps(made).encode())
    assert "has 2 signatures, and an approval is one person's" in crew.why()


def test_nobody_has_signed(crew):
    crew.raw(json.dumps(envelope(document(crew.said()))).encode())
    assert "isn't signed" in crew.why()


def payload_of(crew, text):
    """Signs a payload as it's written."""
    from cdconf.artifacts import dsse

    made = dsse.wrap(text.encode())
    return crew.put(made, signed(crew.message(made), crew.keys["anna"]))


def test_a_key_twice_in_what_is_signed(crew):
    text = json.dumps(document(crew.said()))
    payload_of(
        crew, text.replace('"environment": "production"', '"environment": "staging", "environment": "production"')
    )
    assert "says 'environment' twice" in crew.why()


def test_a_key_twice_in_the_envelope(crew):
    name = crew.given("anna", environment="staging")
    data = crew.world.place.read([name])[name]
    good = envelope(document(crew.said()))["payload"]
    crew.raw(data[:-1] + f', "payload": "{good}"}}'.encode())
    assert crew.why().startswith("0 of 1; ")
    told = json.loads(crew.run("gates", crew.artifact.label, "--to", "production", "--json").stdout)
    assert any("'payload' is there twice" in why for why in told["skipped"].values())


def test_a_newer_version_is_refused_by_its_name(crew):
    text = json.dumps({**document(crew.said()), "predicateType": f"{BASE}approval/v2"})
    payload_of(crew, text)
    assert "is of the type approval/v2, as of a newer cdconf" in crew.why()
    payload_of(crew, text.replace("approval/v2", f"approval/v{'9' * 5000}"))
    assert "is of the type approval/v999999999, as of a newer cdconf" in crew.why()


def test_a_statement_of_a_stage_is_no_approval(crew):
    made = document(crew.world.proof(subject=Subject.of(crew.artifact)))
    payload_of(crew, json.dumps(made))
    assert "is no approval" in crew.why()


@pytest.mark.parametrize("field", ["environment", "decision", "seen", "at", "nonce", "procedure", "expires"])
def test_an_approval_that_leaves_something_out(crew, field):
    made = document(crew.said())
    del made["predicate"][field]
    payload_of(crew, json.dumps(made))
    assert f"lacks something: '{field}'" in crew.why()


@pytest.mark.parametrize(
    ("field", "value"),
    [("decision", "Approved"), ("decision", True), ("at", 5), ("seen", "x"), ("seen", ["x"]), ("expires", "soon")],
)
def test_an_approval_with_a_value_that_is_none(crew, field, value):
    made = document(crew.said())
    made["predicate"][field] = value
    payload_of(crew, json.dumps(made))
    assert "lacks something" in crew.why()


@pytest.mark.parametrize("sig", ["", "!!", "AAAA", base64.b64encode(b"SSHSIG").decode(), "QQ==" * 40_000])
def test_what_is_no_signature(crew, sig):
    made = envelope(document(crew.said()))
    crew.raw(json.dumps({**made, "signatures": [{"keyid": "", "sig": sig}]}).encode())
    crew.why()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"payload": 5}', b"[" * 100_000, b"{}" * 600_000])
def test_garbage_is_skipped_and_hides_nothing(crew, data):
    crew.raw(data)
    assert crew.why() == "0 of 1; missing one of: anna, ben, carl"
    assert "skipped" in crew.run("gates", "app@5", "--to", "production").stderr
    crew.given("anna")
    assert crew.is_open()


def test_a_commit_can_not_make_people(crew):
    """Neither a policy nor signers in the repository are looked at."""
    line = line_of(crew.keys["stranger"])
    policy = json.dumps({"version": 1, "people": {"anna": {"keys": [line]}}})
    for path in ("policy/demo.yml", ".config/cdconf/policy/demo.yml", "signers/demo"):
        crew.commit("ben", files={path: policy})
    crew.prove()
    crew.given("stranger")
    assert "that the policy assigns to nobody" in crew.why()


def test_a_line_in_the_signers_file_makes_no_person(crew):
    from cdconf.promotion import signers

    path = signers.signers_file(crew.world.project)
    line = line_of(crew.keys["stranger"])
    path.write_text(f'{path.read_text()}stranger namespaces="cdconf-approve" {line}\n')
    crew.given("stranger")
    assert "that the policy assigns to nobody" in crew.why()


def test_a_commit_can_not_take_the_policy_s_requirement_away(crew):
    hosts = "hosts:\n  web1: {address: 192.0.2.1, groups: [web]}\nrequire: []\n"
    crew.commit("anna", files={"inventories/production/hosts.yml": hosts})
    assert crew.why() == "0 of 1; missing one of: anna, ben, carl"


def test_a_replaced_commit_hides_no_author(crew):
    crew.asks(not_author=True)
    good = crew.head
    crew.commit("anna")
    crew.artifact = crew.built("6")
    crew.prove()
    git(crew.world.root, "replace", crew.head, good)
    crew.given("anna")
    assert "git shows another object in place of " in crew.why()


def test_a_message_that_looks_like_another_commit_hides_no_author(crew):
    crew.asks(not_author=True)
    crew.commit("anna", f"x\n\ncommit {'0' * 40}\nAuthor: Ben <ben@example.com>")
    crew.artifact = crew.built("6")
    crew.prove()
    crew.given("anna")
    assert "is by an author of commit" in crew.why()


def rewrite(crew, artifact, commit):
    """Another commit beside an artifact, as whoever can write to the store may have it."""
    path = crew.world.root / f".cdconf/artifacts/{artifact.label}.json"
    text = path.read_text()
    assert artifact.commit in text
    path.chmod(0o600)
    path.write_text(json.dumps({**json.loads(text), "commit": commit}))


def test_another_commit_beside_the_artifact(crew):
    """Its author would approve what she has written herself; the stage has signed from which commit it was built."""
    crew.asks(count=1, not_author=True)
    crew.commit("ben")
    released = crew.built("6")
    crew.release(released)
    crew.commit("anna")
    crew.artifact = crew.built("7")
    crew.prove(built_from=crew.artifact.commit)
    crew.given("anna")
    assert "is by an author of commit" in crew.why()
    rewrite(crew, crew.artifact, released.commit)
    assert "is by an author of commit" in crew.why()


def test_another_commit_beside_the_last_release(crew):
    """Commits that it doesn't have would count as released, and their author as none."""
    crew.asks(count=1, not_author=True)
    released = crew.built("6")
    crew.prove(released, built_from=released.commit)
    crew.commit("anna")
    newer = crew.head
    crew.release(released, built_from=newer)
    crew.commit("ben")
    crew.artifact = crew.built("7")
    crew.prove(built_from=crew.artifact.commit)
    crew.given("anna")
    assert "is by an author of commit" in crew.why()


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_time_that_no_clock_tells(crew, at, decision):
    said = document(crew.said(decision=decision))
    said["predicate"]["at"] = at
    made = envelope(said)
    crew.put(made, signed(crew.message(made), crew.keys["ben"]))
    assert "lacks something: a time that clocks tell" in crew.why()
