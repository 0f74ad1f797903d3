"""From which commit hosts were provisioned, against the commit of the files that would be applied."""

import types

import pytest

from cdconf.errors import OlderFiles
from cdconf.provision.applied_from import AppliedFrom, Words
from tests.conftest import git


@pytest.fixture
def clone(tmp_path):
    """A repository of three commits, and the commits, the oldest first."""
    git(tmp_path, "init", "-q")
    commits = []
    for number in range(3):
        (tmp_path / "file").write_text(str(number))
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", f"change {number}")
        commits.append(git(tmp_path, "rev-parse", "HEAD"))
    return tmp_path, commits


def compared(root, ours, theirs, **about):
    """What's said of a host that remembers `theirs`, and whether provisioning is refused."""
    said = []
    project = types.SimpleNamespace(root=root, groups={})
    environment = types.SimpleNamespace(hosts={"web1": None, "db1": None})
    comparison = AppliedFrom(project, environment, ours, **about)
    applied = {"commit": theirs, "dirty": False, "owner": None}
    try:
        comparison.check({"web1": applied, "db1": None}, said.append)
    except OlderFiles as error:
        assert said == [], "it's said once, by the error"
        return [error.message.removesuffix("; these files would take that back")], error, comparison
    return [one.message for one in said], None, comparison


def test_newer_files_take_back_nothing(clone):
    root, (first, _, last) = clone
    assert compared(root, last, last)[:2] == ([], None)
    assert compared(root, last, first)[:2] == ([], None)


def test_older_files_are_refused_with_the_number_of_commits_that_they_lack(clone):
    root, (first, second, last) = clone
    said, error, _ = compared(root, second, last)
    assert said == [f"web1: applied from {last[:7]}, 1 commit newer than yours"]
    assert (error.exit_code, error.kind) == (3, "older_files")
    assert "--older" in error.hint
    said, error, comparison = compared(root, first, last)
    assert said == [f"web1: applied from {last[:7]}, 2 commits newer than yours"]
    assert comparison.known == {"web1": {"commit": last, "dirty": False, "newer": 2, "older": 0}}


def test_a_branch_that_lacks_what_was_applied_is_older_too(clone):
    root, (first, _, last) = clone
    git(root, "checkout", "-q", first)
    git(root, "commit", "-qm", "aside", "--allow-empty")
    said, error, _ = compared(root, git(root, "rev-parse", "HEAD"), last)
    assert said == [f"web1: applied from {last[:7]}, which has 2 commits that yours lacks"]
    assert error is not None


def test_a_commit_that_a_whole_clone_does_not_have_is_none_of_its_own(clone):
    root, (*_, last) = clone
    said, error, _ = compared(root, last, "f" * 40)
    assert said == ["web1: applied from fffffff, an unknown commit: this clone doesn't have it"]
    assert error is not None


@pytest.mark.parametrize("odd", ["--output=x", "HEAD", "", "master", "F" * 40])
def test_what_a_host_calls_a_commit_is_no_word_to_git(clone, odd):
    root, (*_, last) = clone
    said, error, _ = compared(root, last, odd)
    assert "an unknown commit" in said[0]
    assert error is not None
    assert not (root / "x").exists()


def test_a_shallow_clone_cannot_tell_and_goes_on(clone, tmp_path_factory):
    root, (first, _, last) = clone
    shallow = tmp_path_factory.mktemp("shallow")
    git(shallow, "clone", "-q", "--depth", "1", f"file://{root}", ".")
    said, error, _ = compared(shallow, last, first)
    assert said == [f"web1: applied from {first[:7]}, an unknown commit: this clone is shallow and doesn't have it"]
    assert error is None


def test_files_outside_of_git_are_said_on_either_side(clone, tmp_path_factory):
    root, (first, *_) = clone
    said, error, _ = compared(root, first, None)
    assert (said, error) == (["web1: applied from files outside of git"], None)
    said, error, _ = compared(tmp_path_factory.mktemp("bare"), None, first)
    assert said == [f"web1: applied from {first[:7]}; the commit of these files is unknown: they aren't in git"]
    assert error is None


def test_changes_that_were_not_committed_are_said_with_whose_they_were(clone):
    root, (*_, last) = clone
    project = types.SimpleNamespace(root=root, groups={})
    environment = types.SimpleNamespace(hosts={"web1": None, "db1": None})
    said = []
    AppliedFrom(project, environment, last).tell(
        {"web1": {"commit": last, "dirty": True, "owner": "ann@laptop pid 7"}}, said.append
    )
    text = f"web1: applied from {last[:7]}, with changes that weren't committed (by ann@laptop)"
    assert [one.message for one in said] == [text]
    assert not said[0].warning


def test_a_yes_is_enough_and_what_was_asked_is_what_was_said(clone):
    root, (first, _, last) = clone
    asked = []
    said, error, _ = compared(root, first, last, may_lack=lambda text: asked.append(text) or True)
    assert error is None
    assert asked == said


def test_a_part_of_older_files_leaves_the_newer_commit_with_the_host(clone):
    root, (first, _, last) = clone
    _, _, comparison = compared(root, first, last, may_lack=lambda text: True)
    assert comparison.files("web1", complete=False) is None
    assert comparison.files("web1", complete=True) == {"commit": first, "dirty": False}
    assert comparison.files("db1", complete=False) == {"commit": first, "dirty": False}


def test_a_look_says_where_an_older_commit_was_applied(clone):
    root, (first, second, last) = clone
    words = Words("origin/main", tells_older=True)
    assert compared(root, last, first, words=words)[0] == [
        f"web1: applied from {first[:7]}, 2 commits older than origin/main"
    ]
    assert compared(root, last, last, words=words)[0] == []
    said, _, comparison = compared(root, second, last, words=words)
    assert said == [f"web1: applied from {last[:7]}, 1 commit newer than origin/main"]
    assert comparison.lacking == {"web1": f"applied from {last[:7]}, 1 commit newer than origin/main"}
