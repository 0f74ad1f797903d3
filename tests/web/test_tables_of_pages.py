"""Tables: sorted, filtered and divided by their addresses."""

import pytest

from cdconf.web.tabling import Column, table
from cdconf.web.words import clock, length, result_of, state

COLUMNS = (Column("name", "name"), Column("size", "size", "number"), Column("note", "note", sorts=False))
ROWS = [{"name": f"n{number}", "size": None if number == 5 else -number, "note": "x"} for number in range(120)]


def names(query):
    return [row["name"] for row in table("", COLUMNS, ROWS, query).rows]


def test_pages():
    found = table("", COLUMNS, ROWS, {"page": "3", "keep": "me"})
    assert (found.total, found.pages, len(found.rows)) == (120, 3, 20)
    assert found.address(page=2) == "?keep=me&page=2"
    assert found.address(page=1) == "?keep=me"
    assert names({"page": "7"}) == names({"page": "3"})
    assert names({"page": "x"}) == names({"page": "-4"}) == names({})


def test_sorting():
    assert names({"sort": "size"})[0] == "n119"
    assert names({"sort": "-size"})[:2] == ["n5", "n0"]
    assert names({"sort": "note"}) == names({"sort": "secret"}) == names({})
    assert table("", COLUMNS, ROWS, {"sort": "size"}).by("size") == "?sort=-size"
    assert table("t", COLUMNS, ROWS, {"t.sort": "-size", "sort": "name"}).by("size") == "?sort=name&t.sort=size"
    assert table("t", COLUMNS, ROWS, {"t.sort": "-size"}).sorted_by("size") == "descending"


def test_filter():
    assert names({"q": "N11 x"}) == ["n11", *(f"n{number}" for number in range(110, 120))]
    assert table("", COLUMNS, ROWS, {"q": "nothing"}).rows == []
    assert len(table("", COLUMNS, ROWS, {"q": "a" * 500}).asked.text) == 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (1.44, "1.4 s"), (59, "59 s"), (60, "1 min"), (3660, "1 h 1 min"), (90000, "1 d 1 h"), (None, "")],
)
def test_lengths(seconds, text):
    assert length(seconds) == text


def test_words():
    assert clock(0) == "1970-01-01 00:00:00 UTC"
    assert clock(1e300) == clock("x") == clock(None) == ""
    assert state("rolled_back") == ("bad", "✗", "rolled back")
    assert state("nobody-knows").kind == "dim"
    assert result_of({"exit_code": None, "source": "killed"}) == "killed"
    assert result_of({"exit_code": 2, "command": "drift", "source": "journal"}) == "drifted"
