"""An event is written once for each target that wants it, and what's damaged is named."""

import os
import sqlite3
import subprocess
import sys

import pytest

from cdconf.notify.kinds import Notification, identity, plain
from cdconf.notify.outbox import KEPT, MOST_WAITING, Outbox, outbox_if_any
from cdconf.notify.settings import NotifyError, Receiver
from tests.notify.boxes import Box


def test_the_same_event_is_written_once(tmp_path):
    box = Box(tmp_path, "ops", "dev")
    box.add("one")
    box.add("one")
    assert [(one.target, one.title) for one in box.outbox.messages("waiting")] == [("ops", "one"), ("dev", "one")]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, True),
        ({"events": ("released",)}, True),
        ({"events": ("drift_found",)}, False),
        ({"projects": ("other",)}, False),
        ({"environments": ("production",)}, True),
        ({"environments": ("staging",)}, False),
        ({"apps": ("shop",)}, True),
        ({"apps": ("blog",)}, False),
    ],
)
def test_a_target_gets_what_it_wants(filters, wanted):
    one = Notification("x", "released", "t", environment="production", app="shop")
    assert Receiver("ops", "json://x", **filters).wants(one, "demo") is wanted


def test_filters_by_environment_and_app_leave_what_is_about_none():
    one = Notification("x", "stage_failed", "t")
    assert Receiver("ops", "json://x", environments=("production",), apps=("shop",)).wants(one, "demo")


def test_a_change_that_fails_changes_nothing(tmp_path):
    box = Box(tmp_path)

    def broken():
        yield Notification("x", "released", "t")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), box.outbox.change():
        box.outbox.add(broken(), box.targets, "demo")
    assert box.outbox.is_empty()


def test_too_many_are_given_up_at_once_and_told_so(tmp_path):
    box = Box(tmp_path)
    box.add(*(str(number) for number in range(MOST_WAITING + 2)))
    assert len(box.outbox.messages("waiting")) == MOST_WAITING
    assert [one.why for one in box.outbox.messages("given_up")] == [f"{MOST_WAITING} others waited already"] * 2


def test_what_was_sent_is_forgotten_after_a_month(tmp_path):
    box = Box(tmp_path)
    box.add("one")
    box.drain()
    box.time.now += KEPT + 1
    box.drain()
    assert box.outbox.messages("sent") == []


def test_only_the_user_can_read_it(tmp_path):
    old = os.umask(0)
    try:
        box = Box(tmp_path)
    finally:
        os.umask(old)
    assert [box.outbox.folder.stat().st_mode & 0o777, box.outbox.path.stat().st_mode & 0o777] == [0o700, 0o600]


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_outbox_is_named(tmp_path, content):
    (tmp_path / "notify").mkdir()
    (tmp_path / "notify/outbox.db").write_bytes(content)
    if not content:
        assert Outbox(tmp_path).is_empty()
        return
    with pytest.raises(NotifyError, match=r"outbox\.db"):
        Outbox(tmp_path)


def test_what_is_no_file_is_named(tmp_path):
    (tmp_path / "notify").mkdir()
    os.mkfifo(tmp_path / "notify/outbox.db")
    with pytest.raises(NotifyError, match="isn't a file"):
        Outbox(tmp_path)
    assert outbox_if_any(tmp_path) is None


def test_a_newer_outbox_is_left_alone(tmp_path):
    Outbox(tmp_path).close()
    database = sqlite3.connect(tmp_path / "notify/outbox.db")
    database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(NotifyError, match="newer cdconf"):
        Outbox(tmp_path)


MANY = """
import sys
from pathlib import Path
from cdconf.notify.conditions import Topic, opened
from cdconf.notify.kinds import Notification
from cdconf.notify.outbox import Outbox
from cdconf.notify.settings import Receiver
outbox = Outbox(Path(sys.argv[1]))
topic = Topic("drift_found", "drift_gone", ("dev",))
for number in range(40):
    with outbox.change():
        event = opened(outbox, topic, (str(number),), sys.argv[2])
        outbox.add([Notification(event, "drift_found", str(number))], {"ops": Receiver("ops", "json://x")}, "demo")
"""


def test_two_processes_at_once_write_each_event_once(tmp_path):
    several = [subprocess.Popen([sys.executable, "-c", MANY, str(tmp_path), name]) for name in "ab"]
    assert [one.wait() for one in several] == [0, 0]
    titles = [one.title for one in Outbox(tmp_path).messages("waiting")]
    assert sorted(titles, key=int) == [str(number) for number in range(40)]


def test_texts_hold_neither_control_characters_nor_calls_to_everybody():
    assert plain("a\x1b[31mb\nc", 100) == "a?[31mb\nc"
    assert "@everyone" not in plain("hello @everyone", 100)
    assert "<!" not in plain("<!channel>", 100)
    assert plain("x" * 50, 10) == "x" * 9 + "…"


def test_identities_tell_subjects_apart():
    assert identity("released", "a", "b") != identity("released", "ab")
