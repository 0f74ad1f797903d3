"""The artifact store in the history's index: statements, stages, stops; and heads that statements are signed with."""

import time
from contextlib import closing

import pytest

from cdconf.history import journal_file
from cdconf.history.reading import deployments, stages, statements
from cdconf.history.team import history_of
from cdconf.pipeline.entries import BuiltArtifact, MissingRequirement, RunBegan, RunEnded, StageNoted, StageShape
from cdconf.pipeline.indexed import index_store
from cdconf.pipeline.metrics import exposition
from cdconf.pipeline.record import RunRecorder
from cdconf.pipeline.verified import verify_history
from cdconf.promotion.heads import journal_head
from cdconf.promotion.line_stops import StopTarget, lift, stop
from cdconf.promotion.saying import say
from tests.artifacts.conftest import home  # noqa: F401  a fixture
from tests.promotion.world import World

COMMIT = "c" * 40


@pytest.fixture
def world(tmp_path, home):  # noqa: F811
    made = World(tmp_path / "project", tmp_path)
    journal_file.append(made.project.data, entry(0))
    return made


def entry(number, **about):
    return {"id": f"{number:012x}-x", "command": "deploy", "started_at": 1000.0 + number, **about}


def prove(world, **changes):
    return say(world.place, world.proof(**changes), world.key("stage:manual"), journal_head(world.project))


def indexed(world, read, *arguments, **options):
    with closing(history_of(world.project)) as history:
        index_store(world.project, history, world.told.append)
        return read(history, *arguments, **options)


def test_what_stages_and_people_say_is_read_once_each(world):
    name = prove(world)
    prove(world, result="failed", stage="release", environment="production")  # by a key that may not say so
    stopped = stop(world.project, StopTarget("app", None), "a bad day", None, world.told.append)
    lift(world.project, [StopTarget("app", None)], "a better day", None, world.told.append)
    for _ in range(2):
        found = indexed(world, statements)
        assert [one.kind for one in found] == ["stage", "stage", "stop", "lift"]
    first = next(one for one in found if one.name == name)
    assert (first.app, first.version, first.archive) == ("app", "1", world.artifact.archive)
    assert (first.environment, first.stage, first.result, first.refusal) == ("staging", "manual", "passed", None)
    assert first.body["journal"] == journal_head(world.project)
    assert "says that it's stage 'release'" in next(one.refusal for one in found if one.stage == "release")
    assert [one.name for one in indexed(world, statements, ("stop",), app="app")] == [stopped]
    assert indexed(world, statements, ("approval",)) == []


def test_a_statement_that_nobody_believed_is_believed_once_its_key_is_trusted(world, monkeypatch, tmp_path):
    prove(world)
    (tmp_path / "nobody").write_text("")
    with monkeypatch.context() as patch:
        patch.setenv("CDCONF_SIGNERS", str(tmp_path / "nobody"))
        assert "unknown key" in indexed(world, statements)[0].refusal
    assert indexed(world, statements)[0].refusal is None


def test_stages_of_the_pipeline_s_runs(world):
    recorder = RunRecorder(world.place, "demo", COMMIT)
    shapes = (StageShape("commit"), StageShape("manual"))
    recorder.note(RunBegan(100.0, COMMIT, "main", "one", "ann <a@b>", "ci@runner", shapes))
    recorder.note(StageNoted(101.0, "commit", "running"))
    recorder.note(StageNoted(102.0, "commit", "passed", artifacts=(BuiltArtifact("app", "1", "a" * 64),)))
    recorder.note(StageNoted(103.0, "manual", "waiting", "after another commit"))
    recorder.note(StageNoted(110.0, "manual", "blocked", "approvals"))
    with closing(history_of(world.project)) as history:
        index_store(world.project, history, world.told.append)
        before = stages(history)
    assert [(one.stage, one.result) for one in before if one.stage == "commit"] == [("commit", "passed")]
    recorder.note(StageNoted(170.0, "manual", "running", runs=("r1",)))
    recorder.note(StageNoted(200.0, "manual", "passed", runs=("r1",)))
    recorder.end(RunEnded(201.0, "passed", 0))
    first, second = indexed(world, stages, commit=COMMIT)
    assert (first.began, first.ended, first.result, first.artifacts) == (
        101.0,
        102.0,
        "passed",
        (("app", "1", "a" * 64),),
    )
    assert [(one.at, one.state) for one in second.states][-4:] == [
        (103.0, "waiting"),
        (110.0, "blocked"),
        (170.0, "running"),
        (200.0, "passed"),
    ]
    assert (second.branch, second.ended, second.runs) == ("main", 200.0, ("r1",))
    assert indexed(world, stages, commit="d" * 40) == []


@pytest.mark.parametrize(
    ("names", "alone"),
    [
        (["window mon-fri 09:00-16:00"], True),
        (["soak 2h", "freeze christmas"], True),
        (["soak 2h", "approvals"], False),
        (["windows"], False),
        ([], False),
    ],
)
def test_what_opens_by_itself_is_told_by_its_links(world, names, alone):
    recorder = RunRecorder(world.place, "demo", COMMIT)
    recorder.note(RunBegan(100.0, COMMIT, "main", "one", "ann <a@b>", "ci@runner", (StageShape("manual"),)))
    missing = tuple(MissingRequirement(name, "it isn't there", None) for name in names)
    recorder.note(StageNoted(101.0, "manual", "blocked", "it waits", missing=missing))
    (found,) = indexed(world, stages, commit=COMMIT)
    assert [one.opens_by_itself for one in found.states] == [alone]


def test_a_signed_head_covers_the_journal_and_finds_out_who_writes_it_anew(world):
    for number in range(1, 4):
        journal_file.append(world.project.data, entry(number))
    prove(world)
    journal_file.append(world.project.data, entry(4))
    found, elsewhere = verify_history(world.project, world.told.append)
    assert (found.entries, found.covered, found.findings, elsewhere) == (5, 4, (), [])
    path = world.project.data / journal_file.FILE
    (world.project.data / "history.db").unlink()
    path.unlink()
    for number in (0, 1, 3, 4):  # without the third, and every link anew
        journal_file.append(world.project.data, entry(number))
    found, _ = verify_history(world.project, world.told.append)
    assert [one.kind for one in found.findings] == ["rewritten"]
    assert found.covered == 0


def test_a_head_that_nobody_believed_signs_for_says_nothing(world):
    head = {"checkout": world.project.checkout, "number": 99, "link": "0" * 64}
    say(world.place, world.proof(stage="release"), world.key("stage:manual"), head)
    found, elsewhere = verify_history(world.project, world.told.append)
    assert (found.findings, elsewhere) == ((), [])


@pytest.mark.parametrize("head", [5, {"checkout": 5}, {"checkout": "x", "number": -1, "link": "x"}, {"number": 1}])
def test_a_head_that_is_none_says_nothing(world, head):
    say(world.place, world.proof(), world.key("stage:manual"), head if isinstance(head, dict) else {"x": head})
    found, elsewhere = verify_history(world.project, world.told.append)
    assert (found.covered, found.findings, elsewhere) == (0, (), [])


def test_a_checkout_that_was_deleted_is_lost(world):
    prove(world)
    gone = world.project.checkout
    (world.project.data / "checkout").unlink()
    (world.project.data / journal_file.FILE).unlink()
    _, (lost,) = verify_history(world.project, world.told.append)
    assert (lost.kind, lost.checkout, lost.first, lost.last) == ("lost", gone, 1, 1)


def test_deployments_in_their_order_with_their_kinds(world):
    about = {"environment": "production", "app": "app", "hosts": {"web1": {"status": "changed"}}, "exit_code": 0}
    runs = [
        entry(1, **about, artifact="a", version="1", built_from=COMMIT, committed_at=1005.0, duration_s=9),
        entry(2, **about | {"exit_code": 1}, artifact="b", version="2", verdict=True),
        entry(3, **about, artifact="a", version="1"),
        entry(4, **about | {"command": "rollback"}, artifact="a", version="1"),
        entry(5, **about | {"environment": "try"}, artifact="b", version="2", throwaway=True),
        entry(6, **about | {"exit_code": 3}, artifact="b", version="2"),
        entry(7, **about, artifact="b", version="2", clock_difference_s=-3600.0),
    ]
    for one in runs:
        journal_file.append(world.project.data, one)
    found = indexed(world, deployments)
    assert [(one.version, one.kind, one.verdict) for one in found] == [
        ("2", "deployment", "passed"),
        ("1", "deployment", "passed"),
        ("2", "re-deployment", "failed"),
        ("1", "re-deployment", "passed"),
        ("1", "rollback", "passed"),
        ("2", "throw-away", "passed"),
        ("2", "re-deployment", "refused"),
    ]
    assert (found[1].commit, found[1].committed_at, found[1].ended_at) == (COMMIT, 1005.0, 1010.0)
    assert found[0].started_at == 1007.0 - 3600.0
    assert [one.version for one in indexed(world, deployments, "production", since=1004.0)] == ["1", "2"]


def test_what_waits_and_what_is_stopped_is_in_the_metrics(world):
    stop(world.project, StopTarget("app", world.artifact), "a bad day", None, world.told.append)
    recorder = RunRecorder(world.place, "demo", COMMIT, time.time)
    recorder.note(RunBegan(recorder.now(), COMMIT, "main", "one", "ann <a@b>", "ci@runner", (StageShape("manual"),)))
    recorder.note(StageNoted(recorder.now(), "manual", "blocked", "approvals"))
    text = exposition(world.project, world.told.append).decode()
    assert 'cdconf_stops{app="app"} 1.0' in text
    assert 'cdconf_stage_commits{stage="manual",state="blocked"} 1.0' in text
