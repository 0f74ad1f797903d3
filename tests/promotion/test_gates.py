"""What opens a gate, and each way past it that's refused, for its own reason."""

import json
import os
import shutil
import time

import pytest

from cdconf.artifacts import dsse
from cdconf.artifacts.attestations import STATEMENT, named
from cdconf.artifacts.backends import FolderBackend
from cdconf.errors import ArtifactError, GateClosed
from cdconf.events import Notice
from cdconf.promotion import office_keys, signers
from cdconf.promotion.offices import named as office_named
from cdconf.promotion.said import Subject
from cdconf.promotion.statement import BASE, document, envelope
from tests.conftest import cdconf, git
from tests.promotion.world import OTHER_PROCEDURE, World


def test_a_proof_opens_the_gate_and_nothing_else_does(any_world):
    assert any_world.why() == "nobody has said that app@1 passed stage 'manual'"
    name = any_world.prove()
    gate = any_world.gate()
    assert [(one.name, one.state) for one in gate.links] == [("after manual", "there"), ("no stop", "there")]
    assert gate.links[0].statement == name
    gate.refuse()
    assert any_world.why(artifact=any_world.other) == "nobody has said that app@2 passed stage 'manual'"


def test_a_closed_gate_names_what_is_missing_and_the_command_that_brings_it(world):
    with pytest.raises(GateClosed, match="app@1 can't go to production: after manual: nobody has said") as caught:
        world.gate().refuse()
    assert caught.value.exit_code == 3
    assert "cdconf deploy app@1 --to staging --stage manual" in caught.value.hint


def test_of_a_stage_that_makes_its_copy_itself_the_command_is_the_pipeline_s(world):
    hosts = world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text().replace("[manual]", "[acceptance]"))
    world.commit("after acceptance")
    assert world.gate().missing[0].command == "cdconf pipeline run --commit cccccccccc"


FORGERIES = {
    "another environment": ({"environment": "dev"}, "is about the environment 'dev', and stage 'manual' is staging"),
    "another procedure": ({"procedure": OTHER_PROCEDURE}, "is about another procedure, that of commit cccccccccc"),
    "another project": ({"project": "other"}, "is about the project 'other', not 'demo'"),
    "another app": ({"app": "till"}, "is about the app 'till', not 'app'"),
    "another tree": ({"subject": "tree"}, "is about another tree than the artifact's"),
    "another artifact": ({"subject": "archive"}, "is about another artifact: sha256 dddddddddddd"),
    "a failure": ({"result": "failed"}, "says that it failed at"),
    "not isolated": ({"isolated": False}, "could have used the stage's key"),
    "the future": ({"finished": "later"}, "in the future, by its signer's clock"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_is_said_of_something_else_proves_nothing(world, what):
    changes, why = FORGERIES[what]
    changes = dict(changes)
    if changes.get("finished") == "later":
        changes["finished"] = time.time() + 3600
    if changes.get("subject"):
        digests = {"archive": world.artifact.archive, "tree": world.artifact.tree}
        changes["subject"] = Subject("app@1", **{**digests, changes["subject"]: "d" * 64})
    said = world.proof(**changes)
    key = world.key("stage:manual")
    world.attest(dsse.signed(envelope(document(said)), key.key, key.id))  # beside this artifact, whatever it says
    assert why in world.why()


def test_a_statement_that_was_changed_after_it_was_signed_is_named_so(world):
    key = world.key("stage:manual")
    good = dsse.signed(envelope(document(world.proof(result="failed"))), key.key, key.id)
    bad = {**envelope(document(world.proof())), "signatures": good["signatures"]}
    world.attest(bad)
    assert f"was changed after it was signed, or its signature is forged: it isn't one of {key.id}" in world.why()


def test_an_object_that_is_not_what_its_name_says_is_skipped_with_a_warning(any_world):
    name = any_world.prove()
    data = any_world.place.read([name])[name]
    any_world.place.delete(name)
    any_world.place.create(name, data.replace(b'"signatures"', b' "signatures"'))
    assert any_world.why() == "nobody has said that app@1 passed stage 'manual'"
    warned = [one.message for one in any_world.told if isinstance(one, Notice) and one.warning]
    assert any("isn't what its name says" in one for one in warned)


def test_garbage_beside_a_good_proof_does_no_harm(any_world):
    name = any_world.prove()
    prefix = f"statement-{any_world.artifact.archive}-"
    for number, data in enumerate((b"", b"{", b"[1]", b"\xff" * 100, b'{"payload": 5}')):
        any_world.place.create(f"{prefix}{number:064x}.dsse", data)
    assert any_world.gate().links[0].statement == name


def test_an_unknown_key(world, monkeypatch, tmp_path):
    monkeypatch.setenv("CDCONF_SIGNING_KEY_DIR", str(tmp_path / "stranger"))
    stranger = office_keys.new(world.project, office_named("stage:manual"))
    world.prove()
    assert f"is signed by an unknown key: {stranger.id}" in world.why()


def test_nobody_has_signed(world):
    world.attest(envelope(document(world.proof())))
    assert "isn't signed" in world.why()


def test_a_stage_cannot_speak_for_a_later_one(world):
    world.prove("stage:acceptance")
    assert "says that it's stage 'manual', and is signed by the key of stage acceptance" in world.why()


def test_another_office_cannot_speak_for_a_stage(world):
    world.prove("override")
    assert "is signed by a key of another office: override, not stage:manual" in world.why()


def test_the_key_of_builds_cannot_speak_for_a_stage(world):
    from cdconf.artifacts import keys, trust

    made = keys.new(world.project)
    trust.trust(world.project, made)
    world.attest(dsse.signed(envelope(document(world.proof())), keys.own(world.project), made.id))
    assert "is signed by an unknown key" in world.why()


def test_a_revoked_key_proves_nothing_whenever_it_signed(world):
    world.prove(finished=time.time() - 86400)
    key = world.key("stage:manual")
    signers.revoke(world.project, "cdconf-stage:manual", key.id)
    assert world.why() == f"only a revoked key may speak for stage:manual here: {key.id}"
    world.root.joinpath(".cdconf/keep").touch()
    fresh = _another(world)
    assert f"is signed by a revoked key: {key.id}" in world.why()
    assert fresh.id != key.id


def test_an_expired_key_proves_nothing_whenever_it_signed(world):
    world.prove(finished=time.time() - 86400)
    key = world.key("stage:manual")
    signers.trust(world.project, "cdconf-stage:manual", _public(key), "20200101Z")
    assert world.why() == f"only an expired key may speak for stage:manual here: {key.id}"
    _another(world)
    assert f"is signed by an expired key: {key.id}" in world.why()


def _public(key):
    from cdconf.artifacts import keys

    return keys.public_of(key.key)


def _another(world):
    """The stage gets a new key."""
    office_keys.private_file(world.project, "cdconf-stage:manual").unlink()
    return world.hire("stage:manual")


def test_without_a_key_of_the_office_the_gate_is_closed_whatever_is_in_the_store(world):
    world.prove()
    path = signers.signers_file(world.project)
    path.unlink()
    link = world.gate().missing[0]
    assert link.why == f"nobody may speak for stage:manual here ({path})"
    assert link.command == "cdconf key trust --office stage:manual KEY"


def test_a_project_of_another_name_finds_nobody_s_keys(world):
    world.prove()
    config = world.root / "cdconf.yml"
    config.write_text(config.read_text().replace("project: demo", "project: renamed"))
    assert "nobody may speak for stage:manual here" in world.why()
    assert "signers/renamed" in world.why()


def test_another_store_has_no_proofs(world, tmp_path):
    world.prove()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(world.root / ".cdconf/artifacts", elsewhere, ignore=shutil.ignore_patterns("attested"))
    config = world.root / "cdconf.yml"
    config.write_text(config.read_text() + f"store: {elsewhere}\n")
    assert world.why() == "nobody has said that app@1 passed stage 'manual'"


def test_taking_the_requirement_away_leaves_the_default(world):
    hosts = world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text().partition("require:")[0])
    assert [one.name for one in world.gate().missing] == ["after acceptance", "after manual"]


def test_what_a_provider_makes_has_no_default(world):
    assert not world.gate("staging").missing
    assert [one.name for one in world.gate("staging").links] == ["no stop"]  # it's on the line all the same


def test_the_newest_word_counts(world):
    now = time.time()
    world.prove(finished=now - 300)
    world.prove(finished=now - 200, result="failed")
    assert "says that it failed" in world.why()
    world.prove(finished=now - 100)
    assert world.why() is None


def test_a_proof_that_is_worth_less_takes_nothing_away_from_a_better_one(world):
    now = time.time()
    name = world.prove(finished=now - 300)
    world.prove(finished=now - 200, isolated=False)
    assert world.gate().links[0].statement == name
    world.prove(finished=now - 100, result="failed", isolated=False)
    assert "says that it failed" in world.why()
    world.prove(finished=now - 50, isolated=False)
    assert "isolated: false" in world.why()


def test_of_two_words_at_the_same_moment_the_bad_news_counts(world):
    now = round(time.time(), 3) - 10
    world.prove(finished=now)
    world.prove(finished=now, result="failed")
    assert "says that it failed" in world.why()


def test_a_failure_by_another_procedure_takes_nothing_away(world):
    world.prove()
    world.prove(procedure=OTHER_PROCEDURE, result="failed", finished=time.time())
    assert world.why() is None


def test_an_old_proof_is_refused_where_an_age_is_asked_for(world):
    hosts = world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text() + "          - max_age: 7d\n".replace("          ", "  "))
    world.prove(finished=time.time() - 8 * 86400)
    assert "is 8 d old, and production takes 7 d at most" in world.why()
    world.prove()
    assert world.why() is None


def test_a_tree_with_changes_can_not_be_promoted(world, monkeypatch):
    from cdconf.promotion.errors import NotProvable

    def refuse(project_root, revision, app):
        raise NotProvable("the work tree has changes that no commit has")

    world.prove()
    monkeypatch.setattr("cdconf.promotion.gates.procedure", refuse)
    assert world.why() == "the work tree has changes that no commit has"


def test_what_no_commit_is_known_of_can_not_be_promoted(world, tmp_path):
    from tests.promotion.world import ABOUT, archive

    added = world.store.add("app", "3", archive(tmp_path / "x.tar.gz", b"3"), **{**ABOUT, "commit": None})
    world.prove(subject=Subject.of(added))
    assert world.why(artifact=added) == "app@3 was added, and no commit is known of it"


def test_a_newer_version_of_a_statement_is_refused_by_its_name(world):
    newer = document(world.proof())
    newer["predicateType"] = f"{BASE}stage/v2"
    key = world.key("stage:manual")
    world.attest(dsse.signed(envelope(newer), key.key, key.id))
    assert "is of the type stage/v2, as of a newer cdconf" in world.why()


def test_a_statement_without_what_it_must_say_is_refused(world):
    poor = document(world.proof())
    del poor["predicate"]["procedure"]
    key = world.key("stage:manual")
    world.attest(dsse.signed(envelope(poor), key.key, key.id))
    assert "lacks something: 'procedure'" in world.why()


def test_a_proof_has_a_test_result_beside_it_that_gates_pass_over(world):
    world.prove()
    types = set()
    for one in named(world.place, STATEMENT, world.artifact.archive).values():
        types.add(json.loads(dsse.content(one)[1])["predicateType"])
    assert types == {f"{BASE}stage/v1", "https://in-toto.io/attestation/test-result/v0.1"}


def test_a_store_that_cannot_be_read_is_an_error_of_its_own(world):
    world.prove()
    shard = world.root / ".cdconf/artifacts/attested" / world.artifact.archive[:2]
    shutil.rmtree(shard)
    shard.write_text("half a directory")
    with pytest.raises(ArtifactError, match="can't list the artifact store") as caught:
        world.gate()
    assert caught.value.exit_code == 1


def test_a_store_that_is_gone_is_an_error_and_no_open_gate(world):
    config = world.root / "cdconf.yml"
    config.write_text(config.read_text() + "store: /nowhere/at/all\n")
    with pytest.raises(ArtifactError, match="isn't there") as caught:
        world.gate()
    assert caught.value.exit_code == 1


def test_two_clones_with_one_store_agree(any_world, tmp_path_factory):
    any_world.prove()
    clone = tmp_path_factory.mktemp("clone") / "demo"
    git(any_world.root, "clone", "-q", str(any_world.root), str(clone))
    other = object.__new__(World)
    other.root, other.told, other.procedure, other.artifact = clone, [], any_world.procedure, any_world.artifact
    assert other.why() is None


def test_only_the_artifact_s_own_objects_are_looked_at(world, monkeypatch):
    """Beside 100,000 others, a gate must read one directory of some hundred names."""
    world.prove()
    looked = []
    for name in ("scandir", "listdir"):
        really = getattr(os, name)
        noting = lambda path, really=really: looked.append(str(path)) or really(path)  # noqa: E731
        monkeypatch.setattr(f"cdconf.artifacts.backends.os.{name}", noting)
    FolderBackend(world.root / ".cdconf/artifacts", world.root, own=True).entries(
        f"statement-{world.artifact.archive}-"
    )
    assert looked == [str(world.root / ".cdconf/artifacts/attested" / world.artifact.archive[:2])]


def test_the_command_says_each_link_and_exits_with_3(world):
    result = cdconf(world.root, "gates", "app@1", "--to", "production", "--json")
    found = json.loads(result.stdout)
    assert (result.returncode, found["exit_code"], found["error"]) == (3, 3, None)
    assert [(one["name"], one["state"]) for one in found["gates"]] == [
        ("after manual", "missing"),
        ("no stop", "there"),
    ]
    shown = cdconf(world.root, "gates", "app@1", "--to", "production")
    assert "MISSING" in shown.stdout
    assert "cdconf deploy app@1 --to staging --stage manual" in shown.stderr
    assert cdconf(world.root, "gates", "app@1", "--to", "staging").returncode == 0


def test_deploy_is_refused_before_any_host_is_asked(world):
    result = cdconf(world.root, "deploy", "app@1", "--to", "production", "--json")
    found = json.loads(result.stdout)
    assert (result.returncode, found["error"]["kind"]) == (3, "gate")
    assert "after manual: nobody has said" in found["error"]["message"]
    assert found["hosts"] == {}


def test_an_unreadable_signers_file_is_no_closed_gate_but_an_error(world):
    path = signers.signers_file(world.project)
    path.write_text("ci ssh-ed25519 AAAA\n")
    result = cdconf(world.root, "gates", "app@1", "--to", "production")
    assert result.returncode == 1
    assert "no namespaces" in result.stderr


def test_a_stage_that_builds_another_app_is_not_asked_for(world):
    config = world.root / "cdconf.yml"
    before = config.read_text()
    till = "apps:\n  till: {groups: [web], path: /srv/till}\n"
    config.write_text(
        before.replace("apps:\n", till).replace("{stage: acceptance,", "{stage: acceptance, build: till,")
    )
    hosts = world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text().replace("[manual]", "[acceptance, manual]"))
    assert [one.name for one in world.gate().missing] == ["after manual"]
    hosts.write_text(hosts.read_text().replace("[acceptance, manual]", "[acceptance]"))
    assert world.why() == "no stage that production asks for is for 'app': acceptance"


def test_of_much_garbage_only_some_is_told(world):
    prefix = f"statement-{world.artifact.archive}-"
    for number in range(20):
        world.place.create(f"{prefix}{number:064x}.dsse", b"x")
    world.gate()
    told = [one.message for one in world.told if isinstance(one, Notice)]
    assert (len(told), told[-1]) == (4, "skipped more objects like that")
