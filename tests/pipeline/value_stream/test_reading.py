"""What's made of the history's deployments, stages and statements."""

from cdconf.history.recorded import Deployment, RecordedStage, StageState, Statement
from cdconf.pipeline.value_stream.reading import states_of, stops_of, told

ENVIRONMENT = "production"


def deployed(run, archive="a" * 64, ended=100.0, **about):
    known = {"id": f"id-{run}", "run": run, "environment": ENVIRONMENT, "environment_of": None, "app": "shop"}
    known |= {"version": "1", "archive": archive, "kind": "deployment", "command": "deploy", "commit": None}
    known |= {"project_commit": None, "procedure": None, "stage": "release", "started_at": ended - 50}
    known |= {"committed_at": ended, "ended_at": ended + 1, "verdict": "passed", "exit_code": 0, "who": "a"}
    return Deployment(**(known | {"controller": "c"} | about))


def said(kind="stage", name="statement-x-1", at=100.0, **about):
    known = {"name": name, "kind": kind, "app": "shop", "version": "1", "archive": "a" * 64}
    known |= {"environment": ENVIRONMENT, "stage": "release", "at": at, "by": None, "result": "passed", "run": "r2"}
    known |= {"commit": "c" * 40, "procedure": None, "refusal": None}
    return Statement(**(known | {"body": {"started": "1970-01-01T00:01:00.000Z"}} | about))


def test_a_deployment_gets_its_commit_from_the_store():
    (one,) = told([deployed("r1")], [], ENVIRONMENT, {"a" * 64: "f" * 40})
    assert (one.commit, one.verified_at, one.began, one.ended) == ("f" * 40, 100.0, 50.0, 101.0)


def test_what_only_a_statement_tells_of_is_a_deployment_too():
    (one,) = told([], [said()], ENVIRONMENT, {})
    assert (one.run, one.commit, one.began, one.verified_at, one.kind) == ("r2", "c" * 40, 60.0, 100.0, "deployment")
    assert len(told([deployed("r2")], [said()], ENVIRONMENT, {})) == 1
    assert told([], [said(environment="staging")], ENVIRONMENT, {}) == ()
    assert told([], [said(result="failed")], ENVIRONMENT, {}) == ()
    assert told([], [said(refusal="is signed by nobody")], ENVIRONMENT, {}) == ()


def test_of_both_sources_together_the_second_is_a_redeployment():
    found = told([deployed("r1", ended=300.0)], [said()], ENVIRONMENT, {})
    assert [(one.run, one.kind) for one in found] == [("r2", "deployment"), ("r1", "re-deployment")]


def test_a_canary_that_was_stopped_makes_no_redeployment():
    canary = deployed("r0", committed_at=None, verdict="failed", ended=20.0)
    found = told([canary, deployed("r1")], [], ENVIRONMENT, {})
    assert [(one.run, one.kind, one.verified_at) for one in found] == [
        ("r0", "deployment", None),
        ("r1", "deployment", 100.0),
    ]


def test_stages_by_records_and_by_proofs_that_no_record_tells_of():
    states = (StageState(10.0, "running", step="build"), StageState(20.0, "passed"))
    one = RecordedStage(
        "p1", "c" * 40, "main", "commit", 10.0, 20.0, "passed", states, (("shop", "1", "a" * 64),), ("r1",)
    )
    proofs = [said(run="r1"), said(run="r2", stage="manual")]
    found = list(states_of([one], proofs, {}))
    assert [(that.stage, that.at, that.state, that.apps) for that in found] == [
        ("commit", 10.0, "running", ("shop",)),
        ("commit", 20.0, "passed", ("shop",)),
        ("manual", 60.0, "running", ("shop",)),
        ("manual", 100.0, "passed", ("shop",)),
    ]


def test_a_stop_ends_with_the_first_lift_that_counts():
    digest = "d" * 64
    stop = said("stop", f"stop-{'a' * 64}-{digest}.dsse", at=10.0, result=None)
    lifts = [
        said("lift", "l1", at=30.0, body={"stop": digest}),
        said("lift", "l2", at=20.0, body={"stop": digest}),
        said("lift", "l3", at=15.0, body={"stop": digest}, refusal="is signed by nobody"),
    ]
    (one,) = stops_of([stop, *lifts])
    assert (one.begins, one.ends, one.archive, one.stage) == (10.0, 20.0, "a" * 64, "release")
    assert next(stops_of([stop])).ends is None
    assert list(stops_of([said("stop", "s", refusal="is signed by nobody")])) == []
