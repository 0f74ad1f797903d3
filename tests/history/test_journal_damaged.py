"""What lies in the journal's place instead of it is said, waited for by nobody, and written over by nobody."""

import json
import os

import pytest

from cdconf.history import journal_file

RECORD = {"id": "1-a", "command": "deploy"}


def pipe(path):
    os.mkfifo(path)


def directory(path):
    path.mkdir()


def broken_link(path):
    path.symlink_to("/nonexistent/x")


@pytest.mark.parametrize("make", [pipe, directory])
def test_what_is_no_file_is_an_error_of_that_place(tmp_path, make):
    path = tmp_path / journal_file.FILE
    make(path)
    for attempt in (
        lambda: journal_file.append(tmp_path, RECORD),
        lambda: journal_file.read(tmp_path),
        lambda: journal_file.head(tmp_path),
    ):
        with pytest.raises(OSError) as caught:
            attempt()
        assert caught.value.filename == str(path)


def test_a_broken_link_is_written_over_by_nobody(tmp_path):
    path = tmp_path / journal_file.FILE
    broken_link(path)
    with pytest.raises(OSError):
        journal_file.append(tmp_path, RECORD)
    assert path.is_symlink()


def test_a_disk_that_fails_is_an_error_of_that_place(tmp_path):
    path = tmp_path / journal_file.FILE
    path.symlink_to("/proc/self/mem")
    for attempt in (lambda: journal_file.read(tmp_path), lambda: journal_file.append(tmp_path, RECORD)):
        with pytest.raises(OSError) as caught:
            attempt()
        assert caught.value.filename == str(path)


def test_a_line_without_end_is_neither_read_whole_nor_added_to(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_file, "LONGEST", 1 << 20)
    journal_file.append(tmp_path, RECORD)
    path = tmp_path / journal_file.FILE
    os.truncate(path, 1 << 40)
    for attempt in (lambda: journal_file.append(tmp_path, RECORD), lambda: journal_file.read(tmp_path)):
        with pytest.raises(OSError, match="a line without end"):
            attempt()
    assert path.stat().st_size == 1 << 40


def test_many_lines_of_an_older_version_are_no_line_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_file, "LONGEST", 1 << 17)
    old = "".join(json.dumps({**RECORD, "id": f"1-{number}", "detail": "x" * 900}) + "\n" for number in range(400))
    (tmp_path / journal_file.FILE).write_text(old)
    journal_file.append(tmp_path, RECORD)
    lines, place = journal_file.read(tmp_path)
    assert [line.id for line in lines] == [*(f"1-{number}" for number in range(400)), "1-a"]
    assert place.offset == (tmp_path / journal_file.FILE).stat().st_size


def test_deep_lines_are_damaged_ones_and_keep_nobody_from_the_others(tmp_path):
    deep = '{"id": "1-a", "command": "x", "a": ' + "[" * 900 + "]" * 900 + "}\n"
    (tmp_path / journal_file.FILE).write_text(deep)
    journal_file.append(tmp_path, RECORD)
    assert [line.record and line.record["id"] for line in journal_file.read(tmp_path)[0]] == [None, "1-a"]
