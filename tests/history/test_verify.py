"""Entries that were cut out, that were rewritten, checkouts that were lost, and what no signed head covers yet."""

import json

import pytest

from cdconf.history import journal_file
from cdconf.history.chain import FIELD, Head, chained, lines_of
from cdconf.history.verify import Claim, SeenLine, lost, verify


@pytest.fixture
def journal(tmp_path):
    """Ten entries, as the file has them."""
    for number in range(1, 11):
        record = {"id": f"id-{number:02d}", "command": "deploy", "started_at": 1000.0 + number}
        journal_file.append(tmp_path, record)
    return (tmp_path / journal_file.FILE).read_bytes().splitlines()


def read(lines):
    return lines_of(b"".join(line + b"\n" for line in lines), Head())


def seen_of(lines):
    return [SeenLine(one.number, one.link, one.id, one.digest) for one in read(lines)]


def claim(lines, number, checkout="here", statement="statement-a"):
    one = read(lines)[number - 1]
    return Claim(statement, checkout, Head(one.number, one.link), 5000.0)


def relinked(lines):
    """As somebody would write the journal who knows how it's linked."""
    made, head = [], Head()
    for line in lines:
        record = {name: value for name, value in json.loads(line).items() if name != FIELD}
        made.append(chained(record, head))
        head = Head(head.number + 1, read(made)[-1].link)
    return made


def found(lines, seen=(), claims=()):
    return [(one.kind, one.first, one.last, one.id) for one in verify("here", read(lines), seen, claims).findings]


def changed(lines, number):
    return [line.replace(b"deploy", b"rollback") if place == number else line for place, line in enumerate(lines, 1)]


def without(lines, *numbers):
    return [line for place, line in enumerate(lines, 1) if place not in numbers]


def test_a_whole_journal_has_nothing_to_say_but_what_no_head_covers(journal):
    whole = verify("here", read(journal), seen_of(journal), [claim(journal, 4), claim(journal, 7, statement="b")])
    assert whole.findings == ()
    assert (whole.entries, whole.covered, whole.by, whole.uncovered) == (10, 7, "b", 3)
    assert whole.uncovered_since == 1008.0
    assert verify("here", read(journal), [], []).uncovered == 10
    assert verify("here", [], [], []).findings == ()


def test_an_entry_that_was_cut_out_is_named_by_number_and_with_an_index_by_its_run(journal):
    assert found(without(journal, 4)) == [("cut_out", 4, 4, None)]
    assert found(without(journal, 4, 5, 8)) == [("cut_out", 4, 5, None), ("cut_out", 8, 8, None)]
    assert found(without(journal, 1)) == [("cut_out", 1, 1, None)]
    assert found(without(journal, 4), seen_of(journal)) == [("cut_out", 4, 4, "id-04")]


def test_an_entry_that_was_rewritten_is_named_by_number_and_with_an_index_by_its_run(journal):
    assert found(changed(journal, 4)) == [("rewritten", 4, 4, None)]
    assert found(changed(journal, 4), seen_of(journal)) == [("rewritten", 4, 4, "id-04")]


def test_what_lies_at_the_end_is_known_by_an_index_or_by_a_head_alone(journal):
    assert found(without(journal, 9, 10)) == []
    assert found(without(journal, 10), claims=[claim(journal, 10)]) == [("cut_out", 10, 10, None)]
    assert found(without(journal, 10), seen_of(journal)) == [("cut_out", 10, 10, "id-10")]
    assert found(changed(journal, 10)) == []
    assert found(changed(journal, 10), claims=[claim(journal, 10)]) == [("rewritten", 1, 10, None)]
    assert found(changed(journal, 10), seen_of(journal)) == [("rewritten", 10, 10, "id-10")]


def test_who_rewrites_every_link_is_found_out_by_a_signed_head_and_by_the_index(journal):
    again = relinked(changed(journal, 4))
    assert found(again) == []
    assert found(again, claims=[claim(journal, 7)]) == [("rewritten", 1, 7, None)]
    assert found(again, claims=[claim(journal, 3)]) == []
    assert found(again, seen_of(journal), [claim(journal, 7)]) == [("rewritten", 4, 4, "id-04")]
    short = relinked(without(journal, 4))
    assert found(short, seen_of(journal), [claim(journal, 7)]) == [("cut_out", 4, 4, "id-04")]
    assert verify("here", read(short), seen_of(journal), [claim(journal, 7)]).covered == 0


def test_one_entry_that_is_wrong_leaves_heads_of_later_ones_in_force(journal):
    told = verify("here", read(changed(journal, 4)), [], [claim(journal, 7)])
    assert told.covered == 7
    assert [one.first for one in told.findings] == [4]


def test_a_journal_that_begins_anew_has_lost_what_the_index_and_heads_know(journal):
    new = relinked([line.replace(b"id-", b"new-") for line in journal[:2]])
    assert found(new, claims=[claim(journal, 7)]) == [("cut_out", 3, 7, None)]
    assert {one[0] for one in found(new, seen_of(journal))} == {"cut_out"}
    assert found([], claims=[claim(journal, 7)]) == [("cut_out", 1, 7, None)]


def test_a_line_of_an_older_version_between_two_is_part_of_the_chain_and_one_beside_it_is_named(journal, tmp_path):
    plain = b'{"id": "old", "command": "deploy"}'
    (tmp_path / journal_file.FILE).write_bytes(b"\n".join([*journal[:5], plain]) + b"\n")
    journal_file.append(tmp_path, {"id": "after", "command": "deploy"})
    between = (tmp_path / journal_file.FILE).read_bytes().splitlines()
    assert found(between) == []
    assert found(without(between, 6)) == [("cut_out", 6, 6, None)]
    beside = [*journal[:5], plain, *journal[5:]]
    assert found(beside) == [("added", 6, 6, None)]


def test_a_line_that_can_not_be_read_is_named(journal):
    damaged = [*journal[:3], b"\xff", *journal[4:]]
    assert ("damaged", 4, 4, None) in found(damaged)
    assert ("rewritten", 4, 4, None) in found(damaged)


def test_checkouts_whose_journal_is_nowhere_are_lost(journal):
    claims = [claim(journal, 7, "gone"), claim(journal, 9, "gone", "b"), claim(journal, 3)]
    (one,) = lost("here", claims, {})
    assert (one.kind, one.checkout, one.first, one.last, one.statement) == ("lost", "gone", 1, 9, "b")
    seen = seen_of(journal)
    assert lost("here", claims, {"gone": seen}) == []
    (one,) = lost("here", claims, {"gone": seen[:5]})
    assert (one.kind, one.first, one.last) == ("lost", 6, 9)
    other = seen_of(relinked(changed(journal, 4)))
    (one,) = lost("here", claims, {"gone": other})
    assert (one.kind, one.first, one.last) == ("rewritten", 1, 9)


def test_numbers_that_nobody_can_count_to_are_no_crash():
    line = json.dumps({"id": "a", "command": "x", FIELD: {"number": 10**11, "before": "0" * 64}}).encode()
    assert found([line]) == [("cut_out", 1, 10**11 - 1, None)]
