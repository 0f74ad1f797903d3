"""The record of a run: what was written is what is read, from many objects or one; others' nonsense is skipped."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.pipeline import entries
from cdconf.pipeline.entries import (
    BuiltArtifact,
    MissingRequirement,
    RunBegan,
    RunEnded,
    StageNoted,
    StageShape,
    UnreadableEntry,
)
from cdconf.pipeline.record import PREFIX, RunRecorder, close_dead, commit_key, read_runs
from cdconf.pipeline.store_lease import TTL, take

COMMIT, OTHER = "c" * 40, "d" * 40
BEGAN = RunBegan(
    1.0, COMMIT, "main", "Say hello", "A <a@example.com>", "ci@one", (StageShape("commit"), StageShape("manual"))
)
NOTED = StageNoted(2.0, "commit", "running", step="build")
PASSED = StageNoted(
    5.0,
    "commit",
    "passed",
    artifacts=(BuiltArtifact("app", "1", "a" * 64),),
    runs=("r1",),
    log=f"pipelog-{'b' * 64}.txt",
)
BLOCKED = StageNoted(
    6.0, "manual", "blocked", "an approval", missing=(MissingRequirement("approvals", "none of 1", "cdconf x"),)
)

texts = st.text(max_size=20)
noted = st.builds(
    StageNoted,
    at=st.floats(0, 1e10),
    stage=texts,
    state=st.sampled_from(["waiting", "running", "passed", "failed", "blocked", "superseded", "interrupted"]),
    why=texts,
    step=st.none() | texts,
    artifacts=st.lists(st.builds(BuiltArtifact, texts, texts, texts), max_size=2).map(tuple),
    runs=st.lists(texts, max_size=2).map(tuple),
    log=st.none() | texts,
    missing=st.lists(st.builds(MissingRequirement, texts, texts, st.none() | texts), max_size=2).map(tuple),
    superseded_by=st.none() | texts,
)


@given(noted)
def test_a_line_says_what_was_put_into_it(entry):
    line = entries.line(entry)
    assert len(line.splitlines()) == 1
    assert entries.read(line) == entry
    newer = {**json.loads(line), "a field of a newer version": 1}
    assert entries.read(json.dumps(newer)) == entry


def test_what_is_said_in_vain_is_told_once_however_often_a_record_says_it(folder):
    recorder = RunRecorder(folder, "demo", COMMIT)
    recorder.note(BEGAN)
    (name,) = folder.names(PREFIX)
    folder.create(name.replace("-00000001.", "-00000002."), b"\n" * 1000 + b"[]\n" * 1000)
    told = []
    (run,) = read_runs(folder, "demo", time.time(), skip=lambda *about: told.append(about))
    assert run.began == BEGAN
    assert len(told) == 2


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        "\ud800",
        '{"v": 1, "kind": "stage"}',
        entries.line(NOTED).replace('"v":1', '"v":2'),
        entries.line(NOTED).replace('"running"', '"on the run"'),
        entries.line(NOTED).replace("2.0", "NaN"),
        entries.line(NOTED).replace("2.0", "true"),
        entries.line(BEGAN).replace('"stages":[', '"stages":[7,'),
        entries.line(RunEnded(1.0, "passed", 0)).replace('"passed"', '"well"'),
    ],
)
def test_what_is_no_entry_is_refused(line):
    with pytest.raises(UnreadableEntry):
        entries.read(line)


def written(place, *said, project="demo", commit=COMMIT):
    made = RunRecorder(place, project, commit)
    for one in said:
        made.note(one)
    return made


def test_a_run_is_read_while_it_works_and_when_it_has_ended(place):
    lease = take(place, commit_key("demo", COMMIT), {}, time.time())
    run = written(place, BEGAN, NOTED, PASSED, BLOCKED)
    written(place, BEGAN, project="another")
    written(place, replace(BEGAN, commit=OTHER), commit=OTHER)
    (found,) = read_runs(place, "demo", time.time(), commit=COMMIT)
    assert (found.id, found.commit, found.began, found.ended) == (run.run, COMMIT, BEGAN, None)
    assert found.is_at_work
    assert dict(found.stages) == {"commit": PASSED, "manual": BLOCKED}
    end = RunEnded(9.0, "stopped", 3, "an approval")
    run.end(end)
    lease.release()
    (again,) = read_runs(place, "demo", time.time(), commit=COMMIT)
    assert again.entries == (BEGAN, NOTED, PASSED, BLOCKED, end)
    assert (again.ended, again.is_at_work, again.is_dead) == (end, False, False)
    assert len(place.entries(f"pipeline-{run._prefix.split('-')[1]}-{COMMIT}")) == 1
    assert len(read_runs(place, "demo", time.time())) == 2
    assert len(read_runs(place, "demo", time.time(), newest=1)) == 1


def test_what_a_dead_run_was_doing_is_interrupted(folder, age):
    take(folder, commit_key("demo", COMMIT), {}, time.time())
    written(folder, BEGAN, PASSED, StageNoted(6.0, "manual", "running", step="provision"))
    age(TTL + 5)
    (found,) = read_runs(folder, "demo", time.time())
    assert found.is_dead
    assert found.stages["manual"].state == "interrupted"
    assert found.stages["commit"].state == "passed"
    close_dead(folder, "demo", found)
    (closed,) = read_runs(folder, "demo", time.time())
    assert (closed.ended.verdict, closed.is_dead) == ("interrupted", False)
    assert closed.stages["manual"].state == "interrupted"
    assert len(folder.entries("pipeline-")) == 1


def test_since_when_is_when_the_state_began(folder):
    written(folder, BEGAN, NOTED, replace(NOTED, at=3.0, step="run"), replace(NOTED, at=4.0, step="deploy"))
    (found,) = read_runs(folder, "demo", time.time())
    running = [one for one in found.entries if isinstance(one, StageNoted)][-1]
    assert running.step == "deploy"
    take(folder, commit_key("demo", COMMIT), {}, time.time())
    (found,) = read_runs(folder, "demo", time.time())
    assert (found.stages["commit"].at, found.stages["commit"].step) == (2.0, "deploy")


def test_what_cannot_be_read_is_named_and_hides_nothing(folder):
    run = written(folder, BEGAN, PASSED)
    folder.create(run._prefix + "00000007.jsonl", b"\xff\n{}\n")
    skipped = []
    (found,) = read_runs(folder, "demo", time.time(), skip=lambda name, why: skipped.append((name, why)))
    assert found.stages["commit"] == PASSED
    assert [name for name, _ in skipped] == [run._prefix + "00000007.jsonl"] * 2
