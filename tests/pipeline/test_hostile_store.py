"""Whoever can write to the store can leave anything in it: it's overlooked or named, and hides nothing of the rest."""

import json
import os
import socket
import time
from pathlib import Path

import pytest

from cdconf.errors import ArtifactError
from cdconf.events import Notice
from cdconf.pipeline import entries
from cdconf.pipeline.board.reading import BoardReader
from cdconf.pipeline.entries import RunBegan, RunEnded, StageNoted
from cdconf.pipeline.record import PREFIX, RunRecorder, commit_key, project_key, read_runs, stage_key
from cdconf.pipeline.store_lease import BEAT, LEASE, TTL, about_of, holders, listed, take
from cdconf.render.board import lines
from tests.conftest import git
from tests.pipeline.board.conftest import line  # noqa: F401  a fixture

COMMIT = "c" * 40
KEY = commit_key("demo", COMMIT)
EVIL = "\x1b[2J\r\n\u202e'\"`$(x) --option " + "x" * 100
BEGAN = RunBegan(1.0, COMMIT, EVIL, EVIL, EVIL, EVIL, ())
GARBAGE = {
    "empty": b"",
    "half a character": entries.line(StageNoted(1.0, "manual", "running", "\ud800")).encode(),
    "cut": entries.line(StageNoted(1.0, "manual", "running")).encode()[:-7],
    "binary": bytes(range(256)) * 40,
    "deep": b"[" * 200_000,
    "deep in a line": b'{"v": 1, "kind": ' + b'{"a":' * 100_000,
    "a number": b'{"v":1,"kind":"ended","at":' + b"9" * 5000 + b',"verdict":"passed","code":0}',
    "no number": b'{"v":1,"kind":"ended","at":NaN,"verdict":"passed","code":0}',
    "endless": b'{"v":1,"kind":"ended","at":1,"verdict":"passed","code":1e999}',
    "another version": b'{"v":[[[]]],"kind":"ended"}',
    "kinds": b'{"v":1,"kind":["ended"]}',
    "many lines": b"\n" * 300_000,
    "text": entries.line(StageNoted(1.0, EVIL, "failed", EVIL, EVIL)).encode(),
}


def record(commit=COMMIT, run="a" * 16, number=1, project="demo"):
    return f"{PREFIX}{project_key(project)}-{commit}-{run}-{number:08d}.jsonl"


def shown(board):
    """The board as a terminal of a small size, a pipe, and a program get it; all can be encoded."""
    json.loads(json.dumps([one.as_data() for one in board.rows], allow_nan=False))
    text = ["\n".join("".join(part.text for part in one) for one in lines(board, width)) for width in (40, None)]
    assert not any(one in part for part in text for one in ("\x1b", "\r", "\u202e"))
    return "".join(text).encode()


def board_of(line):  # noqa: F811
    told = []
    reader = BoardReader(line.project, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
    found = [reader.board(count) for count in (None, 20)]
    assert shown(found[0])
    assert shown(found[1])
    return found[0], told


@pytest.fixture
def built(line, tmp_path):  # noqa: F811
    made = line.build("3", tmp_path)
    line.pass_stage(made, "acceptance")
    line.commit = git(line.root, "rev-parse", "HEAD")
    return line


def test_damaged_records_hide_nothing(built):
    project = built.project.name
    for number, data in enumerate(GARBAGE.values()):
        built.place.create(record(built.commit, f"{number:016x}", project=project), data)
    good = RunRecorder(built.place, project, "d" * 40)
    good.note(RunBegan(good.now(), "d" * 40, None, "x", "x", "x", ()))
    found, told = board_of(built)
    states = {one.known.label: one.cells["acceptance"].state for one in found.rows}
    assert states["app@3"] == "passed"
    assert "d" * 10 in states
    assert len(told) <= 2 * len(GARBAGE)
    assert all(len(one) < 1000 for one in told)


def test_what_a_record_says_cannot_be_more_than_text(built):
    evil = RunRecorder(built.place, built.project.name, built.commit)
    evil.note(BEGAN)
    evil.note(StageNoted(evil.now(), "manual", "failed", EVIL, EVIL))
    evil.end(RunEnded(evil.now(), "failed", 1, EVIL))
    found, _ = board_of(built)
    assert next(one for one in found.rows if one.known.label == "app@3").cells["manual"].state == "failed"


def stand(path, form):
    """Puts something that's no file in a file's place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "pipe":
        os.mkfifo(path)
    elif form == "directory":
        path.mkdir()
    elif form == "socket":
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path may have 107 bytes
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind("s")
        finally:
            os.chdir(here)
        (path.parent / "s").rename(path)
    else:
        path.symlink_to({"circle": path.name, "nowhere": "/nowhere", "device": "/dev/zero"}[form])


@pytest.mark.parametrize("form", ["pipe", "directory", "socket", "circle", "nowhere", "device"])
def test_what_is_no_file_is_never_waited_for(built, form):
    key = commit_key(built.project.name, built.commit)
    names = (
        record(built.commit, project=built.project.name),
        f"{LEASE}{key}-00000001.json",
        "app@9.json",
        f"statement-{built.artifact.archive}-{'0' * 64}.dsse",
    )
    for name in names:
        stand(built.root / built.place.shown(name), form)
    found, _ = board_of(built)
    assert next(one for one in found.rows if one.known.label == "app@3").cells["acceptance"].state == "passed"
    mine = take(built.place, key, {}, time.time())
    assert mine.beat()
    assert take(built.place, key, {}, time.time()) is None


NONSENSE = (
    *({"built_at": one} for one in (float("nan"), float("inf"), 10**400, -1e300, "yesterday", [])),
    {"size": float("nan")},
    {"duration_s": float("-inf")},
    *({"commit": one} for one in (EVIL, ["x"], 7, {})),
    {"commit_time": "yesterday"},
    {"file_name": "../../../etc/passwd"},
)


def test_metadata_that_says_nonsense_hides_nothing(built):
    document = json.loads((built.root / built.place.shown("app@3.json")).read_text())
    for number, changes in enumerate(NONSENSE):
        data = json.dumps({**document, "version": f"9.{number}", **changes}).encode()
        built.place.create(f"app@9.{number}.json", data)
    built.place.create("app@" + "9" * 200 + ".json", json.dumps({**document, "version": "9" * 200}).encode())
    built.place.create("app@\u202e\n9.json", json.dumps({**document, "version": "\u202e\n9"}).encode())
    found, _ = board_of(built)
    assert {one.known.label for one in found.rows} >= {"app@3"}


@pytest.mark.parametrize("at", [0, -(2**31), 2**33, 2**37])
def test_times_that_no_clock_tells_are_only_shown_oddly(built, at):
    recorder = RunRecorder(built.place, built.project.name, built.commit)
    recorder.note(RunBegan(at, built.commit, "main", "s", "a", "b", ()))
    recorder.note(StageNoted(at, "manual", "running"))
    for path in (built.root / ".cdconf/artifacts").rglob("*"):
        if path.is_file():
            os.utime(path, (at, at))
    found, _ = board_of(built)
    assert next(one for one in found.rows if one.known.label == "app@3").cells["acceptance"].state == "passed"


@pytest.mark.parametrize("what", [*GARBAGE, "list", "null"])
def test_a_damaged_lease_is_somebody_s_until_its_time_is_over(folder, age, what):
    data = {"list": b"[1]", "null": b"null"}.get(what) or GARBAGE.get(what, b"")
    folder.create(f"{LEASE}{KEY}-00000001.json", data)
    assert isinstance(about_of(folder, KEY), dict)
    assert take(folder, KEY, {}, time.time()) is None
    age(TTL + 5)
    mine = take(folder, KEY, {}, time.time())
    assert mine.beat()
    mine.release()
    assert listed(folder, KEY) == []


@pytest.mark.parametrize("name", [LEASE, BEAT])
def test_a_lease_of_tomorrow_is_no_sign_of_life(folder, age, name):
    """The store's clock was set back, or it's a copy: nobody can have beaten tomorrow."""
    dead = take(folder, KEY, {}, time.time())
    dead.beat()
    age(-86400)
    assert not holders(listed(folder, KEY))[KEY].is_alive(time.time())
    heir = take(folder, KEY, {}, time.time())
    assert heir.beat()
    assert not dead.beat()
    assert take(folder, KEY, {}, time.time()) is None


def test_who_lives_beats_on_when_the_clock_was_set_back(folder, age):
    lives = take(folder, KEY, {}, time.time())
    lives.beat()
    age(-86400)
    lives.beat()
    assert holders(listed(folder, KEY))[KEY].is_alive(time.time())
    assert take(folder, KEY, {}, time.time()) is None


def test_who_slept_while_another_one_took_it_anew_has_lost_it_and_leaves_it_alone(folder, age):
    """Given back and taken again, a lease begins with the first epoch: the same name as that of who slept."""
    slept = take(folder, KEY, {"by": "slept"}, time.time())
    slept.beat()
    age(TTL + 5)
    take(folder, KEY, {"by": "heir"}, time.time()).release()
    third = take(folder, KEY, {"by": "third"}, time.time())
    assert not slept.beat()
    assert slept.lost
    slept.release()
    assert third.beat()
    assert about_of(folder, KEY)["by"] == "third"
    third.release()
    assert listed(folder, KEY) == []


def test_what_a_dead_one_of_another_user_left_is_no_hindrance(folder, age, monkeypatch):
    take(folder, KEY, {}, time.time())
    age(TTL + 5)
    heir = take(folder, KEY, {}, time.time())
    really = type(folder).delete

    def refused(self, name):
        if name.endswith("-00000001.json") and name.startswith(LEASE):
            raise ArtifactError("can't remove from the artifact store: Operation not permitted")
        really(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(type(folder), "delete", refused)
        heir.release()
    assert not holders(listed(folder, KEY))[KEY].is_alive(time.time())
    assert take(folder, KEY, {}, time.time()).beat()


def test_the_last_epoch_is_no_end(folder, age):
    folder.create(f"{LEASE}{KEY}-99999999.json", b"{}")
    age(TTL + 5)
    mine = take(folder, KEY, {}, time.time())
    assert mine is not None
    assert mine.beat()
    assert take(folder, KEY, {}, time.time()) is None
    mine.release()
    assert listed(folder, KEY) == []


def test_a_store_that_cannot_be_written_to_is_one_error(folder, monkeypatch):
    mine = take(folder, KEY, {}, time.time())

    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cdconf.artifacts.backends.tempfile.mkstemp", full)
    with pytest.raises(ArtifactError, match="No space left"):
        mine.beat()
    assert not mine.lost
    with pytest.raises(ArtifactError, match="No space left"):
        take(folder, stage_key("demo", "manual"), {}, time.time())
    assert read_runs(folder, "demo", time.time()) == []
