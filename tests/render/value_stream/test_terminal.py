"""The map in a terminal: what it says, and that it fits."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from cdconf.render.value_stream.terminal import lines
from tests.pipeline.value_stream.forty import NOW, forty
from tests.pipeline.value_stream.made_up import at
from tests.pipeline.value_stream.shown import made, shown_of


def texts(shown, width=80, **about):
    return ["".join(part.text for part in line).rstrip() for line in lines(shown, width, **about)]


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return forty(tmp_path_factory.mktemp("forty") / "repository")[0].known(NOW, "x2")


def test_forty_releases(known):
    found = texts(shown_of(known, "shop", at(0, "0:00")))
    assert found[2:6] == [
        "From commit to production: p50 2 h 31 min, p85 18 h 20 min (n=36)",
        "Nothing happened to them in 86 % of the time.",
        "They were stopped for 3 d of it, added up.",
        "Bottleneck: waiting for people in 'acceptance', 29 % of all time",
    ]
    row = next(one for one in found if one.startswith("acceptance"))
    assert row == "acceptance                44m/54m        5m/5m        0s/0s  ████░▒▒▒▒▒▒▒▒▒ 40 %"
    assert "  change fail rate: 20 % (6 of 30)" in found
    assert "  deployment rework rate: 10 % (3 of 30)" in found


def test_each_line_fits(known):
    for since in (at(0, "0:00"), at(31, "0:00"), at(34, "0:00")):
        for ways in (True, False):
            found = shown_of(known, "shop", since)
            assert max(cell_len(one) for one in texts(found, ways=ways)) <= 80
            assert max(cell_len(one) for one in texts(found, 60, ways=ways)) <= 60
    assert all(one.isascii() for one in texts(found, is_plain=True))


def test_too_few_have_no_statistics_and_are_told_one_by_one(known):
    found = texts(shown_of(known, "shop", at(31, "0:00")))
    assert "From commit to production: no statistics of fewer than 5 (n=4)" in found
    assert "  change fail rate: 2 of 3" in found
    assert not [one for one in found if "p50" in one]
    assert [one.split(": ")[-1] for one in found if ": " in one and " min: " in one][:4] == ["c30", "w2", "w1", "v"]


def test_none(known):
    assert "Nothing new was deployed to production in this time." in texts(shown_of(known, "shop", at(34, "0:00")))


def test_long_names_and_names_that_would_rule_the_terminal(known):
    name = "\x1b[31m" + "n" * 30 + "名" * 30
    found = shown_of(known, "shop", at(0, "0:00"))
    whole = found.stream.whole
    steps = tuple(replace(one, stage=name) for one in whole.steps)
    renamed = replace(found, stream=replace(found.stream, app=name, whole=replace(whole, steps=steps)))
    told = texts(renamed)
    assert max(cell_len(one) for one in told) <= 80
    assert "\x1b" not in "".join(told)


def test_a_subject_cannot_rule_the_terminal(tmp_path):
    found = texts(made(tmp_path / "r", 2, subject="a\x1b]0;b\x07 <b>"), ways=True)
    assert "\x1b" not in "".join(found)
    assert any("a\\x1b]0;b\\x07 <b>0" in one for one in found)
