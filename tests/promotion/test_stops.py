"""What's stopped goes nowhere, until somebody who may do so lifts it."""

import time

import pytest

from cdconf.artifacts.attestations import STOP, attest, content_of, named
from cdconf.artifacts.leftovers import sweep
from cdconf.errors import ArtifactError, GateClosed, UsageError
from cdconf.events import Notice
from cdconf.promotion import office_keys, signers
from cdconf.promotion.line_stops import StopTarget, lift, stop
from cdconf.promotion.said import Lift, Stop, Subject
from cdconf.promotion.saying import say, say_lifted
from tests.conftest import cdconf


@pytest.fixture(autouse=True)
def proven(request):
    """The gate is open but for stops."""
    for name in ("world", "any_world"):
        if name in request.fixturenames:
            request.getfixturevalue(name).prove()


def stopped(world, **changes):
    about = {
        "subject": Subject.of(world.artifact),
        "project": "demo",
        "app": "app",
        "version": "1",
        "stage": "manual",
        "environment": "staging",
        "throwaway": False,
        "by": "ci@build",
        "why": "smoke tests failed",
        "at": time.time() - 5,
    }
    return Stop(**{**about, **changes})


def lifted(world, name, office, **changes):
    about = {"stop": content_of(name), "project": "demo", "app": "app", "by": "me", "note": "fine", "at": time.time()}
    return say_lifted(world.place, Lift(**{**about, **changes}), world.artifact.archive, world.key(office))


def test_a_stop_closes_the_gate_until_it_is_lifted(any_world):
    assert any_world.why() is None
    name = say(any_world.place, stopped(any_world), any_world.key("stage:manual"))
    gate = any_world.gate()
    assert [one.why for one in gate.missing] == ["app@1 is stopped in staging by ci@build: smoke tests failed"]
    assert gate.missing[0].command == "cdconf pipeline resume app@1 --note WHY"
    lifted(any_world, name, "stage:manual")
    assert any_world.why() is None


def test_a_stop_of_another_stage_counts_too(world):
    say(world.place, stopped(world, stage="acceptance", throwaway=True), world.key("stage:acceptance"))
    assert "is stopped" in world.why()


@pytest.mark.parametrize(("office", "is_lifted"), [("override", True), ("stage:acceptance", False)])
def test_a_verdict_is_lifted_by_its_own_stage_or_by_the_key_that_overrides(world, office, is_lifted):
    name = say(world.place, stopped(world), world.key("stage:manual"))
    lifted(world, name, office)
    assert (world.why() is None) is is_lifted


@pytest.mark.parametrize("changes", [{"stop": "0" * 64}, {"project": "other"}, {"app": "till"}])
def test_a_lift_is_for_the_stop_that_it_names(world, changes):
    name = say(world.place, stopped(world), world.key("stage:manual"))
    lifted(world, name, "stage:manual", **changes)
    assert "is stopped" in world.why()


def test_a_new_stop_is_not_lifted_by_an_old_lift(world):
    lifted(world, say(world.place, stopped(world), world.key("stage:manual")), "stage:manual")
    say(world.place, stopped(world, why="again"), world.key("stage:manual"))
    assert "again" in world.why()


def test_a_stop_by_nobody_who_may_stops_nothing_and_is_told(world, monkeypatch, tmp_path):
    monkeypatch.setenv("CDCONF_SIGNING_KEY_DIR", str(tmp_path / "stranger"))
    office_keys.new(world.project, "cdconf-stage:manual")
    say(world.place, stopped(world), world.key("stage:manual"))
    assert world.why() is None
    assert any("stops or lifts nothing: it is signed by an unknown key" in one.message for one in notices(world))


def notices(world):
    return [one for one in world.told if isinstance(one, Notice)]


def test_a_stop_outlives_its_key_s_time_and_a_lift_does_not(world):
    key = world.key("stage:acceptance")
    name = say(world.place, stopped(world, stage="acceptance"), key)
    lifted(world, name, "stage:acceptance")
    assert world.why() is None
    from cdconf.artifacts import keys

    signers.trust(world.project, "cdconf-stage:acceptance", keys.public_of(key.key), "20200101Z")
    assert "is stopped" in world.why()


def test_a_stop_of_the_app_stops_all_its_artifacts(world):
    world.prove(subject=Subject.of(world.other))
    say(world.place, stopped(world, subject=None, version=None, stage=None), world.key("override"))
    assert "app is stopped" in world.why()
    assert "app is stopped" in world.why(artifact=world.other)


def test_a_stop_that_lies_beside_another_artifact_does_not_stop_that(world):
    name = say(world.place, stopped(world), world.key("stage:manual"))
    envelope = named(world.place, STOP, world.artifact.archive)[name]
    attest(world.place, STOP, world.other.archive, envelope)
    world.prove(subject=Subject.of(world.other))
    assert world.why(artifact=world.other) is None


def test_a_stop_that_cannot_be_read_is_an_error(world, monkeypatch):
    name = say(world.place, stopped(world), world.key("stage:manual"))
    read = type(world.place).read

    def refuse(self, names):
        return {one: PermissionError("not yours") if one == name else data for one, data in read(self, names).items()}

    monkeypatch.setattr("cdconf.artifacts.backends.FolderBackend.read", refuse)
    with pytest.raises(ArtifactError, match=r"can't read .*stop-.*: it may be a stop"):
        world.gate()


def test_whoever_deletes_a_stop_still_faces_the_failed_verdict(world):
    """A stop can be deleted by who can write to the store; what opens a gate is a proof, and that isn't there."""
    world.stage_run().failed(world.artifact, "loses orders")
    for one in world.place.entries(f"{STOP}-{world.artifact.archive}-"):
        world.place.delete(one.name)
    assert "says that it failed" in world.why()


def test_gc_leaves_stops_and_statements_alone(any_world):
    say(any_world.place, stopped(any_world), any_world.key("stage:manual"))
    any_world.store.remove(any_world.artifact)
    before = [one.name for one in any_world.place.entries(suffix=".dsse")]
    sweep(any_world.project, any_world.store, grace=-1)
    assert [one.name for one in any_world.place.entries(suffix=".dsse")] == before
    assert {name.partition("-")[0] for name in before} == {"statement", "stop"}


def test_people_stop_and_resume_by_hand(world):
    target = StopTarget("app", world.artifact)
    name = stop(world.project, target, "loses orders", None, world.told.append)
    assert "loses orders" in world.why()
    with pytest.raises(UsageError, match="--note is empty"):
        lift(world.project, [target], " ", None, world.told.append)
    assert lift(world.project, [StopTarget("app", None)], "not this", None, world.told.append) == []
    assert lift(world.project, [target], "it was the test", "stage:acceptance", world.told.append) == [name]
    assert world.why() is None


def test_who_has_no_key_stops_nothing(world, monkeypatch, tmp_path):
    monkeypatch.setenv("CDCONF_SIGNING_KEY_DIR", str(tmp_path / "none"))
    with pytest.raises(ArtifactError, match="no key on this machine may sign this: override"):
        stop(world.project, StopTarget("app", None), "why not", None, world.told.append)


def test_who_may_not_lift_a_verdict_is_told_before_anything_is_written(world):
    say(world.place, stopped(world), world.key("stage:manual"))
    with pytest.raises(GateClosed, match="stage:acceptance may not lift a stop of stage 'manual'"):
        lift(world.project, [StopTarget("app", world.artifact)], "please", "stage:acceptance", world.told.append)


def test_the_commands(world):
    done = cdconf(world.root, "pipeline", "stop", "app@1", "--note", "loses orders")
    assert (done.returncode, "app@1 is stopped" in done.stderr) == (0, True)
    refused = cdconf(world.root, "deploy", "app@1", "--to", "staging")
    assert refused.returncode == 3
    assert "cdconf pipeline resume app@1" in refused.stderr
    assert cdconf(world.root, "pipeline", "resume", "--note", "all apps").stderr.count("isn't stopped") == 1
    assert "lifted: stop-" in cdconf(world.root, "pipeline", "resume", "app@1", "--note", "was the test").stderr
    rows = cdconf(world.root, "history", "show", "--limit", "9").stdout
    assert "pipeline resume" in rows
    assert "pipeline stop" in rows
    assert cdconf(world.root, "pipeline", "stop", "app@1").returncode == 1
