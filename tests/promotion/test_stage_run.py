"""How a deployment ends is said by the stage that it is: a proof, a stop, or nothing."""

import contextlib
import time

import pytest

from cdconf.artifacts.attestations import STATEMENT, named
from cdconf.artifacts.backends import FolderBackend
from cdconf.errors import ArtifactError, CommandFailed, UsageError
from cdconf.events import Collector, Notice, OwnCodeRan, SmokeDone
from cdconf.promotion import office_keys
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.said import Proof
from cdconf.promotion.stage_run import StageRun, stage_for
from cdconf.promotion.statement import read


def said(world):
    found = (read(one) for one in named(world.place, STATEMENT, world.artifact.archive).values())
    return [one for one in found if isinstance(one, Proof)]


def told(world):
    return "\n".join(one.message for one in world.told if isinstance(one, Notice))


def test_a_green_deployment_to_the_stage_s_environment_opens_the_gate(any_world):
    run = any_world.stage_run()
    run.collector(SmokeDone("web1", "test_a", True))
    run.passed(any_world.artifact, {"web1": {"identity": {"environment": "staging", "host": "web1"}, "fence": 7}})
    (proof,) = said(any_world)
    assert (proof.stage, proof.environment, proof.copy_of, proof.result) == (
        "manual",
        "staging",
        "production",
        "passed",
    )
    assert proof.hosts["web1"]["fence"] == 7
    assert proof.smoke == {"passed": 1, "failed": 0}
    assert proof.tool.startswith("sha256:")
    assert any_world.why() is None
    assert run.extra["statement"].startswith(f"statement-{any_world.artifact.archive}-")


def test_what_was_not_isolated_is_said_and_opens_nothing(world):
    run = world.stage_run(isolated=lambda: False)
    run.collector(OwnCodeRan("the smoke tests", isolated=False, why="docker says: permission denied"))
    run.passed(world.artifact, {})
    assert "not isolated from the stage's key (docker says: permission denied)" in told(world)
    assert "isolated: false" in world.why()


def test_a_red_one_fails_the_stage_and_stops_the_artifact(any_world):
    any_world.stage_run().failed(any_world.artifact, "smoke tests failed on web1")
    links = {one.name: one for one in any_world.gate().missing}
    assert "says that it failed" in links["after manual"].why
    assert "smoke tests failed on web1" in links["no stop"].why


def test_a_pipeline_may_stop_the_whole_app(world):
    config = world.root / "cdconf.yml"
    head, _, stages = config.read_text().partition("pipeline:\n")
    config.write_text(f"{head}pipeline:\n  stop: app\n  stages:\n" + stages.replace("  - ", "    - "))
    world.stage_run().failed(world.artifact, "no")
    assert "app is stopped" in {one.name: one for one in world.gate(artifact=world.other).missing}["no stop"].why


def test_two_runs_that_race_say_it_once(any_world):
    first, second = any_world.stage_run(), any_world.stage_run()
    first.passed(any_world.artifact, {})
    second.passed(any_world.artifact, {})
    assert len(said(any_world)) == 1
    assert "another run has signed this meanwhile" in told(any_world)


def test_a_later_run_says_it_again(world):
    world.prove(finished=time.time() - 3600)
    world.stage_run().passed(world.artifact, {})
    assert len(said(world)) == 2


def test_hosts_that_were_left_alone_prove_nothing(world):
    world.stage_run().passed(world.artifact, {}, ["web1"])
    assert said(world) == []
    assert "cdconf deploy app@1 --to staging --stage manual" in told(world)


def test_without_the_key_nothing_is_said_unless_the_stage_is_demanded(world):
    office_keys.private_file(world.project, "cdconf-stage:manual").unlink()
    run = world.stage_run()
    run.passed(world.artifact, {})
    assert said(world) == []
    assert "key isn't here" in told(world)
    with pytest.raises(ArtifactError, match="there is no key of the office stage:manual here"):
        world.stage_run(stage="manual")


def test_a_project_without_promotion_hears_nothing_of_it(world, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "fresh"))
    world.stage_run().passed(world.artifact, {})
    assert world.told == []


def test_what_cannot_be_proven_is_said_or_refused_when_demanded(world, monkeypatch):
    def refuse(project_root, revision, app):
        raise NotProvable("the work tree has changes")

    monkeypatch.setattr("cdconf.promotion.stage_run.procedure", refuse)
    world.stage_run().passed(world.artifact, {})
    assert said(world) == []
    assert "can't prove that stage 'manual' is passed: the work tree has changes" in told(world)
    with pytest.raises(NotProvable):
        world.stage_run(stage="manual")


def test_a_store_that_cannot_be_written_to_hides_no_result(world, monkeypatch):
    def refuse(self, name, data):
        raise ArtifactError("the disk is full")

    monkeypatch.setattr(FolderBackend, "create", refuse)
    run = world.stage_run()
    run.passed(world.artifact, {})
    run.failed(world.artifact, "no")
    assert told(world).count("the disk is full") == 3
    with pytest.raises(ArtifactError, match="the disk is full"):
        world.stage_run(stage="manual").passed(world.artifact, {})


def test_a_rollback_stops_what_it_went_back_from_and_skips_what_is_stopped(world):
    run = world.stage_run("production")
    release = {"version": "1", "archive": world.artifact.archive, "tree": world.artifact.tree}
    run.went_back_from("app", [release])
    assert "production was rolled back from it" in {one.name: one for one in world.gate().missing}["no stop"].why
    archives = {world.artifact.archive, world.other.archive}
    assert run.stopped("app", archives) == {world.artifact.archive}


def test_a_rollback_goes_on_when_nobody_can_tell_what_is_stopped(world):
    (world.root / "cdconf.yml").write_text((world.root / "cdconf.yml").read_text() + "store: /nowhere/at/all\n")
    run = world.stage_run("production")
    assert run.stopped("app", {world.artifact.archive}) == set()
    run.went_back_from("app", [{"version": "1", "archive": "a" * 64, "tree": "b" * 64}])
    assert "couldn't be stopped" in told(world)


def test_a_stage_deploys_where_it_says(world):
    project = world.project
    with pytest.raises(UsageError, match="stage 'manual' deploys to staging, not to production"):
        stage_for(project, world.environment("production"), "manual")
    with pytest.raises(UsageError, match="stage 'acceptance' is passed in a copy of production: production is none"):
        stage_for(project, world.environment("production"), "acceptance")
    with pytest.raises(UsageError, match="has no stage 'manua'") as caught:
        stage_for(project, world.environment("staging"), "manua")
    assert caught.value.hint == "did you mean 'manual'?"
    assert stage_for(project, world.environment("staging"), "acceptance").name == "acceptance"
    assert stage_for(project, world.environment("staging"), None).name == "manual"


def test_a_copy_of_another_environment_does_not_pass_an_acceptance_stage(world):
    hosts = world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text().replace("[manual]", "[acceptance]"))
    world.prove("stage:acceptance", stage="acceptance", environment="try-1", copy_of="staging")
    assert world.why().endswith("is about try-1, which isn't a copy of production")
    world.prove("stage:acceptance", stage="acceptance", environment="try-1")
    assert world.why() is None


def test_a_stage_s_own_command_decides_while_the_hosts_are_held(world):
    lent = []

    def green(variables):
        lent.append(dict(variables))
        return {"passed": 1, "failed": 0}

    world.stage_run(stage="manual", accept=green).passed(world.artifact, {}, (), {"CDCONF_LEASE": "x"})
    (proof,) = said(world)
    assert (proof.result, proof.acceptance, lent) == ("passed", {"passed": 1, "failed": 0}, [{"CDCONF_LEASE": "x"}])


def test_a_red_command_fails_the_stage_and_stops_the_artifact(world):
    def red(variables):
        raise CommandFailed("`make acceptance` failed")

    with pytest.raises(CommandFailed):
        world.stage_run(stage="manual", accept=red).passed(world.artifact, {})
    (proof,) = said(world)
    assert (proof.result, proof.acceptance) == ("failed", {"passed": 0, "failed": 1})
    assert "make acceptance" in {one.name: one.why for one in world.gate().missing}["no stop"]


@pytest.mark.parametrize("is_green", [True, False])
def test_of_several_artifacts_all_pass_a_stage_or_none(world, tmp_path, is_green):
    folder = tmp_path / "others"
    folder.mkdir()

    def accept(variables):
        if not is_green:
            raise CommandFailed("red")
        return {"passed": 1, "failed": 0}

    first = world.stage_run(stage="manual", others=folder, is_last=False)
    first.passed(world.artifact, {"web1": {"fence": 3}})
    assert said(world) == []
    isolated = {"isolated": lambda: False}
    last = world.stage_run(stage="manual", accept=accept, others=folder, **isolated)
    with contextlib.nullcontext() if is_green else pytest.raises(CommandFailed):
        last.passed(world.other, {})
    result = "passed" if is_green else "failed"
    (proof,) = said(world)
    assert (proof.result, proof.hosts, proof.version) == (result, {"web1": {"fence": 3}}, "1")
    assert not (is_green and proof.isolated)  # neither is worth more than what was run last
    found = [read(one) for one in named(world.place, STATEMENT, world.other.archive).values()]
    assert [one.result for one in found if isinstance(one, Proof)] == [result]
    gates = [world.gate(artifact=one) for one in (world.artifact, world.other)]
    assert [any(link.name == "no stop" for link in one.missing) for one in gates] == [not is_green] * 2


def test_a_stage_that_deploys_nothing_speaks_of_no_environment(world):
    run = StageRun(
        world.project, None, world.project.pipeline.named("manual"), Collector(), world.told.append, lambda: True
    )
    run.begin("app")
    run.passed(world.artifact, {})
    (proof,) = said(world)
    assert (proof.environment, proof.copy_of) == ("", None)
    run.stop_line("app", "the build failed")  # the pipeline stops artifacts
    assert "no stop" not in [one.name for one in world.gate().missing]
