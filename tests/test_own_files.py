"""What's read of cdconf's own files is a file of a bounded size, and JSON of a bounded depth, whatever lies there."""

import errno
import json
import os
from pathlib import Path

import pytest

from cdconf import own_files
from cdconf.own_files import obstacle, opened_lock, opened_to_look, parsed, read_bytes, read_json, reason


@pytest.mark.parametrize("reader", [read_bytes, opened_lock, opened_to_look])
def test_a_pipe_is_never_waited_for(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe or a device"):
        reader(tmp_path / "pipe")


@pytest.mark.parametrize("reader", [read_bytes, opened_lock, opened_to_look])
def test_a_directory_is_no_file(tmp_path, reader):
    with pytest.raises(IsADirectoryError):
        reader(tmp_path)


def test_what_has_no_end_isnt_read_to_it(tmp_path):
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="pipe or a device"):
        read_bytes(tmp_path / "link")


def test_a_file_that_is_too_large_isnt_read_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(OSError, match="more than 10 bytes") as caught:
        read_bytes(path, 10)
    assert caught.value.errno == errno.EFBIG


def test_a_lock_touches_nothing_that_a_link_leads_to(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "lock").symlink_to("precious")
    with pytest.raises(OSError):
        opened_lock(tmp_path / "lock")
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_lock_is_made_where_there_is_none(tmp_path):
    os.close(opened_lock(tmp_path / "lock"))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 900 + "]" * 900,
        '{"a":' * 80 + "1" + "}" * 80,
        "9" * 41,
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        '"\\ud800"',
        '{"\\uDC00": 1}',
        "",
        "[",
        b"\xff",
        b"\0\0",
        b'\xff\xfe"\0a\0"\0',
    ],
)
def test_what_cdconf_never_writes_isnt_json(text):
    with pytest.raises(ValueError) as caught:
        parsed(text)
    assert reason(caught.value).isprintable()


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "ä\N{GRINNING FACE}"]}, [[[[]]]], "x", 10**39, "\n\x1b"])
def test_what_cdconf_writes_is_read_again(tmp_path, value):
    (tmp_path / "file").write_text(json.dumps(value))
    assert read_json(tmp_path / "file") == value


def test_an_obstacle_is_named_where_its_cdconfs_own(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for place in ("/x/.cdconf/plans", tmp_path / ".config/cdconf/keys/shop", str(tmp_path / ".ssh/config")):
        told = obstacle(OSError(errno.ENOTDIR, "Not a directory", str(place)))
        assert told is not None
        assert str(place) in told.message
        assert "Not a directory" in told.message
        assert told.hint


@pytest.mark.parametrize(
    "error",
    [
        OSError(5, "x", "/usr/lib/x"),
        OSError(errno.ENOSPC, "full", "/x/.cdconf/y"),
        OSError("x"),
        OSError(5, "x", 7),
        ValueError("x"),
    ],
)
def test_other_errors_are_no_obstacles(error):
    assert obstacle(error) is None


def test_reasons_are_one_line(tmp_path):
    assert reason(ValueError("a\nb\x1b[31m")) == "a?b?[31m"
    assert own_files.reason(UnicodeDecodeError("utf-8", b"", 0, 1, "x")) == "it isn't text"


def test_odd_values_are_taken_where_the_reader_minds_them():
    assert parsed('["\\ud800", 1e999]', odd=True) == ["\ud800", float("inf")]
    for text in ("[" * 900 + "]" * 900, "9" * 41, "[" * 100_000):
        with pytest.raises(ValueError):
            parsed(text, odd=True)
