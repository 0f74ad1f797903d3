"""What is asked of journalctl, and how its answer is read."""

import json
import os
import shlex
import time

import pytest

from cdconf.cli import journald
from cdconf.errors import HostFailed, UsageError

ENTRY = {
    "__REALTIME_TIMESTAMP": "1770000000123456",
    "__CURSOR": "s=1;i=2",
    "_SYSTEMD_UNIT": "shop.service",
    "SYSLOG_IDENTIFIER": "shop",
    "_PID": "421",
    "PRIORITY": "6",
    "MESSAGE": "started",
}


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    os.environ.pop("TZ", None)
    time.tzset()


def entry(**more):
    return journald.parse("web1", json.dumps({**ENTRY, **more}))


def test_an_entry_is_read():
    one = entry()
    assert one.text() == "2026-02-02 02:40:00.123 shop[421]: started"
    assert (one.host, one.unit, one.pid, one.priority, one.cursor) == ("web1", "shop.service", 421, 6, "s=1;i=2")
    assert one.document()["time"] == "2026-02-02T02:40:00.123456+00:00"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("one\ntwo\n", "one\n    two"),
        ([104, 105, 255], "hi\N{REPLACEMENT CHARACTER}"),
        (["one", "two"], "one\n    two"),
        (None, ""),
        ("\x1b[31mred\r", "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_messages_of_all_shapes(message, shown):
    assert entry(MESSAGE=message).text().partition("]: ")[2] == shown


def test_what_systemd_says_about_a_unit_belongs_to_the_unit():
    assert entry(_SYSTEMD_UNIT="init.scope", UNIT="shop.service").unit == "shop.service"


@pytest.mark.parametrize("line", ["", "-- Boot --", "{}", '{"__REALTIME_TIMESTAMP": "x"}', "[1]", '"MESSAGE": "cut"}'])
def test_what_is_no_entry_is_left_out(line):
    assert journald.parse("web1", line) is None


def test_a_failing_journalctl_is_an_error_of_its_host():
    with pytest.raises(HostFailed, match="web1: journalctl: Failed to parse"):
        journald.read("web1", {"status": 1, "stdout": b"", "stderr": b"Failed to parse timestamp\n"})


@pytest.mark.parametrize(
    ("since", "option"), [("10m", "-10m"), ("2h ago", "-2h"), ("today", "today"), (" 2026-01-01 ", "2026-01-01")]
)
def test_since(since, option):
    assert f"--since={option}" in shlex.split(journald.command(["x"], since=since))


@pytest.mark.parametrize("since", ["", " ", "a\nb"])
def test_a_since_that_is_no_time(since):
    with pytest.raises(UsageError):
        journald.command(["x"], since=since)


def test_names_are_quoted():
    words = shlex.split(journald.command(["a b", "$(reboot)"], count=5))
    assert words[0] == "exec"
    assert {"--unit=a b", "--unit=$(reboot)", "--lines=5"} < set(words)


def test_following_begins_where_the_past_ended():
    assert {"--no-tail", "--after-cursor=c", "--follow"} < set(
        shlex.split(journald.command(["x"], after="c", follow=True))
    )
    assert "--lines=0" in shlex.split(journald.command(["x"], follow=True))


@pytest.mark.parametrize(
    "line",
    [
        '{"__REALTIME_TIMESTAMP": "99999999999999999999999"}',
        '{"__REALTIME_TIMESTAMP": "-1"}',
        '{"__REALTIME_TIMESTAMP": 1e999}',
        '{"__REALTIME_TIMESTAMP": "1", "MESSAGE": [300]}',
        '{"__REALTIME_TIMESTAMP": "1", "_PID": "\u00b2"}',
        "[" * 100_000,
        "[]",
        "5",
    ],
)
def test_a_line_that_no_journal_has_is_no_entry(line):
    assert journald.parse("web1", line) is None


def test_an_entry_neither_turns_text_around_nor_begins_a_line():
    line = '{"__REALTIME_TIMESTAMP": "1", "SYSLOG_IDENTIFIER": "a\\nb\\u001b", "MESSAGE": "x\\u202ey"}'
    text = journald.parse("web1", line).text()
    assert "a b\\x1b: x\\u202ey" in text
