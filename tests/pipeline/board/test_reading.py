"""The board, read from real stores: statements, stops, records, and gates as they're judged."""

import json
import os
import time

import pytest

from cdconf.artifacts.backends import FolderBackend
from cdconf.errors import InvalidFile
from cdconf.events import Notice
from cdconf.pipeline.board import procedures, reading
from cdconf.pipeline.board.reading import BoardReader
from cdconf.pipeline.entries import BuiltArtifact, RunBegan, StageNoted
from cdconf.pipeline.record import RunRecorder, commit_key
from cdconf.pipeline.store_lease import TTL, take
from cdconf.promotion.line_stops import StopTarget, lift, stop
from tests.conftest import git, write


def board(line, **about):
    told = []
    found = BoardReader(line.project, told.append).board(**about)
    line.warned = [one.message for one in told if isinstance(one, Notice)]
    return found


def states(line, label="app@3"):
    rows = {one.known.label: one for one in board(line).rows}
    return [one.state for one in rows[label].cells.values()]


@pytest.fixture
def built(line, tmp_path):
    return line.build("3", tmp_path)


def test_an_artifact_goes_from_stage_to_stage(any_line, tmp_path):
    made = any_line.build("3", tmp_path)
    assert states(any_line) == ["ready", "pending", "pending"]
    any_line.pass_stage(made, "acceptance")
    assert states(any_line) == ["passed", "ready", "pending"]
    any_line.pass_stage(made, "manual")
    assert states(any_line) == ["passed", "passed", "ready"]
    any_line.pass_stage(made, "release")
    assert states(any_line) == ["passed", "passed", "passed"]
    assert any_line.warned == []


def test_what_a_gate_asks_for_is_what_it_waits_for(line, built):
    line.pass_stage(built, "acceptance")
    line.prove(
        "stage:manual", procedure="sha256:" + "9" * 64, environment="staging", commit=built.commit, **about_of(built)
    )
    (row, *_) = board(line).rows
    cell = row.cells["release"]
    assert (cell.state, [one.name for one in cell.missing]) == ("waiting", ["after manual"])
    assert "is about another procedure" in cell.why
    assert cell.missing[0].command == "cdconf deploy app@3 --to staging --stage manual"


def about_of(artifact):
    from cdconf.promotion.said import Subject

    return {"subject": Subject.of(artifact), "version": artifact.version}


def test_the_gate_is_judged_by_the_procedure_of_the_artifacts_own_commit(line, built):
    line.pass_stage(built, "acceptance")
    line.pass_stage(built, "manual")
    write(line.root, {"roles/base/role.yml": "resources: []\n"})
    line.commit("another procedure")
    assert states(line) == ["passed", "passed", "ready"]


def test_a_signer_who_is_not_trusted_passes_nothing(line, built, tmp_path, monkeypatch):
    line.pass_stage(built, "acceptance")
    (tmp_path / "nobody").write_text("")
    monkeypatch.setenv("CDCONF_SIGNERS", str(tmp_path / "nobody"))
    assert states(line)[0] == "ready"


def test_a_stop_stands_until_it_is_lifted(line, built):
    line.pass_stage(built, "acceptance")
    stop(line.project, StopTarget("app", built), "loses orders", None, lambda event: None)
    (row, *_) = board(line).rows
    assert (row.cells["manual"].state, row.stops[0].what, row.stops[0].why) == ("stopped", "app@3", "loses orders")
    lift(line.project, [StopTarget("app", built)], "it was the test", None, lambda event: None)
    assert states(line)[1] == "ready"
    stop(line.project, StopTarget("app", None), "nothing goes out", None, lambda event: None)
    found = board(line)
    assert {row.stops[0].what for row in found.rows} == {"all of app"}


def test_what_runs_is_seen_and_what_died_is_cut_off(line, built):
    key = commit_key("demo", built.commit)
    lease = take(line.place, key, {}, time.time())
    recorder = RunRecorder(line.place, "demo", built.commit)
    recorder.note(RunBegan(recorder.now(), built.commit, "main", "one", "A <a@x>", "ci@one", ()))
    made = (BuiltArtifact("app", "3", built.archive),)
    recorder.note(StageNoted(recorder.now(), "acceptance", "running", step="batch 1 of 2: web1", artifacts=made))
    (row, *_) = board(line).rows
    cell = row.cells["acceptance"]
    assert (cell.state, cell.step, cell.by) == ("running", "batch 1 of 2: web1", "ci@one")
    assert lease is not None
    folder = line.root / ".cdconf/artifacts"
    for path in folder.glob("pipe*"):
        os.utime(path, (time.time() - TTL - 5,) * 2)
    (row, *_) = board(line).rows
    assert row.cells["acceptance"].state == "interrupted"


def test_a_commit_that_has_no_artifact_yet_stands_on_top(line, built):
    commit = "d" * 40
    take(line.place, commit_key("demo", commit), {}, time.time())
    recorder = RunRecorder(line.place, "demo", commit)
    recorder.note(RunBegan(recorder.now() + 5, commit, "main", "Say hello", "A <a@x>", "ci@one", ()))
    recorder.note(StageNoted(recorder.now() + 6, "acceptance", "running", step="run"))
    found = board(line)
    assert [row.known.label for row in found.rows][:2] == ["dddddddddd", "app@3"]
    assert found.total == 3
    assert found.rows[0].as_data()["subject"] == "Say hello"


def test_an_environment_whose_files_are_broken_is_what_is_waited_for(line, built):
    line.pass_stage(built, "acceptance")
    write(line.root, {"inventories/staging/hosts.yml": "copy_of: nowhere\n"})
    (row, *_) = board(line).rows
    cell = row.cells["manual"]
    assert (cell.state, cell.missing[0].name, cell.missing[0].command) == (
        "waiting",
        "environment staging",
        "cdconf lint",
    )


def test_a_gate_that_cannot_be_judged_is_what_is_waited_for(line, built, monkeypatch):
    def broken(*arguments):
        raise InvalidFile("unknown key 'x' in the policy", file="policy.yml", line=3, hint="look at it")

    line.pass_stage(built, "acceptance")
    monkeypatch.setattr(reading, "gate_of", broken)
    (row, *_) = board(line).rows
    cell = row.cells["manual"]
    assert (cell.state, cell.why) == ("waiting", "gate of staging: policy.yml:3: unknown key 'x' in the policy")


def test_only_the_newest_are_read(line, tmp_path, monkeypatch):
    read = []
    really = FolderBackend.read

    def noting(self, names):
        read.extend(names)
        return really(self, names)

    monkeypatch.setattr(FolderBackend, "read", noting)
    found = board(line, count=1)
    assert ([row.known.label for row in found.rows], found.total) == (["app@2"], 2)
    assert [name for name in read if name.endswith(".json")] == ["app@2.json"]
    assert len(board(line, count=None).rows) == 2


def test_many_artifacts_are_read_as_few_are(line, built, monkeypatch):
    line.pass_stage(built, "acceptance")
    stop(line.project, StopTarget("app", built), "loses orders", None, lambda event: None)
    few = board(line, count=None)
    monkeypatch.setattr(reading, "LOOKED_AT", 0)
    stop(line.project, StopTarget("app", line.other), "too", None, lambda event: None)
    many = board(line, count=None)
    assert many.rows[0].as_data() == few.rows[0].as_data()
    stopped = {row.known.label: [one.why for one in row.stops] for row in many.rows}
    assert stopped == {"app@3": ["loses orders"], "app@2": ["too"], "app@1": []}
    stop(line.project, StopTarget("app", None), "all of it", None, lambda event: None)
    assert {len(row.stops) for row in board(line, count=None).rows} == {1, 2}


def test_what_cannot_be_read_is_said_once_and_hides_nothing(line, built):
    line.place.create("app@9.json", b"garbage")
    line.place.create(f"statement-{built.archive}-{'0' * 64}.dsse", b"garbage")
    told = []
    reader = BoardReader(line.project, told.append)
    for _ in range(3):
        assert "app@3" in [row.known.label for row in reader.board().rows]
    assert len([one for one in told if "app@9.json" in one.message]) == 1
    assert len(told) == len({one.message for one in told})


def test_an_app_that_has_gone_from_the_project_is_left_out(line, built):
    text = (line.root / "cdconf.yml").read_text()
    (line.root / "cdconf.yml").write_text(text.replace("  app: {", "  till: {"))
    assert board(line).rows == ()


def test_the_rows_of_one_commit_know_of_newer_ones(line, built, tmp_path):
    first = built.commit
    git(line.root, "commit", "-q", "--allow-empty", "-m", "two")
    newer = line.build("4", tmp_path)
    for stage in ("acceptance", "manual"):
        line.pass_stage(newer, stage)
    reader = BoardReader(line.project, lambda event: None)
    found = reader.of_commits([first, newer.commit, "e" * 40])
    assert found[first][0].cells["manual"].superseded_by == "app@4"
    assert [row.known.label for row in found[newer.commit]] == ["app@4"]
    assert found["e" * 40] == []


class TestProcedures:
    """They're read from git once."""

    @pytest.fixture
    def read(self, monkeypatch):
        asked = []
        really = procedures.procedure_of

        def noting(root, commit, app):
            asked.append((commit, app))
            return really(root, commit, app)

        monkeypatch.setattr(procedures, "procedure_of", noting)
        return asked

    def test_a_commits_procedure_is_read_once(self, line, built, read):
        for _ in range(3):
            assert procedures.CommitProcedures(line.project).of(built.commit)("app").digest == line.digest(built.commit)
        assert read == [(built.commit, "app")]

    def test_another_cdconf_reads_it_anew(self, line, built, read, monkeypatch):
        procedures.CommitProcedures(line.project).of(built.commit)("app")
        monkeypatch.setattr("cdconf.promotion.saying.tool_digest", lambda: "another")
        procedures.CommitProcedures(line.project).of(built.commit)("app")
        assert len(read) == 2

    @pytest.mark.parametrize("text", ["", "[]", "garbage", '{"x": 7}'])
    def test_a_damaged_memory_is_no_memory(self, line, built, read, text):
        procedures.CommitProcedures(line.project).of(built.commit)("app")
        (line.root / ".cdconf" / procedures.FILE).write_text(text)
        procedures.CommitProcedures(line.project).of(built.commit)("app")
        assert len(read) == 2

    def test_a_digest_that_is_none_is_read_anew(self, line, built, read):
        procedures.CommitProcedures(line.project).of(built.commit)("app")
        path = line.root / ".cdconf" / procedures.FILE
        path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text()), "sha256:1")))
        assert procedures.CommitProcedures(line.project).of(built.commit)("app").digest == line.digest(built.commit)

    @pytest.mark.parametrize("commit", [None, "--output=x", "HEAD", "f" * 40])
    def test_what_is_no_commit_here_has_none(self, line, commit):
        from cdconf.promotion.errors import NotProvable

        with pytest.raises(NotProvable):
            procedures.CommitProcedures(line.project).of(commit)("app")
