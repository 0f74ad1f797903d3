"""What's read of commits: their messages' words, clones that are cut off, what isn't here, and a great many."""

import subprocess

import pytest

from cdconf.pipeline.value_stream.git_log import cut_off, head_of, read_commits
from cdconf.pipeline.value_stream.stream import stream
from tests.pipeline.value_stream.made_up import MadeUp, at


def test_trailers_and_reverts(tmp_path):
    made = MadeUp(tmp_path / "r")
    first = made.commit("a", at(0, "9:00"))
    text = (
        f"This reverts commit {first}.\n\nfixes-deployment: 0123abcd\nFixes-Deployment:  shop@1\nFixes-Deployment: a b"
    )
    second = made.commit("b\n\nx", at(0, "9:30"), message=text, authored=at(0, "8:00"), zone="+0530")
    found = read_commits(made.root, [second])
    assert list(found) == [second, first]
    one = found[second]
    assert (one.at, one.authored_at, one.parents) == (at(0, "9:30"), at(0, "8:00"), (first,))
    assert (one.subject, one.reverts, one.fixes) == ("b", (first,), ("0123abcd", "shop@1"))


def test_what_is_not_here_or_is_no_commit_is_left_out(tmp_path):
    made = MadeUp(tmp_path / "r")
    first = made.commit("a", at(0, "9:00"))
    tree = made.git("rev-parse", f"{first}^{{tree}}")
    assert list(read_commits(made.root, [first, "f" * 40, tree, "HEAD", "--all", ""])) == [first]
    assert read_commits(made.root, ["f" * 40]) == {}


def test_the_head_is_the_branchs_or_else_what_is_checked_out(tmp_path):
    made = MadeUp(tmp_path / "r")
    assert head_of(made.root, "main") is None
    first, second = made.commit("a", at(0, "9:00")), made.commit("b", at(0, "9:10"))
    made.git("update-ref", "refs/heads/main", first)
    made.git("update-ref", "refs/heads/other", second)
    made.git("symbolic-ref", "HEAD", "refs/heads/other")
    assert head_of(made.root, "main") == first
    assert head_of(made.root, "gone") == second


def test_a_clone_that_is_cut_off_says_what_is_not_known(tmp_path):
    made = MadeUp(tmp_path / "r")
    for number in range(6):
        made.commit(f"c{number}", at(number, "9:00"))
    for number in (0, 3, 5):
        made.plain(number, number, f"c{number}")
    made.git("update-ref", "refs/heads/main", made.commits["c5"])
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "4", made.root.as_uri(), str(clone)], check=True)
    made.root = clone
    known = made.known(at(6, "0:00"), "c5")
    assert known.ends == cut_off(clone) == {made.commits["c2"]}
    releases = stream(known, "shop", 0).releases
    assert [(len(one.changes), one.unknown.partition(",")[0]) for one in releases] == [
        (0, f"commit {made.commits['c0'][:10]} isn't in this clone"),
        (1, "it's the first deployment whose commit is known"),
        (2, ""),
    ]
    subprocess.run(["git", "-C", str(clone), "fetch", "-q", "--depth", "2"], check=True)
    subprocess.run(["git", "-C", str(clone), "-c", "gc.reflogExpire=now", "reflog", "expire", "--all"], check=True)


@pytest.mark.parametrize("count", [10_000])
def test_ten_thousand_commits_of_one_release(tmp_path, count):
    made = MadeUp(tmp_path / "r")
    first = made.commit("first", at(0, "9:00"))
    begin = int(at(0, "10:00"))
    lines = [
        f"commit refs/heads/main\ncommitter a <a> {begin + number} +0000\ndata 1\nx\n"
        + (f"from {first}\n" if number == 0 else "")
        for number in range(count)
    ]
    subprocess.run(["git", "-C", str(made.root), "fast-import", "--quiet"], input="".join(lines).encode(), check=True)
    made.commits["last"] = made.git("rev-parse", "refs/heads/main")
    made.plain(1, 0, "first")
    made.plain(2, 2, "last")
    found = stream(made.known(at(3, "0:00"), "last"), "shop", 0)
    assert [len(one.changes) for one in found.releases] == [1, count]
    assert found.whole.lead.n == count + 1
    assert found.whole.total == pytest.approx(sum(one.length for rel in found.releases for one in rel.changes))
