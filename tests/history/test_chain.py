"""A journal whose lines are linked: what's appended beside each other, and where reading goes on."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.history import journal_file
from cdconf.history.chain import Head, lines_of


def one(number):
    return {"id": f"id-{number}", "command": "deploy"}


def fill(folder, count):
    for number in range(count):
        journal_file.append(folder, one(number))


def journal_of(folder):
    return folder / journal_file.FILE


def test_each_line_says_its_number_and_the_link_before_it(tmp_path):
    fill(tmp_path, 3)
    lines, place = journal_file.read(tmp_path)
    assert [line.number for line in lines] == [1, 2, 3]
    assert [line.claimed for line in lines] == [
        Head(1, ""),
        Head(2, lines[0].link),
        Head(3, lines[1].link),
    ]
    assert place.head == Head(3, lines[2].link) == journal_file.head(tmp_path)


def test_many_that_append_at_once_make_one_chain(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: journal_file.append(tmp_path, one(number)), range(40)))
    lines, _ = journal_file.read(tmp_path)
    assert [line.number for line in lines] == list(range(1, 41))
    assert all(line.claimed == Head(line.counted.number + 1, line.counted.link) for line in lines)


def test_a_journal_of_an_older_version_is_linked_whole_by_the_next_line(tmp_path):
    old = "".join(json.dumps(one(f"old-{number}")) + "\n" for number in range(3))
    journal_of(tmp_path).write_text(old)
    fill(tmp_path, 1)
    lines, _ = journal_file.read(tmp_path)
    assert lines[-1].claimed == Head(4, lines[2].link)
    journal_of(tmp_path).write_text(journal_of(tmp_path).read_text().replace("old-0", "new-0"))
    changed, _ = journal_file.read(tmp_path)
    assert changed[-1].claimed.link != changed[-1].counted.link


def test_a_line_that_a_killed_writer_left_unfinished_takes_no_later_one_with_it(tmp_path):
    fill(tmp_path, 1)
    with journal_of(tmp_path).open("ab") as stream:
        stream.write(b'{"id": "half')
    fill(tmp_path, 1)
    lines, _ = journal_file.read(tmp_path)
    assert [line.id for line in lines] == ["id-0", None, "id-0"]
    assert lines[-1].claimed == Head(3, lines[1].link)


def test_a_line_longer_than_what_is_read_at_once_is_found_whole(tmp_path):
    journal_file.append(tmp_path, one(1) | {"detail": "x" * 300_000})
    journal_file.append(tmp_path, one(2))
    lines, place = journal_file.read(tmp_path)
    assert [line.claimed.number for line in lines] == [1, 2]
    journal_file.append(tmp_path, one(3) | {"detail": "x" * 300_000})
    more, place = journal_file.read(tmp_path, place)
    assert [line.number for line in more] == [3]
    assert journal_file.read(tmp_path, place)[0] == []


@pytest.mark.parametrize("change", ["cut", "rewrite", "remove"])
def test_a_journal_that_is_not_the_one_that_was_read_is_read_whole(tmp_path, change):
    fill(tmp_path, 5)
    _, place = journal_file.read(tmp_path)
    lines = journal_of(tmp_path).read_bytes().splitlines(keepends=True)
    if change == "cut":
        del lines[2]
    elif change == "rewrite":
        lines[4] = lines[4].replace(b"id-4", b"id-X")
    else:
        lines = []
    journal_of(tmp_path).write_bytes(b"".join(lines))
    journal_file.append(tmp_path, one("new"))
    found, _ = journal_file.read(tmp_path, place)
    assert len(found) == len(lines) + 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id": 5, "command": "x"}',
        b'{"id": "a"}',
        b"\xff\xfe",
        b'{"id": "a", "command": "x", "chain": {"number": true, "before": ""}}',
        b'{"id": "a", "command": "x", "chain": {"number": 1e99, "before": ""}}',
        b'{"id": "a", "command": "x", "chain": {"number": 3, "before": "short"}}',
        b"[" * 100_000,
    ],
)
def test_whatever_stands_there_is_a_line_and_no_crash(line):
    (found,) = lines_of(line + b"\n", Head())
    assert found.claimed is None
    assert found.number == 1
