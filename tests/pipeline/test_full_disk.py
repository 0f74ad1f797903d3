"""What a full or read-only disk refuses is one error that names the place, never a bug, and the next run goes on."""

import errno
import json
import os

import pytest

from cdconf.cli.context import run_of
from cdconf.errors import CdconfError, refused_by_machine
from cdconf.inventory import load_project
from cdconf.pipeline import commit_lock
from cdconf.pipeline.stage_work import StageWork
from tests.conftest import write

COMMIT = "c" * 40


@pytest.fixture
def project(tmp_path):
    return load_project(write(tmp_path, {"cdconf.yml": "project: demo\ngroups: {web: []}\n"}))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.EACCES])
def test_a_verb_that_the_machine_refuses_something_has_one_error(project, number, capsys):
    error = OSError(number, os.strerror(number), "/a/file")
    with (
        pytest.raises(SystemExit) as ended,
        run_of("pipeline", None, {"directory": str(project.root), "as_json": True}),
    ):
        raise error
    assert ended.value.code == 1
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 1
    assert "/a/file" in document["error"]["message"]
    assert os.strerror(number) in document["error"]["message"]
    assert "bug" not in document["error"]["message"]


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), OSError(errno.EBADF, "x"), BrokenPipeError(32, "x")])
def test_what_may_be_a_bug_is_not_the_machine_s(error):
    assert refused_by_machine(error) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_commit_that_cannot_be_held_is_an_error_with_its_place(project, number, monkeypatch):
    really = os.open

    def refused(path, flags, *rest, **options):
        if str(path).endswith("/lock"):
            raise OSError(number, os.strerror(number), str(path))
        return really(path, flags, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr("cdconf.pipeline.commit_lock.os.open", refused)
        with pytest.raises(CdconfError, match=rf"can't be held .*/lock: {os.strerror(number)}"):
            commit_lock.locked(project, COMMIT).__enter__()
    with commit_lock.locked(project, COMMIT) as lock:
        assert lock is not None


def test_a_file_where_runs_have_their_directories_is_an_error_with_its_place(project):
    project.data.mkdir(exist_ok=True)
    (project.data / commit_lock.FOLDER).write_text("a file")
    with pytest.raises(CdconfError, match=r"can't be held for a run: .*pipeline"):
        commit_lock.locked(project, COMMIT).__enter__()


def test_a_stage_that_the_machine_refuses_something_is_interrupted_and_not_red(monkeypatch):
    work = object.__new__(StageWork)
    monkeypatch.setattr(StageWork, "stage", type("Stage", (), {"copy_of": None})(), raising=False)
    monkeypatch.setattr(StageWork, "_made", lambda self: ())
    monkeypatch.setattr(StageWork, "_changed", lambda self: None)

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/x")

    monkeypatch.setattr(StageWork, "_through", full)
    found = work.run()
    assert (found.state, found.code) == ("interrupted", 1)
    assert "/tmp/x: No space left on device" in found.why
