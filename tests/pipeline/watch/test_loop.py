"""Rounds of a watch, in real repositories, with a stand-in for the pipeline's run."""

import json
import os
import shlex
import time

import pytest

from cdconf.errors import ArtifactError, CdconfError, GateClosed
from cdconf.events import Notice
from cdconf.pipeline.watch import memory
from cdconf.pipeline.watch.branch import Branch
from cdconf.pipeline.watch.child import Child
from cdconf.pipeline.watch.ending import Ending
from cdconf.pipeline.watch.loop import BranchWatch, Work
from cdconf.pipeline.watch.memory import BranchMemory, alone
from cdconf.pipeline.watch.progress import Outlook

STAND_IN = """
printf '%s\\n' "$1" >>ran
test -e "hold-$1" && until test -e "go-$1"; do sleep 0.02; done
test -e "says-$1" && cat "says-$1"
exit "$(cat "code-$1" 2>/dev/null || echo 0)"
"""


class World:
    """A watch, what it ran, and what it said."""

    def __init__(self, repository, folder, remote=None, every=0.05):
        self.repository = repository
        self.folder = folder
        self.branch = Branch(repository.root, "main", remote)
        self.concurrency = "queue"
        self.outlooks = {}
        self.told = []
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        self.ending = Ending()
        self.every = every
        self.watch = self.begin()

    def begin(self):
        """Another start of the same watch."""
        work = Work(lambda commit: self.concurrency, self.ask, self.start, lambda commit: "subject")
        known = BranchMemory(self.data, self.branch, self.told.append)
        self.watch = BranchWatch(self.branch, work, known, self.ending, self.told.append, self.every)
        self.watch._progress = known.load()
        return self.watch

    def ask(self, commits, tip):
        found = {commit: self.outlooks.get(commit, Outlook("e1", is_ready=False)) for commit in commits}
        for one in found.values():
            if isinstance(one, Exception):
                raise one
        return found

    def start(self, commit, when_ended):
        return Child(["sh", "-c", f"cd {shlex.quote(str(self.folder))}\n{STAND_IN}", "run", commit], when_ended)

    def rounds(self, count=1):
        """Rounds, until nothing more is to be done; returns how long it would wait then."""
        for _ in range(50):
            pause = self.watch.round()
            if pause:
                count -= 1
            if count <= 0:
                return pause
        raise AssertionError("it never rests")

    def said(self):
        texts = [one.message for one in self.told if isinstance(one, Notice)]
        self.told.clear()
        return texts

    def ran(self):
        path = self.folder / "ran"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    def code(self, commit, code, message=None):
        (self.folder / f"code-{commit}").write_text(str(code))
        if message:
            document = {"error": {"message": message, "hint": "do something"}}
            (self.folder / f"says-{commit}").write_text(json.dumps(document))


@pytest.fixture
def world(repository, tmp_path):
    return World(repository, tmp_path)


@pytest.fixture
def far(repository, origin, tmp_path):
    return World(repository, tmp_path, "origin", every=5.0)


def test_each_new_commit_is_run_once(world, repository):
    first = repository.head
    assert world.rounds(3) == world.every
    assert world.ran() == [first]
    second, third = repository.commit("second"), repository.commit("third")
    world.rounds(3)
    assert world.ran() == [second, third]
    assert world.said()[-2:] == [f"{second[:10]} has passed", f"{third[:10]} has passed"]


@pytest.mark.parametrize("concurrency", ["batch", "cancel"])
def test_with_batch_only_the_newest_is_run(world, repository, concurrency):
    world.concurrency = concurrency
    world.rounds()
    world.ran()
    repository.commit("second")
    third = repository.commit("third")
    world.rounds()
    assert world.ran() == [third]


def test_a_watch_that_begins_again_runs_what_came_meanwhile_and_nothing_twice(world, repository):
    world.rounds()
    world.ran()
    second, third = repository.commit("second"), repository.commit("third")
    world.begin()
    world.rounds()
    assert world.ran() == [second, third]
    world.begin()
    world.rounds()
    assert world.ran() == []


def test_what_was_due_when_the_watch_was_killed_is_run_by_the_next_one(world, repository):
    world.rounds()
    world.ran()
    second, third = repository.commit("second"), repository.commit("third")
    world.watch._look()  # killed before the first of them
    world.begin()
    world.rounds()
    assert world.ran() == [second, third]


def test_a_crash_of_a_run_does_not_end_the_watch(world, repository):
    first = repository.head
    world.code(first, 70)
    (world.folder / f"says-{first}").write_text("Traceback: this is no JSON")
    second = repository.commit("second")
    world.rounds()
    assert world.ran() == [second]
    world.code(second := repository.commit("third"), 70)
    world.rounds()
    assert f"{second[:10]} was cut off: the run ended with exit code 70" in world.said()
    repository.commit("fourth")
    world.rounds()
    assert len(world.ran()) == 2


def test_a_run_that_cannot_be_started_is_said(world, repository, monkeypatch):
    def start(commit, when_ended):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(world, "start", start)
    world.begin()
    world.rounds()
    assert any("can't be run: Permission denied" in one for one in world.said())


def test_a_commit_that_waits_goes_on_when_the_store_says_that_it_can(world, repository):
    first = repository.head
    world.code(first, 3, "release waits for approvals")
    world.rounds(3)
    assert world.ran() == [first]
    assert f"{first[:10]} waits: release waits for approvals\n  hint: do something" in world.said()
    world.outlooks[first] = Outlook("e2", is_ready=False)
    world.rounds(3)
    assert world.ran() == []
    world.outlooks[first] = Outlook("e3", is_ready=True)
    world.code(first, 0)
    world.begin()
    world.rounds(3)
    assert world.ran() == [first]


def test_a_commit_whose_gate_is_open_by_the_board_and_closed_by_its_run_is_not_run_all_the_time(world, repository):
    first = repository.head
    world.code(first, 3, "parity fails")
    world.outlooks[first] = Outlook("e1", is_ready=True)
    world.rounds(5)
    assert world.ran() == [first]


def test_new_commits_are_run_while_an_older_one_waits(world, repository):
    first = repository.head
    world.code(first, 3, "an approval")
    world.rounds()
    second = repository.commit("second")
    world.rounds()
    assert world.ran() == [first, second]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ArtifactError("the store is away"), "the store is away"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
    ],
)
def test_a_store_that_cannot_be_read_is_said_once(world, repository, error, words):
    first = repository.head
    world.code(first, 3, "an approval")
    world.rounds()
    world.said()
    world.outlooks[first] = error
    world.rounds(3)
    assert world.said() == [f"can't find out which commits can continue: {words}"]
    second = repository.commit("second")
    world.rounds()
    assert world.ran() == [first, second]


def test_what_a_newer_one_went_past_is_not_asked_for_any_more(world, repository):
    first = repository.head
    world.code(first, 3, "an approval")
    world.rounds()
    world.outlooks[first] = Outlook("e2", is_ready=False, is_over=True)
    world.rounds()
    assert BranchMemory(world.data, world.branch, world.told.append).load().held == ()


def test_a_fetch_that_fails_is_said_once_and_tried_less_and_less_often(far, origin, tmp_path):
    far.rounds()
    far.ran()
    far.said()
    (tmp_path / "origin.git").rename(tmp_path / "away.git")
    for count in range(1, 4):
        assert far.watch.round() == far.every  # what waits is looked at all the same
        assert far.watch._failures == count
        far.watch._fetch_again = 0.0
    (told,) = far.said()
    assert told.startswith("origin can't be fetched: fatal:")
    far.watch.round()
    (tmp_path / "away.git").rename(tmp_path / "origin.git")
    far.watch.round()
    assert far.ran() == []  # it isn't asked before its time
    far.watch._fetch_again = 0.0
    pushed = origin.commit("pushed")
    origin.git("push", "-q", "origin", "main")
    assert far.rounds() == far.every
    assert far.said()[0].startswith("main of origin can be fetched again, after ")
    assert far.ran() == [pushed]


def test_what_waits_goes_on_while_the_remote_is_away(far, repository, tmp_path):
    first = repository.head
    far.code(first, 3, "an approval")
    far.rounds()
    (tmp_path / "origin.git").rename(tmp_path / "away.git")
    far.outlooks[first] = Outlook("e2", is_ready=True)
    far.code(first, 0)
    far.watch.round()
    assert far.ran() == [first, first]


def test_a_forced_push_is_followed_and_what_it_took_away_is_not_run(far, origin, repository):
    far.rounds()
    far.ran()
    gone = origin.commit("gone")
    origin.git("push", "-q", "origin", "main")
    far.watch._look()
    origin.git("reset", "-q", "--hard", "HEAD~1")
    one, two = origin.commit("one"), origin.commit("two")
    origin.git("push", "-q", "--force", "origin", "main")
    far.said()
    far.rounds()
    assert far.ran() == [one, two]
    assert (
        f"main of origin was rewritten: {gone[:10]} isn't on it any more; its newest commit is {two[:10]}" in far.said()
    )


def test_a_commit_that_waits_and_is_not_on_the_branch_any_more_is_forgotten(far, origin):
    origin.commit("second")
    origin.git("push", "-q", "origin", "main")
    waits = origin.head
    far.code(waits, 3, "an approval")
    far.rounds()
    assert far.ran()[-1] == waits
    origin.git("reset", "-q", "--hard", "HEAD~1")
    origin.git("push", "-q", "--force", "origin", "main")
    far.outlooks[waits] = Outlook("e2", is_ready=True)
    far.rounds(2)
    assert far.ran() == []


def test_a_branch_that_is_deleted_is_waited_for(far, origin):
    far.rounds()
    far.ran()
    far.said()
    origin.git("push", "-q", "origin", "main:kept")
    origin.git("push", "-q", "--delete", "origin", "main")
    far.rounds(3)
    assert far.said() == ["the branch main of origin isn't there: waiting for it"]
    pushed = origin.commit("pushed")
    origin.git("push", "-q", "origin", "main")
    far.rounds()
    assert far.said()[0] == "the branch main of origin is there again"
    assert far.ran() == [pushed]


def test_a_local_branch_that_is_deleted_is_waited_for_and_nothing_of_it_is_run(world, repository):
    first = repository.head
    world.code(first, 3, "an approval")
    world.rounds()
    world.ran()
    repository.git("checkout", "-q", "--detach")
    repository.git("branch", "-D", "-q", "main")
    world.outlooks[first] = Outlook("e2", is_ready=True)
    world.rounds(2)
    assert world.ran() == []
    repository.git("branch", "main", first)
    world.rounds()
    assert world.ran() == [first]


def test_with_cancel_a_newer_commit_ends_the_run_of_an_older_one(world, repository):
    world.concurrency = "cancel"
    first = repository.head
    (world.folder / f"hold-{first}").touch()
    begin = world.start

    def start(commit, when_ended):
        child = begin(commit, when_ended)
        if commit == first:
            repository.commit("second")
        return child

    world.start = start
    world.begin()
    world.rounds()
    second = repository.head
    assert world.ran() == [first, second]
    assert f"{first[:10]} was ended: {second[:10]} takes its place" in world.said()


def test_a_damaged_memory_begins_anew_and_says_so(world, repository):
    world.rounds()
    world.ran()
    world.watch.memory._path.write_text('{"seen": 7')
    world.begin()
    assert "watching main begins anew" in world.said()[-1]
    world.rounds()
    assert world.ran() == [repository.head]


def test_a_second_watch_of_a_checkout_is_refused_by_name(world):
    by_name = rf"watched already: main, by .+@.+, process {os.getpid()}, since 20"
    with (
        alone(world.data, world.branch),
        pytest.raises(GateClosed, match=by_name),
        alone(world.data, Branch(world.repository.root, "other")),
    ):
        pass
    with alone(world.data, world.branch):
        pass


def test_a_checkout_that_cannot_be_written_to_is_an_error_with_its_place(world):
    (world.data / "watch").write_text("a file")
    with pytest.raises(CdconfError, match=r"can't be written to .*watch"):
        world.rounds()
    with pytest.raises(CdconfError, match="can't lock this checkout for a watch"), alone(world.data, world.branch):
        pass


def test_a_disk_that_is_full_later_does_not_end_the_watch(world, repository, monkeypatch):
    first = repository.head
    world.rounds()
    world.said()
    really = memory.write_private

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(memory, "write_private", full)
    second = repository.commit("second")
    world.rounds(3)
    assert world.ran() == [first, second]
    warned = [one for one in world.said() if "No space left" in one]
    assert len(warned) == 1
    assert "goes on" in warned[0]
    monkeypatch.setattr(memory, "write_private", really)
    world.rounds()
    assert world.said() == ["what was seen of main is written down again"]
    world.begin()
    world.rounds()
    assert world.ran() == []


def test_a_repository_that_is_gone_is_no_branch_that_is_gone(world, repository, tmp_path):
    world.rounds()
    world.said()
    git_dir = repository.root / ".git"
    git_dir.rename(tmp_path / "away")
    world.rounds(2)
    (told,) = world.said()
    assert told.startswith(f"{repository.root} isn't a git repository now")
    (tmp_path / "away").rename(git_dir)
    second = repository.commit("second")
    world.watch._fetch_again = 0.0
    world.rounds()
    assert world.ran()[-1] == second
    assert "main can be read again" in world.said()[0]


def test_a_wait_ends_when_it_is_woken(world):
    began = time.monotonic()
    world.ending.wake()
    world.ending.wait(60)
    assert time.monotonic() - began < 30
