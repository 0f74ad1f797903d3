"""What the board says, by what's known: statements, records, stops, gates."""

from dataclasses import replace

import pytest

from cdconf.inventory.pipeline import Pipeline, Stage
from cdconf.pipeline.board.decide import rows_of
from cdconf.pipeline.board.rows import KnownArtifact
from cdconf.pipeline.board.words import words_of
from cdconf.pipeline.entries import BuiltArtifact, MissingRequirement, RunBegan, RunEnded, StageNoted
from cdconf.pipeline.record import RunRecord
from cdconf.pipeline.store_lease import TTL, LeaseHolder
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.checked import CheckedObject
from cdconf.promotion.said import Lift, Proof, Stop, Subject

NOW = 10_000.0
STAGES = (
    Stage("commit", build=("app",)),
    Stage("acceptance", copy_of="production", needs=("commit",)),
    Stage("manual", environment="staging", needs=("acceptance",)),
    Stage("release", environment="production", needs=("manual",)),
)
HOMES = {"manual": "staging", "release": "production"}
APPROVAL = CandidateLink("approvals", "missing", "1 of ops, and nobody has", "cdconf approve app@1 --to staging")


def pipeline(concurrency="queue", stop="artifact"):
    return Pipeline(STAGES, "main", concurrency, stop)


def archive(number):
    return f"{number:064x}"


def proof(number, stage, result="passed", at=100.0, refusal=None, **changes):
    said = Proof(
        subject=Subject(f"app@{number}", archive(number), "0" * 64),
        project="demo",
        app="app",
        version=str(number),
        stage=stage,
        environment=HOMES.get(stage, "try-1"),
        copy_of="production" if stage == "acceptance" else None,
        result=result,
        procedure="sha256:1",
        tool="sha256:2",
        commit=f"{number:040x}",
        started=at - 5,
        finished=at,
        hosts={},
        smoke={},
        acceptance=None,
        parity=None,
        run="r",
        isolated=True,
    )
    return CheckedObject(f"statement-{number}-{stage}-{at}", replace(said, **changes), refusal)


def stop(number=None, at=200.0, why="it loses orders", name="stop-1"):
    subject = Subject(f"app@{number}", archive(number), "0" * 64) if number is not None else None
    version = str(number) if number is not None else None
    said = Stop(subject, "demo", "app", version, None, None, False, "ann@laptop", why, at)
    return CheckedObject(f"stop-{'0' * 64}-{name:0>64}.dsse", said)


class Signer:
    offices = frozenset({"cdconf-override"})


def lift(of, at=300.0):
    content = of.name.removesuffix(".dsse").rpartition("-")[2]
    return CheckedObject("lift", Lift(content, "demo", "app", "bob@laptop", "was wrong", at), None, Signer())


def known(number, *proofs, stops=(), run=None, at=None):
    return KnownArtifact(
        f"app@{number}",
        "app",
        str(number),
        archive(number),
        f"{number:040x}",
        float(number) if at is None else at,
        words_of("demo", archive(number), proofs),
        tuple(stops),
        run,
    )


def run(number, *noted, alive=True, ended=None):
    commit = f"{number:040x}"
    began = RunBegan(50.0, commit, "main", "Say hello", "Ann <ann@example.com>", "ci@one", ())
    entries = (began, *noted, *([ended] if ended else []))
    holder = LeaseHolder("k", 1, (NOW - 5 if alive else NOW - TTL - 5,))
    return RunRecord(f"run{number}", commit, NOW - 5, entries, holder, NOW)


def rows(*artifacts, links=(), **about):
    asked = []

    def judge(one, stage):
        asked.append((one.label, stage.name))
        return list(links)

    found = rows_of(pipeline(**about), "demo", artifacts, judge)
    return {row.known.label: row for row in found}, asked


def states(row):
    return [one.state for one in row.cells.values()]


THROUGH = [proof(1, "commit"), proof(1, "acceptance", at=110.0), proof(1, "manual", at=120.0)]


def test_an_artifact_goes_from_stage_to_stage_by_its_statements():
    for count, wanted in enumerate(
        [
            ["ready", "pending", "pending", "pending"],
            ["passed", "ready", "pending", "pending"],
            ["passed", "passed", "ready", "pending"],
            ["passed", "passed", "passed", "ready"],
            ["passed", "passed", "passed", "passed"],
        ]
    ):
        done = [*THROUGH, proof(1, "release", at=130.0)][:count]
        found, _ = rows(known(1, *done))
        assert states(found["app@1"]) == wanted
        assert found["app@1"].is_over == (count == 4)
        assert found["app@1"].is_ready == (count != 4)


def test_only_the_gate_to_where_it_could_go_is_judged():
    found, asked = rows(known(1, *THROUGH[:2]), links=[CandidateLink("no stop", "there", "…"), APPROVAL])
    assert asked == [("app@1", "manual")]
    cell = found["app@1"].cells["manual"]
    assert (cell.state, cell.since, cell.missing) == ("waiting", 110.0, [APPROVAL])
    assert cell.why == "approvals: 1 of ops, and nobody has"
    assert not found["app@1"].is_ready
    assert not found["app@1"].is_over


def test_what_is_asked_of_hosts_later_keeps_nothing():
    found, _ = rows(known(1, *THROUGH[:2]), links=[CandidateLink("parity staging", "asked_later", "…")])
    assert found["app@1"].cells["manual"].state == "ready"


@pytest.mark.parametrize(
    "bad",
    [
        proof(1, "commit", refusal="is signed by an unknown key"),
        proof(1, "commit", project="other"),
        proof(1, "commit", app="till"),
        proof(1, "commit", subject=Subject("app@1", "f" * 64, "0" * 64)),
        CheckedObject("garbage", None, "isn't JSON"),
    ],
)
def test_what_does_not_count_passes_nothing(bad):
    found, _ = rows(known(1, bad))
    assert states(found["app@1"])[0] == "ready"


def test_a_proof_from_elsewhere_passes_nothing():
    for changes in ({"environment": "dev"},):
        found, _ = rows(known(1, *THROUGH[:2], proof(1, "manual", **changes)))
        assert found["app@1"].cells["manual"].state == "ready"
    found, _ = rows(known(1, THROUGH[0], proof(1, "acceptance", copy_of="staging")))
    assert found["app@1"].cells["acceptance"].state == "ready"


def test_the_last_word_counts_and_of_two_at_once_the_bad_one():
    again = [proof(1, "commit", "failed", at=100.0), proof(1, "commit", at=150.0)]
    found, _ = rows(known(1, *again))
    assert found["app@1"].cells["commit"].state == "passed"
    found, _ = rows(known(1, proof(1, "commit", at=100.0), proof(1, "commit", "failed", at=100.0)))
    assert states(found["app@1"]) == ["failed", "pending", "pending", "pending"]


def test_what_runs_is_told_by_a_record_of_a_living_run():
    noted = StageNoted(60.0, "acceptance", "running", step="batch 2 of 3: web2")
    found, asked = rows(known(1, THROUGH[0], run=run(1, noted)), links=[APPROVAL])
    cell = found["app@1"].cells["acceptance"]
    assert (cell.state, cell.since, cell.step, cell.by) == ("running", 60.0, "batch 2 of 3: web2", "ci@one")
    assert states(found["app@1"])[2:] == ["pending", "pending"]
    assert asked == []
    found, _ = rows(known(1, THROUGH[0], run=run(1, noted, alive=False)))
    cell = found["app@1"].cells["acceptance"]
    assert (cell.state, cell.why) == ("interrupted", "its runner is gone")
    assert found["app@1"].is_ready


def test_a_stage_that_is_run_again_is_running_whatever_it_was_before():
    noted = StageNoted(400.0, "acceptance", "running", step="provision")
    found, _ = rows(known(1, THROUGH[0], proof(1, "acceptance", "failed"), run=run(1, noted)))
    assert found["app@1"].cells["acceptance"].state == "running"


def test_what_waits_for_its_turn_says_after_what():
    noted = StageNoted(60.0, "acceptance", "waiting", "for its turn, after 2222222222")
    found, _ = rows(known(1, THROUGH[0], run=run(1, noted)))
    cell = found["app@1"].cells["acceptance"]
    assert (cell.state, cell.since, cell.why) == ("waiting", 60.0, "for its turn, after 2222222222")


def test_a_record_alone_proves_nothing_and_is_not_hidden():
    noted = StageNoted(60.0, "commit", "passed", log="pipelog-1.txt")
    found, _ = rows(known(1, run=run(1, noted, ended=RunEnded(70.0, "passed", 0))))
    cell = found["app@1"].cells["commit"]
    assert (cell.state, cell.log) == ("unproven", "pipelog-1.txt")
    assert found["app@1"].cells["acceptance"].state == "ready"
    noted = StageNoted(60.0, "commit", "failed", "test_front failed", log="pipelog-1.txt")
    found, _ = rows(known(1, run=run(1, noted, ended=RunEnded(70.0, "failed", 1))))
    cell = found["app@1"].cells["commit"]
    assert (cell.state, cell.why, cell.log) == ("failed", "test_front failed", "pipelog-1.txt")
    assert states(found["app@1"])[1:] == ["pending"] * 3


def test_what_a_record_says_that_it_waited_for_is_judged_anew():
    noted = StageNoted(130.0, "manual", "blocked", "an approval")
    held = known(1, *THROUGH[:2], run=run(1, noted, ended=RunEnded(140.0, "stopped", 3)))
    found, _ = rows(held, links=[APPROVAL])
    assert found["app@1"].cells["manual"].state == "waiting"
    found, _ = rows(held, links=[replace(APPROVAL, state="there")])
    assert found["app@1"].cells["manual"].state == "ready"


def test_a_stop_stands_where_the_artifact_would_go_next():
    found, asked = rows(known(1, *THROUGH[:2], stops=[stop(1)]), links=[])
    row = found["app@1"]
    assert states(row) == ["passed", "passed", "stopped", "pending"]
    assert row.cells["manual"].why == "app@1 is stopped by ann@laptop: it loses orders"
    assert [(one.what, one.command) for one in row.stops] == [("app@1", "cdconf pipeline resume app@1 --note WHY")]
    assert asked == []
    assert not row.is_ready


def test_an_apps_stop_stops_all_its_artifacts_and_no_others():
    found, _ = rows(known(2, stops=[stop()]), known(1, *THROUGH[:2], stops=[stop(), stop(3)]))
    assert states(found["app@2"])[0] == "stopped"
    assert states(found["app@1"])[2] == "stopped"
    assert [one.what for one in found["app@1"].stops] == ["all of app"]
    assert found["app@1"].stops[0].command == "cdconf pipeline resume --note WHY"


def test_what_failed_may_be_tried_again_once_its_stop_is_lifted():
    failed = proof(1, "manual", "failed", at=120.0)
    stopped = stop(1)
    row = rows(known(1, *THROUGH[:2], failed, stops=[stopped]))[0]["app@1"]
    assert states(row) == ["passed", "passed", "failed", "pending"]
    assert [one.what for one in row.stops] == ["app@1"]
    row = rows(known(1, *THROUGH[:2], failed, stops=[stopped, lift(stopped)]))[0]["app@1"]
    assert states(row) == ["passed", "passed", "ready", "pending"]
    assert row.is_ready
    assert row.stops == ()
    # A lift from before it failed has let something else go on.
    row = rows(known(1, *THROUGH[:2], proof(1, "manual", "failed", at=400.0), stops=[stopped, lift(stopped)]))[0]
    assert states(row["app@1"])[2] == "failed"


def test_no_environment_is_taken_back_to_an_older_artifact():
    newer = known(2, *[replace(one, said=proof(2, one.said.stage).said) for one in THROUGH])
    found, asked = rows(newer, known(1, *THROUGH[:2]), links=[APPROVAL])
    cell = found["app@1"].cells["manual"]
    assert (cell.state, cell.superseded_by) == ("superseded", "app@2")
    assert asked == [("app@2", "release")]


def test_the_nearest_newer_one_is_named():
    def through(number):
        return known(number, *[replace(one, said=proof(number, one.said.stage).said) for one in THROUGH])

    found, _ = rows(through(3), through(2), known(1, *THROUGH[:2]))
    assert found["app@1"].cells["manual"].superseded_by == "app@2"


@pytest.mark.parametrize(
    ("concurrency", "state"), [("queue", "waiting"), ("batch", "superseded"), ("cancel", "superseded")]
)
def test_with_batch_a_newer_one_takes_the_place_of_those_that_wait(concurrency, state):
    newer = known(2, proof(2, "commit"), proof(2, "acceptance"))
    found, _ = rows(newer, known(1, *THROUGH[:2]), links=[APPROVAL], concurrency=concurrency)
    assert found["app@2"].cells["manual"].state == "waiting"
    cell = found["app@1"].cells["manual"]
    assert cell.state == state
    assert cell.superseded_by == ("app@2" if state == "superseded" else None)


def test_a_newer_one_that_failed_or_is_stopped_takes_nobodys_place():
    for newer in (
        known(2, proof(2, "commit"), proof(2, "acceptance"), proof(2, "manual", "failed")),
        known(2, proof(2, "commit"), proof(2, "acceptance"), stops=[stop(2)]),
    ):
        found, _ = rows(newer, known(1, *THROUGH[:2]), concurrency="batch")
        assert found["app@1"].cells["manual"].state == "ready"


def test_with_queue_each_one_goes_through_what_is_made_for_it_alone():
    newer = known(2, proof(2, "commit"), proof(2, "acceptance"))
    found, _ = rows(newer, known(1, THROUGH[0]))
    assert found["app@1"].cells["acceptance"].state == "ready"


def test_a_failed_one_is_over_when_a_newer_one_has_passed():
    newer = known(2, *[replace(one, said=proof(2, one.said.stage).said) for one in THROUGH], proof(2, "release"))
    found, _ = rows(newer, known(1, *THROUGH[:2], proof(1, "manual", "failed")))
    row = found["app@1"]
    assert (states(row), row.cells["manual"].superseded_by) == (["passed", "passed", "failed", "superseded"], "app@2")
    assert row.is_over


def test_one_that_waits_behind_a_newer_one_that_waits_is_not_over():
    newer = known(2, proof(2, "commit"), proof(2, "acceptance"))
    found, _ = rows(newer, known(1, *THROUGH[:2]), links=[APPROVAL], concurrency="batch")
    assert not found["app@1"].is_over
    through = known(2, *[replace(one, said=proof(2, one.said.stage).said) for one in THROUGH], proof(2, "release"))
    found, _ = rows(through, known(1, *THROUGH[:2]), links=[APPROVAL], concurrency="batch")
    assert found["app@1"].is_over


def test_a_run_that_lacked_the_key_says_so_where_nothing_else_keeps_the_stage():
    noted = StageNoted(
        130.0, "manual", "blocked", missing=(MissingRequirement("key", "the key of stage:manual isn't here"),)
    )
    held = known(1, *THROUGH[:2], run=run(1, noted, ended=RunEnded(140.0, "stopped", 3)))
    found, _ = rows(held)
    cell = found["app@1"].cells["manual"]
    assert (cell.state, cell.why) == ("ready", "the last run couldn't begin it: the key of stage:manual isn't here")
    found, _ = rows(held, links=[APPROVAL])
    assert found["app@1"].cells["manual"].why == "approvals: 1 of ops, and nobody has"


def test_another_apps_artifacts_supersede_nothing_and_its_stages_are_not_this_ones():
    other = known(2, proof(2, "manual", app="till"))._replace(app="till", label="till@2")
    found, _ = rows(other, known(1, *THROUGH[:2]), concurrency="batch")
    assert states(found["till@2"])[0] == "none"
    assert found["app@1"].cells["manual"].state == "ready"


def test_a_commit_without_artifact_is_shown_by_its_record():
    noted = StageNoted(60.0, "commit", "running", step="run")
    commit = KnownArtifact("2222222222", None, None, None, "2" * 40, 50.0, run=run(2, noted))
    found, _ = rows(commit, known(1, *THROUGH))
    assert states(found["2222222222"]) == ["running", "pending", "pending", "pending"]
    data = found["2222222222"].as_data()
    assert (data["artifact"], data["subject"], data["stages"]["commit"]["step"]) == (None, "Say hello", "run")


def test_a_commit_without_artifact_is_stopped_with_its_app_alone():
    noted = StageNoted(60.0, "commit", "blocked", "app is stopped")
    ended = RunEnded(70.0, "stopped", 3)
    commit = KnownArtifact(
        "2222222222", None, None, None, "2" * 40, 50.0, stops=(stop(),), run=run(2, noted, ended=ended)
    )
    (row,) = rows(commit)[0].values()
    assert states(row) == ["stopped", "pending", "pending", "pending"]
    assert not row.is_ready
    (row,) = rows(commit._replace(stops=(stop(1),)))[0].values()
    assert states(row)[0] == "ready"


def test_a_record_that_says_superseded_names_the_newer_artifact():
    noted = StageNoted(130.0, "manual", "superseded", superseded_by=f"{2:040x}")
    held = known(1, *THROUGH[:2], run=run(1, noted, ended=RunEnded(140.0, "superseded", 3)))
    found, _ = rows(known(2), held)
    cell = found["app@1"].cells["manual"]
    assert (cell.state, cell.superseded_by) == ("superseded", "app@2")
    found, _ = rows(held)
    assert found["app@1"].cells["manual"].superseded_by == f"{2:040x}"


def test_the_document_has_only_plain_data():
    import json

    noted = StageNoted(60.0, "commit", "running", artifacts=(BuiltArtifact("app", "1", archive(1)),))
    found, _ = rows(known(1, run=run(1, noted), stops=[stop(1)]), links=[APPROVAL])
    json.dumps(found["app@1"].as_data())
