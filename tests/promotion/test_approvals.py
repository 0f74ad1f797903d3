"""People approve, and are counted: on the command line, with real keys, commits and procedures."""

import dataclasses
import json
import time

import pytest

from cdconf.promotion import line_stops
from cdconf.promotion.said import Held, HeldPeriod, Subject
from cdconf.promotion.saying import say
from cdconf.promotion.signers import signers_file
from tests.conftest import git
from tests.promotion.crew import Crew, key_pair, line_of


@pytest.fixture
def crew(tmp_path, tmp_path_factory):
    return Crew(tmp_path, tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("keys"))


def test_one_approves_and_the_gate_opens(crew):
    assert crew.why() == "0 of 1; missing one of: anna, ben, carl"
    told = crew.approve("anna", "--note", "looked at it")
    assert (told["person"], told["decision"], told["note"]) == ("anna", "approved", "looked at it")
    code, links = crew.gates()
    assert (code, links["approvals"]["why"]) == (0, "1 of 1: anna")
    assert links["approvals"]["statement"] == told["approval"]


def test_deploy_says_the_same_before_it_asks_any_host(crew):
    crew.given("stranger")
    done = crew.run("deploy", "app@5", "--to", "production", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"]["kind"], told["hosts"]) == (3, "gate", {})
    assert f"approvals: {crew.why()}" in told["error"]["message"]
    assert "`cdconf approve app@5 --to production`" in told["error"]["hint"]


def test_the_link_names_who_is_missing_and_the_command(crew):
    crew.asks(count=2, **{"from": ["ops"]})
    crew.approve("carl")
    _, links = crew.gates()
    link = links["approvals"]
    assert link["why"] == "1 of 2 by ops: carl; missing one of: anna, ben"
    assert link["command"] == "cdconf approve app@5 --to production"
    crew.given("anna", environment="staging")
    details = crew.gates()[1]["approvals"]["details"]
    assert (details["count"], details["from"], details["may_approve"]) == (2, ["ops"], ["anna", "ben"])
    assert list(details["approved"]) == ["carl"]
    assert [(one["person"], one["why"][:24]) for one in details["not_counted"]] == [
        ("anna", "is for the environment '")
    ]
    crew.approve("ben")
    assert crew.is_open()


def test_one_person_with_two_keys_counts_once(crew):
    crew.keys["anna2"] = key_pair(crew.folder, "anna2", "ecdsa")
    crew.people["anna"]["keys"].append(line_of(crew.keys["anna2"]))
    crew.asks(count=2)
    crew.approve("anna")
    crew.approve("anna2")
    assert crew.why() == "1 of 2: anna; missing one of: ben, carl"


def test_approving_twice_counts_once(crew):
    crew.asks(count=2)
    crew.approve("anna")
    crew.approve("anna")
    assert crew.why().startswith("1 of 2: anna")


def test_groups(crew):
    crew.people["ben"]["groups"] = ["security"]
    crew.require = [{"approvals": {"from": ["security"]}}, {"approvals": {"from": ["ops"]}}]
    crew.write_policy()
    crew.approve("anna")
    _, links = crew.gates()
    assert links["approvals by ops"]["state"] == "there"
    assert "is by somebody who isn't of security" in links["approvals by security"]["why"]
    crew.approve("ben")
    assert crew.is_open()


def test_several_requirements_of_the_same_people_are_links_of_their_own(crew):
    crew.require = [{"approvals": {"count": 1}}, {"approvals": {"count": 2}}]
    crew.write_policy()
    crew.approve("anna")
    _, links = crew.gates()
    assert {name: one["state"] for name, one in links.items() if name.startswith("approvals")} == {
        "approvals": "there",
        "approvals (2)": "missing",
    }


def test_the_commit_s_own_require_holds_beside_the_policy(crew):
    crew.require = []
    crew.people["ben"]["groups"] = ["security"]
    crew.write_policy()
    hosts = crew.world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text() + "  - approvals: {from: [security]}\n")
    crew.world.commit("ask for approvals")
    crew.artifact = crew.built("6")
    crew.prove()
    assert crew.why() == "0 of 1 by security; missing one of: ben"
    hosts.write_text(hosts.read_text().replace("security", "nobody"))
    assert "the policy doesn't know 'nobody', from whom inventories/production/hosts.yml:5 wants" in crew.why()


def test_without_people_in_a_policy_nobody_approves(crew):
    crew.people, crew.require = {}, []
    crew.write_policy()
    hosts = crew.world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text() + "  - approvals: {}\n")
    crew.given("anna")
    assert "the policy knows nobody who could approve" in crew.why()


class TestAuthors:
    @pytest.fixture(autouse=True)
    def no_author(self, crew):
        crew.asks(count=1, not_author=True)

    def test_whoever_has_written_it_can_not_approve_it(self, crew):
        commit = crew.commit("anna")
        crew.artifact = crew.built("6")
        crew.prove()
        told = crew.approve("anna", code=3)
        assert f"takes no author, and anna has written commit {commit[:10]}" in told["error"]["message"]
        crew.given("anna")  # made by hand, it counts for nothing either
        assert f"is by an author of commit {commit[:10]}" in crew.why()
        crew.approve("ben")
        assert crew.is_open()

    @pytest.mark.parametrize(
        "message",
        [
            "x\n\nCo-authored-by: Anna <anna@example.com>",
            "x\n\nco-AUTHORED-by:Anna<ANNA@example.com>\n\nand more, so that git takes it for no trailer",
            "x\n\n  Co-Authored-By: <anna@example.com>\nSigned-off-by: Ben <ben@example.com>",
        ],
    )
    def test_nor_can_a_co_author(self, crew, message):
        crew.commit("carl", message)
        crew.artifact = crew.built("6")
        crew.prove()
        crew.given("anna")
        assert "is by an author of commit" in crew.why()
        assert crew.why().startswith("0 of 1; missing one of: ben;")

    def test_an_author_whom_nobody_knows_blocks_it(self, crew):
        commit = crew.commit("zoe")
        crew.artifact = crew.built("6")
        crew.prove()
        crew.approve("anna")
        why = crew.why()
        assert f"the policy doesn't say who zoe <zoe@example.com> (commit {commit[:10]}) is" in why
        assert f"add the address to `git` of a person in {crew.write_policy()}" in why
        crew.people["zoe"] = {"git": ["zoe@example.com"]}
        crew.write_policy()
        assert crew.is_open()

    def test_a_co_author_without_an_address_blocks_it_by_name(self, crew):
        crew.commit("carl", "x\n\nCo-authored-by: Zoe")
        crew.artifact = crew.built("6")
        crew.prove()
        assert "the policy doesn't say who Zoe (commit" in crew.why()

    def test_only_commits_since_the_last_release_count(self, crew):
        crew.commit("anna")
        crew.release(crew.built("6"))
        crew.commit("ben")
        crew.artifact = crew.built("7")
        crew.prove()
        crew.approve("anna")
        assert crew.is_open()

    def test_a_rollback_makes_the_commits_of_what_was_rolled_back_count_again(self, crew):
        crew.release(crew.built("6"))
        crew.commit("anna")
        bad = crew.built("7")
        crew.release(bad)
        crew.commit("ben")
        crew.artifact = crew.built("8")
        crew.prove()
        crew.given("anna")
        assert crew.is_open()
        target = line_stops.StopTarget("app", bad)
        line_stops.stop(crew.world.project, target, "rolled back", "override", crew.world.told.append)
        assert "is by an author of commit" in crew.why()
        line_stops.lift(crew.world.project, [target], "it was the network", "override", crew.world.told.append)
        assert "is by an author of commit" in crew.why(), "what was stopped once may have been rolled back"

    def test_a_release_that_only_another_key_tells_of_is_none(self, crew):
        crew.commit("anna")
        released = crew.built("6")
        about = {"stage": "release", "environment": "production", "copy_of": None, "built_from": released.commit}
        crew.prove(released, "stage:manual", **about)
        crew.commit("ben")
        crew.artifact = crew.built("7")
        crew.prove()
        crew.given("anna")
        assert "is by an author of commit" in crew.why()

    def test_an_older_version_s_authors_can_not_bring_it_back(self, crew):
        crew.commit("anna")
        crew.artifact = crew.built("6")
        crew.prove()
        crew.commit("ben")
        crew.release(crew.built("7"))
        crew.given("anna")
        assert "is by an author of commit" in crew.why()

    def test_whoever_has_changed_the_procedure_since_the_build_is_an_author(self, crew):
        crew.commit("carl")
        crew.artifact = crew.built("6")
        crew.commit("anna", files={"roles/site/role.yml": "resources:\n  - directory: /srv/changed\n"})
        crew.prove()
        crew.given("anna")
        assert "is by an author of commit" in crew.why()

    def test_whoever_has_changed_something_else_since_the_build_is_none(self, crew):
        crew.commit("carl")
        crew.artifact = crew.built("6")
        crew.commit("anna", files={"docs/readme.md": "new\n"})
        crew.prove()
        crew.approve("anna")
        assert crew.is_open()

    def test_a_mailmap_makes_nobody_somebody_else(self, crew):
        crew.commit("anna", files={".mailmap": "Carl <carl@example.com> <anna@example.com>\n"})
        crew.artifact = crew.built("6")
        crew.prove()
        crew.given("anna")
        assert "is by an author of commit" in crew.why()

    def test_a_commit_that_this_clone_lacks_closes_the_gate(self, crew):
        from tests.promotion.world import ABOUT, archive

        file = archive(crew.folder / "app-6.tar.gz", b"6")
        crew.artifact = crew.world.store.add("app", "6", file, **{**ABOUT, "commit": "d" * 40})
        crew.prove()
        crew.given("anna")
        assert "commit dddddddddd, from which it was built, isn't in this clone (`git fetch`)" in crew.why()

    def test_a_history_that_is_cut_off_closes_the_gate(self, crew, tmp_path_factory):
        crew.commit("anna")
        crew.commit("ben")
        crew.artifact = crew.built("6")
        crew.prove()
        crew.given("carl")
        assert crew.is_open()
        clone = tmp_path_factory.mktemp("clone") / "demo"
        git(crew.world.root, "clone", "-q", "--depth", "1", f"file://{crew.world.root}", str(clone))
        (clone / ".cdconf").symlink_to(crew.world.root / ".cdconf")
        crew.world.root = clone
        assert "the clone's history is cut off (`git fetch --unshallow` brings the rest)" in crew.why()


class TestTime:
    def test_an_approval_gets_old(self, crew):
        crew.asks(expires="24h")
        crew.given("anna", at=time.time() - 86400 + 60)
        assert crew.is_open()
        crew.artifact = crew.built("6")
        crew.prove()
        crew.given("anna", at=time.time() - 2 * 86400)
        assert "is 2 d old, and " in crew.why()

    def test_it_says_itself_how_long_it_counts(self, crew):
        crew.given("anna", expires=time.time() - 1)
        assert "was good until" in crew.why()
        told = crew.approve("anna", "--expires", "4h")
        assert told["gates"][-1]["state"] == "there"

    def test_the_environment_s_time_is_written_into_it(self, crew):
        crew.asks(expires="24h")
        name = crew.approve("anna")["approval"]
        payload = said_of(crew, name)
        assert payload["expires"] > payload["at"]


def said_of(crew, name):
    import base64

    return json.loads(base64.b64decode(json.loads(crew.world.place.read([name])[name])["payload"]))["predicate"]


class TestChanges:
    def test_an_approval_for_1_4_is_none_for_a_rebuilt_1_4(self, crew):
        """The store refuses a version that's there already; with its metadata gone, the new one has another digest."""
        name = crew.approve("anna")["approval"]
        next(crew.world.root.rglob("app@5.json")).unlink()
        before = crew.artifact
        crew.artifact = crew.built("5", b"rebuilt")
        crew.prove()
        assert crew.why() == "0 of 1; missing one of: anna, ben, carl"
        data = json.loads(crew.world.place.read([name])[name])
        from cdconf.artifacts.attestations import APPROVAL, attest

        attest(crew.world.place, APPROVAL, crew.artifact.archive, data)
        assert f"is for another artifact, app@5 with sha256 {before.archive[:12]}" in crew.why()

    def test_a_changed_procedure_ends_it(self, crew):
        crew.approve("anna")
        crew.commit("ben", files={"roles/site/role.yml": "resources:\n  - directory: /srv/other\n"})
        crew.prove()
        assert "is for another procedure, that of commit" in crew.why()

    def test_a_stop_ends_it_also_when_that_is_lifted(self, crew):
        crew.approve("anna")
        assert crew.is_open()
        target, told = line_stops.StopTarget("app", crew.artifact), crew.world.told.append
        line_stops.stop(crew.world.project, target, "look again", "override", told)
        line_stops.lift(crew.world.project, [target], "looked", "override", told)
        assert "was given before" in crew.why()
        assert "stopped app@5 at" in crew.why()
        crew.approve("anna")
        assert crew.is_open()

    def test_a_stop_that_only_the_gate_s_machine_believes_was_seen_all_the_same(self, crew):
        target, told = line_stops.StopTarget("app", crew.artifact), crew.world.told.append
        line_stops.stop(crew.world.project, target, "look again", "override", told)
        line_stops.lift(crew.world.project, [target], "looked", "override", told)
        signers = signers_file(crew.world.project)
        known = signers.read_text()
        signers.write_text("".join(one for one in known.splitlines(True) if "override" not in one))
        crew.approve("anna")
        signers.write_text(known)
        assert crew.is_open()

    def test_so_does_a_stop_of_the_app_whatever_the_clocks_say(self, crew):
        crew.given("anna", at=time.time() + 50)  # a clock that's ahead
        target, told = line_stops.StopTarget("app", None), crew.world.told.append
        line_stops.stop(crew.world.project, target, "look again", "override", told)
        line_stops.lift(crew.world.project, [target], "looked", "override", told)
        assert "stopped all of app at" in crew.why()

    def test_what_is_stopped_can_not_be_approved(self, crew):
        target = line_stops.StopTarget("app", crew.artifact)
        line_stops.stop(crew.world.project, target, "look again", "override", crew.world.told.append)
        told = crew.approve("anna", code=3)
        assert "app@5 can't be approved for production: app@5 is stopped" in told["error"]["message"]

    def test_a_failed_verification_closes_the_gate_whoever_approves(self, crew):
        crew.approve("anna")
        crew.prove(result="failed", finished=time.time())
        code, links = crew.gates()
        assert (code, links["after manual"]["state"], links["approvals"]["state"]) == (3, "missing", "there")


def test_an_approval_that_was_given_while_it_soaks_counts_afterwards(crew):
    """And doesn't stand in for the soak."""
    crew.require = [{"approvals": {"count": 1}}, {"soak": {"stage": "manual", "for": "30m"}}]
    crew.write_policy()
    passed = time.time() - 3600
    proof = crew.world.proof(subject=Subject.of(crew.artifact), procedure=crew.procedure.digest)
    crew.prove(started=passed - 1, finished=passed)
    crew.approve("anna")
    _, links = crew.gates()
    assert (links["approvals"]["state"], links["soak 30m in manual"]["state"]) == ("there", "missing")
    fields = {one.name: getattr(proof, one.name) for one in dataclasses.fields(Held) if hasattr(proof, one.name)}
    periods = (HeldPeriod(passed, time.time() - 1, proof.procedure),)
    say(crew.world.place, Held(**fields, periods=periods, at=time.time()), crew.world.key("stage:manual"))
    assert crew.is_open()


class TestRejections:
    def test_a_rejection_is_final(self, crew):
        crew.approve("anna")
        crew.approve("ben", "--reject", "--note", "loses orders")
        why = crew.why("not rejected")
        assert why.startswith("ben has rejected app@5 for production at ")
        assert why.endswith(": loses orders; that is final")
        told = crew.approve("carl", code=3)
        assert "ben has rejected app@5 for production" in told["error"]["message"]
        crew.given("carl")
        assert "ben has rejected" in crew.why("not rejected")
        crew.given("anna", procedure="sha256:" + "9" * 64, decision="rejected")
        assert "anna has rejected" in crew.why("not rejected"), "she did so before him"

    def test_it_holds_for_another_procedure_too_and_where_no_approval_is_asked_for(self, crew):
        crew.require = []
        crew.write_policy()
        assert crew.is_open()
        crew.approve("ben", "--reject", "--note", "loses orders")
        crew.commit("anna", files={"roles/site/role.yml": "resources:\n  - directory: /srv/other\n"})
        crew.prove()
        assert "ben has rejected" in crew.why("not rejected")

    def test_it_is_about_one_environment_and_one_artifact(self, crew):
        crew.given("ben", decision="rejected", environment="staging")
        other = crew.built("6")
        crew.given("ben", decision="rejected", archive_=other.archive)
        crew.prove(other)
        crew.approve("anna", artifact=other)
        assert crew.is_open(other)

    def test_a_stranger_s_rejection_is_none(self, crew):
        crew.given("stranger", decision="rejected")
        crew.approve("anna")
        assert crew.is_open()

    def test_whoever_has_written_it_may_reject_it(self, crew):
        crew.asks(not_author=True)
        crew.commit("anna")
        crew.artifact = crew.built("6")
        crew.prove()
        crew.approve("anna", "--reject", "--note", "found a bug in it")
        assert "anna has rejected" in crew.why("not rejected")

    def test_only_an_override_passes_it(self, crew):
        crew.approve("ben", "--reject", "--note", "loses orders")
        label = crew.artifact.label
        done = crew.run("deploy", label, "--to", "production", "--override", "the fix of the incident", "--json")
        found = json.loads(done.stdout)
        assert found["overridden"].startswith("override-")
        assert "be verified on it" in found["error"]["message"], "what comes after the gate"
        assert done.returncode == 1


def test_an_override_is_healed_by_approvals_however_old_they_are(crew):
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.overrides import overridden

    crew.asks(expires="1h", not_author=True)
    done = crew.run("deploy", crew.artifact.label, "--to", "production", "--override", "the fix of the incident")
    assert "smoke" in done.stderr, "what comes after the gate"
    evidence = Evidence.of(crew.world.project, crew.world.told.append)
    assert [one.is_healed for one in overridden(evidence, crew.world.environment())] == [False]
    crew.given("anna", at=time.time() - 86400)
    assert [one.is_healed for one in overridden(evidence, crew.world.environment())] == [True]


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_two_laptops_share_only_the_store(crew, kind, tmp_path_factory, monkeypatch, request):
    """Another clone, another home with the same policy, and only the store in common."""
    import shutil
    from pathlib import Path

    store = request.getfixturevalue("s3") if kind == "s3" else tmp_path_factory.mktemp("store")
    config = crew.world.root / "cdconf.yml"
    config.write_text(config.read_text() + f"store: {store}\n")
    crew.world.commit("share the store")
    crew.artifact = crew.built("6")
    crew.prove()
    crew.asks(count=2)
    crew.approve("anna")
    home, clone = tmp_path_factory.mktemp("laptop"), tmp_path_factory.mktemp("clone") / "demo"
    git(crew.world.root, "clone", "-q", str(crew.world.root), str(clone))
    shutil.copytree(Path.home() / ".config", home / ".config", ignore=shutil.ignore_patterns("keys"))
    monkeypatch.setenv("HOME", str(home))
    first, crew.world.root = crew.world.root, clone
    assert crew.why().startswith("1 of 2: anna")
    crew.approve("ben")
    assert crew.is_open()
    crew.world.root = first
    assert crew.is_open()
