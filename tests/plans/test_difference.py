import difflib

from hypothesis import given
from hypothesis import strategies as st

from cdconf.plans.difference import pieces, text

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n"]), max_size=12)


@given(LINES, LINES)
def test_a_diff_is_what_difflib_says_apply_gives_the_new_text(old, new):
    before, after = "".join(old), "".join(new)
    if before == after or "\n" not in before + after:
        return
    made = text("x", pieces({"content": before}, {"content": after}, ()), new=False).splitlines(True)
    assert applied(old, made[2:]) == new
    expected = list(difflib.unified_diff(old, new, "x (from)", "x (to)", n=2))
    assert [line for line in made if line[0] in "+-"][:2] == expected[:2]


def applied(old, hunks):
    """What `patch` makes of it, with each place and context checked."""
    result, place = [], 0
    for line in hunks:
        if line.startswith("@@"):
            begin, _, count = line.split()[1][1:].partition(",")
            begin = int(begin) - (count != "0")
            result += old[place:begin]
            place = begin
        elif line[0] == "+":
            result.append(line[1:])
        else:
            assert old[place] == line[1:]
            place += 1
            result += [line[1:]] if line[0] == " " else []
    return result + old[place:]


def test_hidden_values_are_not_even_in_the_pieces():
    (one,) = pieces({"content": "old secret\n"}, {"content": "new secret\n"}, {"content"})
    assert "secret" not in repr(one)


def test_a_missing_newline_at_the_end_is_said():
    made = text("x", pieces({"content": "a\nb"}, {"content": "a\nb\n"}, ()), new=False)
    assert "-b\n\\ no newline at the end\n+b\n" in made
