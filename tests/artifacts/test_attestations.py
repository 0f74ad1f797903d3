"""What is said of an artifact later: objects of their own, which writers at once can't take from each other."""

import dataclasses
import hashlib
import json
import os

import pytest

from cdconf.artifacts import ArtifactStore, dsse, keys, provenance, trust
from cdconf.artifacts.attestations import SIGNATURE, attest, attested
from cdconf.artifacts.leftovers import sweep
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.artifacts.conftest import ABOUT, FILE, archive, overwrite, place
from tests.racing import context, process

SIGNERS, ROUNDS = 5, 3


def sign(root, key, barrier, results):
    os.environ["CDCONF_SIGNING_KEY"] = str(key)
    for _ in range(ROUNDS):
        barrier.wait(120)
        store = ArtifactStore(load_project(root))
        artifact = store.find("app@1")
        barrier.wait(120)
        results.put(store.sign(artifact))


@pytest.fixture
def people(app, tmp_path, monkeypatch):
    """Private keys of several people, whom nobody trusts yet."""
    files = [tmp_path / f"key{number}" for number in range(SIGNERS)]
    for file in files:
        monkeypatch.setenv("CDCONF_SIGNING_KEY", str(file))
        keys.new(load_project(app))
    monkeypatch.delenv("CDCONF_SIGNING_KEY")
    return files


@pytest.fixture
def stored(app, tmp_path):
    store = ArtifactStore(load_project(app))
    return store, store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)


def test_all_who_sign_at_once_have_signed(app, stored, people):
    store, artifact = stored
    barrier, results = context().Barrier(SIGNERS + 1), context().Queue()
    signers = [process(sign, app, key, barrier, results) for key in people]
    for one in signers:
        one.start()
    for _ in range(ROUNDS):
        for one in store.entries(SIGNATURE):
            place(app).delete(one.name)
        barrier.wait(120)  # they look for the artifact
        barrier.wait(120)  # they sign it
        signed = {results.get(timeout=120) for _ in signers}
        assert len(signed) == SIGNERS
        assert set(dsse.keyids(store.provenance(artifact))) == signed
    for one in signers:
        one.join(60)
        assert one.exitcode == 0


def test_nothing_that_is_there_is_ever_written_again(app, stored, people, monkeypatch):
    store, artifact = stored
    for key in people:
        monkeypatch.setenv("CDCONF_SIGNING_KEY", str(key))
        before = place(app).read([one.name for one in store.entries(suffix=".json") + store.entries(suffix=".dsse")])
        store.sign(artifact)
        store.sign(artifact)
        assert place(app).read(list(before)) == before
    assert len(store.entries(f"{SIGNATURE}-{artifact.archive}-")) == SIGNERS  # the second time is the same object
    assert not hasattr(store.place, "replace")


def test_signatures_in_the_metadata_of_older_versions_go_on_being_read(app, stored, people, monkeypatch):
    store, artifact = stored
    envelope = store.provenance(artifact)
    ids = []
    for key in people[:2]:
        monkeypatch.setenv("CDCONF_SIGNING_KEY", str(key))
        own = keys.own(load_project(app))
        ids.append(keys.public_of(own).id)
        envelope = dsse.signed(envelope, own, ids[-1])
    text = json.dumps({**dataclasses.asdict(artifact), "provenance": envelope})
    overwrite(place(app), "app@1.json", text.encode())
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(people[2]))
    ids.append(store.sign(artifact))
    assert dsse.keyids(store.provenance(artifact)) == ids
    for key in people[:3]:
        monkeypatch.setenv("CDCONF_SIGNING_KEY", str(key))
        trust.trust(load_project(app), keys.public_of(keys.own(load_project(app))))
        assert provenance.check(load_project(app), artifact, store.provenance(artifact)) in ids


def test_metadata_without_provenance_is_signed_beside_it(app, stored, people, monkeypatch):
    store, artifact = stored
    place(app).delete("app@1.json")
    overwrite(place(app), f"{artifact.archive}.json", json.dumps(dataclasses.asdict(artifact)).encode())
    assert store.provenance(artifact) is None
    project = load_project(app)
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(people[0]))
    store.sign(artifact)
    monkeypatch.setattr("cdconf.artifacts.provenance.__version__", "99")  # so its words differ
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(people[1]))
    mine = keys.own(project)
    id_ = keys.public_of(mine).id
    attest(place(app), SIGNATURE, artifact.archive, dsse.signed(provenance.envelope(project, artifact), mine, id_))
    trust.trust(project, keys.public_of(mine))
    assert provenance.check(project, artifact, store.provenance(artifact)) == id_


def test_a_signature_is_for_the_version_that_was_signed(app, stored, people, monkeypatch, tmp_path):
    store, artifact = stored
    other = store.add("app", "2", tmp_path / "a.tar.gz", **ABOUT)
    assert other.archive == artifact.archive
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(people[0]))
    keyid = store.sign(artifact)
    assert dsse.keyids(store.provenance(artifact)) == [keyid]
    assert dsse.keyids(store.provenance(other)) == []


@pytest.mark.parametrize("data", [b"", b"{bad", b"[1]", b"{}", b"[" * 100_000, b"\xff", b'{"payload": 1}', "foreign"])
def test_what_is_no_attestation_is_named_and_skipped(app, stored, people, monkeypatch, data):
    store, artifact = stored
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(people[0]))
    keyid = store.sign(artifact)
    (good,) = store.entries(SIGNATURE)
    content = place(app).read([good.name])[good.name]
    if data == "foreign":
        name = f"{SIGNATURE}-{artifact.archive}-{'0' * 64}.dsse"
        place(app).create(name, content)  # whole, and under another name than its own
    else:
        name = f"{SIGNATURE}-{artifact.archive}-{hashlib.sha256(data).hexdigest()}.dsse"
        place(app).create(name, data)
    said = []
    store = ArtifactStore(load_project(app), emit=said.append)
    assert dsse.keyids(store.provenance(artifact)) == [keyid]
    (notice,) = said
    assert notice.warning
    assert f"skipped {place(app).shown(name)}" in notice.message


def test_a_prefix_finds_what_begins_so_and_nothing_else(app, stored):
    _, artifact = stored
    lies = place(app)
    envelope = dsse.wrap(b"{}")
    name = attest(lies, SIGNATURE, artifact.archive, envelope)
    other = attest(lies, "stop", artifact.archive, envelope)
    attest(lies, SIGNATURE, "0" * 64, envelope)
    assert [one.name for one in lies.entries(f"{SIGNATURE}-{artifact.archive}-")] == [name]
    assert [one.name for one in lies.entries("stop-")] == [other]
    assert [one.name for one in lies.entries(suffix=".blob")] == [f"{artifact.archive}.blob"]
    assert lies.entries("nothing-") == []
    assert {one.name for one in lies.entries()} >= {name, other, "app@1.json"}
    assert attested(lies, "stop", artifact.archive) == [envelope]
    assert attested(lies, "sto", artifact.archive) == []


def test_signatures_go_with_their_artifact_and_other_attestations_stay(app, stored, people, monkeypatch):
    store, artifact = stored
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(people[0]))
    store.sign(artifact)
    stop = attest(place(app), "stop", artifact.archive, dsse.wrap(b"{}"))
    sweep(load_project(app), store, grace=-60)
    assert len(store.entries(SIGNATURE)) == 1
    store.remove(artifact)
    sweep(load_project(app), store)
    assert len(store.entries(SIGNATURE)) == 1  # too young
    sweep(load_project(app), store, grace=-60)
    assert store.entries(SIGNATURE) == []
    assert [one.name for one in store.entries("stop-")] == [stop]


def test_an_artifact_whose_words_were_changed_is_not_signed(app, stored, people, monkeypatch):
    store, artifact = stored
    envelope = store.provenance(artifact)
    other = dataclasses.replace(artifact, builder="somebody else")
    text = json.dumps({**dataclasses.asdict(other), "provenance": envelope})
    overwrite(place(app), "app@1.json", text.encode())
    monkeypatch.setenv("CDCONF_SIGNING_KEY", str(people[0]))
    with pytest.raises(ArtifactError, match="differ: builder"):
        store.sign(other)
    assert store.entries(SIGNATURE) == []
