"""Which tests are red, and who changed what since a stage was last green."""

import pytest

from cdconf.pipeline.blame import commits_since, failed_tests, is_ancestor, last_green
from cdconf.pipeline.entries import StageNoted
from cdconf.pipeline.record import RunRecord
from tests.conftest import git


@pytest.fixture
def commits(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    made = []
    for number in range(25):
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", f"change {number}")
        made.append(git(tmp_path, "rev-parse", "HEAD"))
    return made


def record(commit, state):
    return RunRecord("r", commit, 0.0, (StageNoted(0.0, "test", state),), None, 0.0)


@pytest.mark.parametrize(
    ("lines", "tests"),
    [
        (
            ["  | FAILED tests/test_a.py::test_b - assert 1", "FAILED x::y", "FAILED x::y"],
            ("tests/test_a.py::test_b", "x::y"),
        ),
        (["--- FAIL: TestSum (0.00s)"], ("TestSum",)),
        (["FAIL: test_it (tests.Case)"], ("test_it (tests.Case)",)),
        (["not ok 2 - adds up", "ok 1 - starts"], ("adds up",)),
        (["test sums::add ... FAILED"], ("sums::add",)),
        (["all FAILED here", "nothing"], ()),
    ],
)
def test_tests_are_found_in_what_runners_print(lines, tests):
    assert failed_tests(lines) == tests


def test_what_changed_since_the_last_green_one(commits, tmp_path):
    records = [record(commits[2], "passed"), record(commits[4], "passed"), record(commits[6], "failed")]
    green = last_green(tmp_path, commits[7], "test", records)
    assert green == commits[4]
    found = commits_since(tmp_path, commits[7], green)
    assert [one.partition(": ")[2] for one in found] == ["change 7", "change 6", "change 5"]
    assert last_green(tmp_path, commits[4], "test", records) == commits[2]
    assert last_green(tmp_path, commits[1], "test", records) is None
    assert last_green(tmp_path, commits[7], "other", records) is None


def test_without_a_green_one_it_names_the_commit_alone_and_of_many_the_last(commits, tmp_path):
    (only,) = commits_since(tmp_path, commits[7], None)
    assert only.endswith("change 7")
    many = commits_since(tmp_path, commits[24], commits[0])
    assert (len(many), many[-1]) == (21, "… and more")


def test_who_is_newer(commits, tmp_path):
    assert is_ancestor(tmp_path, commits[1], commits[5]) is True
    assert is_ancestor(tmp_path, commits[5], commits[1]) is False
    assert is_ancestor(tmp_path, commits[5], commits[5]) is False
    assert is_ancestor(tmp_path, commits[5], "e" * 40) is None
