"""Where a branch stands, and how it got there, in real repositories."""

import subprocess

import pytest

from cdconf.errors import UsageError
from cdconf.pipeline.watch import branch as branches
from cdconf.pipeline.watch.branch import Branch, NotFetched
from tests.conftest import git


@pytest.fixture
def local(repository):
    return Branch(repository.root, "main")


@pytest.fixture
def remote(repository, origin):
    return Branch(repository.root, "main", "origin")


def test_new_commits_are_told_in_their_order(local, repository):
    first = local.tip()
    assert first == repository.head
    assert local.moved(None, first).commits == (first,)
    assert local.moved(first, first).how == "same"
    second, third = repository.commit("second"), repository.commit("third")
    moved = local.moved(first, local.tip())
    assert (moved.how, moved.commits) == ("forward", (second, third))


def test_of_what_a_merge_brought_only_the_merge_is_new(local, repository):
    first = repository.head
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("on the side", other="x")
    repository.git("checkout", "-q", "main")
    repository.git("commit", "-q", "--allow-empty", "-m", "on main")
    own = repository.head
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert local.moved(first, local.tip()).commits == (own, repository.head)


def test_a_rewritten_branch_has_the_new_ones_since_where_it_parted(local, repository):
    first = repository.head
    old = repository.commit("old")
    repository.git("reset", "-q", "--hard", first)
    one, two = repository.commit("one"), repository.commit("two")
    moved = local.moved(old, local.tip())
    assert (moved.how, moved.commits) == ("rewritten", (one, two))
    assert not local.has(old, two)
    assert local.has(one, two)


def test_a_branch_that_was_set_back_has_nothing_new(local, repository):
    first = repository.head
    second = repository.commit("second")
    repository.git("reset", "-q", "--hard", first)
    assert local.moved(second, local.tip()) == branches.Moved("rewritten")


def test_a_history_with_nothing_in_common_has_its_newest_commit(local, repository):
    before = repository.head
    repository.git("checkout", "-q", "--orphan", "fresh")
    repository.commit("another beginning")
    tip = repository.commit("and its end")
    repository.git("branch", "-f", "main", tip)
    assert local.moved(before, local.tip()) == branches.Moved("unknown", (tip,))
    assert local.moved("f" * 40, tip) == branches.Moved("unknown", (tip,))


def test_a_branch_that_is_not_there_is_none(local, repository, remote, origin):
    assert Branch(repository.root, "gone").tip() is None
    assert Branch(repository.root, "gone", "origin").tip() is None


def test_a_tag_or_a_branch_of_a_remote_of_that_name_is_not_it(repository, origin):
    repository.git("tag", "release")
    assert Branch(repository.root, "release").tip() is None
    origin.git("tag", "only-a-tag")
    origin.git("push", "-q", "origin", "only-a-tag")
    assert Branch(repository.root, "only-a-tag", "origin").tip() is None


def test_a_remote_is_fetched_into_a_ref_of_its_own(remote, repository, origin):
    pushed = origin.commit("pushed")
    origin.git("push", "-q", "origin", "main")
    before = repository.git("for-each-ref", "refs/heads", "refs/remotes", "refs/tags")
    head, status = repository.head, repository.git("status", "--porcelain")
    assert remote.tip() == pushed
    assert repository.git("rev-parse", remote.ref) == pushed
    assert repository.git("for-each-ref", "refs/heads", "refs/remotes", "refs/tags") == before
    assert (repository.head, repository.git("status", "--porcelain")) == (head, status)
    assert not (repository.root / ".git/FETCH_HEAD").exists()
    assert remote.tip() == pushed


def test_a_forced_push_is_followed(remote, repository, origin):
    before = remote.tip()
    origin.git("commit", "-q", "--amend", "-m", "another first")
    origin.git("push", "-q", "--force", "origin", "main")
    tip = remote.tip()
    assert tip == origin.head
    assert remote.moved(before, tip) == branches.Moved("unknown", (tip,))


def test_a_remote_that_cannot_be_reached_is_an_error_with_gits_words(remote, tmp_path):
    (tmp_path / "origin.git").rename(tmp_path / "elsewhere.git")
    with pytest.raises(NotFetched, match=r"origin can't be fetched: fatal: .*does not appear to be a git repository"):
        remote.tip()
    (tmp_path / "elsewhere.git").rename(tmp_path / "origin.git")
    assert remote.tip() is not None


def test_a_remote_that_hangs_is_left_and_nothing_of_it_stays(repository, origin, monkeypatch, tmp_path):
    marker = tmp_path / "started"
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {marker}; exec sleep 600 #")
    monkeypatch.setattr(branches, "ASKED", 3.0)
    repository.git("remote", "add", "slow", "ssh://192.0.2.1/x.git")
    with pytest.raises(NotFetched, match="hasn't ended within 3 s"):
        Branch(repository.root, "main", "slow").tip()
    assert marker.exists()


def test_a_remote_that_hangs_is_not_waited_for_when_the_watch_is_to_end(repository, origin, monkeypatch, tmp_path):
    """Ctrl-C would do nothing for a minute, and while a fetch hangs for a quarter of an hour."""
    marker = tmp_path / "started"
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {marker}; exec sleep 600 #")
    monkeypatch.setattr(branches, "ASKED", 300.0)
    repository.git("remote", "add", "slow", "ssh://192.0.2.1/x.git")
    with pytest.raises(NotFetched, match="git ls-remote was ended, since the watch is to end"):
        Branch(repository.root, "main", "slow").tip(marker.exists)


def test_in_a_shallow_clone_the_newest_is_known_all_the_same(repository, origin, tmp_path):
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{tmp_path}/origin.git", shallow], check=True)
    watched = Branch(shallow, "main", "origin")
    before = watched.tip()
    one, two = origin.commit("one"), origin.commit("two")
    origin.git("push", "-q", "origin", "main")
    tip = watched.tip()
    assert watched.moved(before, tip).commits == (one, two)
    git(shallow, "fetch", "-q", "--depth", "1", "origin", "main")
    git(shallow, "update-ref", watched.ref, two)
    git(shallow, "reflog", "expire", "--expire=now", "--all")
    git(shallow, "gc", "-q", "--prune=now")
    assert watched.moved(before, two) == branches.Moved("unknown", (two,))


@pytest.mark.parametrize(
    ("name", "remote", "message"),
    [
        ("--upload-pack=x", None, "can't be a branch"),
        ("a..b", None, "can't be a branch"),
        ("", None, "can't be a branch"),
        ("main", "orign", "no remote 'orign'"),
        ("main", "--upload-pack=touch /tmp/x", "no remote"),
        ("main", "https://example.com/x.git", "no remote"),
    ],
)
def test_names_that_cannot_be_are_refused(repository, origin, name, remote, message):
    with pytest.raises(UsageError, match=message):
        Branch(repository.root, name, remote).check()
    Branch(repository.root, "main", "origin").check()


def test_outside_of_a_repository_there_is_no_branch(tmp_path):
    with pytest.raises(UsageError, match="isn't in a git repository"):
        Branch(tmp_path, "main").check()
