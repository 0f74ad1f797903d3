"""The board as people see it: in 80 columns, in a pipe, on a screen that changes its size."""

import fcntl
import json
import os
import signal
import struct
import subprocess
import termios

import pytest

from cdconf.pipeline.board.rows import Board, Cell, KnownArtifact, Row, StandingStop
from cdconf.promotion.candidate import CandidateLink
from cdconf.render.board import lines
from tests.conftest import begun, cdconf
from tests.terminal import Terminal

NOW = 100_000.0
APPROVAL = CandidateLink(
    "approvals", "missing", "1 of ops has to approve, and none has", "cdconf approve app@3 --to production"
)


def text(board, width=None):
    return ["".join(part.text for part in line).rstrip() for line in lines(board, width)]


def row(number, *cells, stops=()):
    known = KnownArtifact(f"app@{number}", "app", str(number), "a" * 64, f"{number:040x}", NOW)
    return Row(known, {one.stage: one for one in cells}, stops)


STOPPED = StandingStop(
    "stop-1", "app@1", "ann@laptop", "it loses orders", NOW, "cdconf pipeline resume app@1 --note WHY"
)


def cell(stage, state, ago=None, why="", **about):
    return Cell(stage, state, None if ago is None else NOW - ago, why, **about)


def behind(newer):
    return [cell(stage, "superseded", superseded_by=newer) for stage in ("accept", "manual", "release")]


PENDING = (cell("manual", "pending"), cell("release", "pending"))
RUNNING = cell("accept", "running", 12, step="batch 2 of 3: web2", by="ci@one")
FAILED = cell("accept", "failed", 98000, "test_front failed", log="pipelog-1")
WAITING = cell("release", "waiting", 3600, links=(APPROVAL,))
ROWS = (
    row(4, cell("commit", "passed", 40), RUNNING, *PENDING),
    row(3, cell("commit", "passed", 7200), cell("accept", "passed", 7000), cell("manual", "passed", 6900), WAITING),
    row(2, cell("commit", "passed", 90000), *behind("app@3")),
    row(1, cell("commit", "passed", 99000), FAILED, *PENDING, stops=(STOPPED,)),
)
BOARD = Board(NOW, ("commit", "accept", "manual", "release"), ROWS, 24)


def test_the_board_says_what_each_waits_for_and_for_how_long():
    shown = text(BOARD)
    assert shown[0].split() == ["artifact", "commit", "accept", "manual", "release"]
    assert shown[1].split() == ["app@4", "passed", "40", "s", "running", "12", "s", "-", "-"]
    assert shown[4].startswith("app@1")
    whole = "\n".join(shown)
    for words in (
        "  accept  runs for 12 s, by ci@one: batch 2 of 3: web2",
        "  release  waits for 1 h: approvals: 1 of ops has to approve, and none has",
        "           cdconf approve app@3 --to production",
        "  accept, manual, release  app@3 goes in its place",
        "  accept  failed: test_front failed (log: pipelog-1)",
        "  app@1 is stopped by ann@laptop",
        "    cdconf pipeline resume app@1 --note WHY",
        "20 older artifacts: --all shows them",
    ):
        assert words in whole


@pytest.mark.parametrize("width", [80, 60, 40])
def test_it_keeps_to_the_width_as_long_as_that_says_anything(width):
    shown = text(BOARD, width)
    commands = ("cdconf ",)
    assert [one for one in shown if len(one) > width and not one.strip().startswith(commands)] == []
    assert len(shown[0].split()) == 5


def test_many_stages_are_shortened():
    names = tuple(f"stage-number-{number}" for number in range(9))
    cells = tuple(Cell(name, "passed", NOW - 5) for name in names)
    shown = text(Board(NOW, names, (row(1, *cells),), 1), 80)
    assert max(map(len, shown)) <= 80
    assert shown[1].split() == ["app@1", *["ok"] * 9]


def test_what_stops_an_app_is_said_once_and_first():
    whole = StandingStop(
        "stop-2", "all of app", "bob@laptop", "the database moves", NOW, "cdconf pipeline resume --note WHY"
    )
    stopped = [row(number, Cell("commit", "stopped", NOW), stops=(whole,)) for number in (2, 1)]
    shown = text(Board(NOW, ("commit",), tuple(stopped), 2))
    assert shown[:3] == [
        "all of app is stopped by bob@laptop: the database moves",
        "  cdconf pipeline resume --note WHY",
        "",
    ]
    assert "\n".join(shown).count("the database moves") == 1


def test_a_stop_by_hand_says_why():
    shown = text(Board(NOW, ("commit",), (row(1, Cell("commit", "stopped", NOW), stops=(STOPPED,)),), 1))
    assert "  app@1 is stopped by ann@laptop: it loses orders" in shown


def test_nothing_yet_is_said():
    assert text(Board(NOW, ("commit",), (), 0)) == ["nothing has gone through the pipeline yet"]


def test_what_others_wrote_cannot_steer_the_terminal():
    evil = row(1, Cell("commit", "failed", NOW, "\x1b[2J\rgone\nnext"))
    assert "\x1b" not in "\n".join(text(Board(NOW, ("commit",), (evil,), 1)))


def test_in_a_pipe_it_is_plain_and_as_data_it_is_one_document(line, tmp_path):
    made = line.build("3", tmp_path)
    line.pass_stage(made, "acceptance")
    done = cdconf(line.root, "pipeline", "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split() == ["artifact", "acceptance", "manual", "release"]
    assert "\x1b" not in done.stdout
    done = cdconf(line.root, "pipeline", "status", "--json", "--all")
    found = json.loads(done.stdout)["pipeline"]
    assert (found["stages"], found["total"]) == (["acceptance", "manual", "release"], 3)
    (about, *_) = found["artifacts"]
    assert (about["artifact"], about["stages"]["acceptance"]["state"]) == ("app@3", "passed")
    assert about["stages"]["manual"]["links"] == [
        {
            "name": "no stop",
            "state": "there",
            "why": "app@3 isn't stopped",
            "command": None,
            "statement": None,
            "details": None,
        }
    ]
    assert cdconf(line.root, "pipeline", "status", "--watch", "--json").returncode == 1


def resize(terminal, columns, rows=40):
    fcntl.ioctl(terminal._mine, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    terminal._columns = columns


def test_a_screen_is_drawn_anew_when_something_happens_and_when_its_size_changes(line, tmp_path):
    terminal = Terminal(line.root, "pipeline", "status", "--watch", columns=80)
    try:
        terminal.until("app@2")
        made = line.build("3", tmp_path)
        terminal.until("app@3")
        resize(terminal, 50)
        line.pass_stage(made, "acceptance")
        terminal.until("passed")
        resize(terminal, 120)
        line.pass_stage(made, "manual")
        while terminal.text().count("passed") < 2:
            terminal._bytes += os.read(terminal._mine, 65536)
        assert max(map(len, terminal.lines())) <= 120
    finally:
        terminal.type("\x03")
    assert terminal.end() == 130


def test_a_pipe_gets_it_again_when_something_changes_and_ends_with_its_reader(line, tmp_path):
    watch = watching(line)
    try:
        until(watch.stdout, "app@1")
        line.build("3", tmp_path)
        until(watch.stdout, "app@3")
        watch.stdout.close()
        made = line.build("4", tmp_path)
        line.pass_stage(made, "acceptance")
        assert watch.wait(timeout=60) == 0
    finally:
        watch.kill()
        watch.wait()


def watching(line):
    return begun(line.root, "pipeline", "status", "--watch", stdout=subprocess.PIPE)


def until(stream, words):
    for text in stream:
        if words in text:
            return
    raise AssertionError(words)


def test_sigterm_ends_it(line):
    watch = watching(line)
    until(watch.stdout, "app@1")
    watch.send_signal(signal.SIGTERM)
    watch.stdout.read()
    watch.stdout.close()
    assert watch.wait(timeout=60) == 143


def test_long_names_leave_room_for_the_stages_and_keep_their_versions():
    label = f"{'a' * 60}@1.4"
    known = KnownArtifact(label, "a" * 60, "1.4", "a" * 64, f"{1:040x}", NOW)
    stages = (f"accept-{'b' * 53}", "manual", "release")
    cells = {one: cell(one, "passed", 40) for one in stages}
    head, line = text(Board(NOW, stages, (Row(known, cells),), 1), 40)[:2]
    assert (max(map(len, (head, line))) <= 40, line.split()[0][-4:], line.split()[1:]) == (True, "@1.4", ["ok"] * 3)
    assert head.split() == ["artifact", "acce…", "manu…", "rele…"]
