"""Windows and freezes: through one clock, in several zones, on the nights on which clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cdconf.clocks import Clock
from cdconf.inventory.opening import freezes_at, is_open, opens
from cdconf.inventory.requirement import Freeze, Window
from cdconf.promotion.requirements import Requirements
from cdconf.promotion.times import time_links

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
WEEK = frozenset(range(7))
OFFICE = Window(frozenset(range(4)), 9 * 60, 16 * 60, BERLIN, "hosts.yml:3")


def at(text, zone=BERLIN, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-12-03 08:59:59", False),
        ("2026-12-03 09:00", True),
        ("2026-12-03 15:59:59", True),
        ("2026-12-03 16:00", False),
        ("2026-12-04 12:00", False),  # a Friday
        ("2026-07-02 09:00", True),
        ("2026-07-02 16:00", False),
    ],
)
def test_a_window_is_open_by_the_clocks_of_its_zone_in_winter_and_summer(text, found):
    assert is_open(OFFICE, at(text)) is found


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens():
    night = Window(frozenset({0}), 22 * 60, 4 * 60, BERLIN)
    opened = [text for text in ("2026-12-07 21:59", "2026-12-07 22:00", "2026-12-08 03:59") if is_open(night, at(text))]
    assert opened == ["2026-12-07 22:00", "2026-12-08 03:59"]
    assert not is_open(night, at("2026-12-07 03:59"))
    assert not is_open(night, at("2026-12-08 22:00"))


def test_what_clocks_skip_does_not_open():
    skipped = Window(frozenset({6}), 2 * 60, 3 * 60, BERLIN)
    before = at("2026-03-29 00:00")
    assert opens([skipped], (), before) == at("2026-04-05 02:00")


def test_a_window_that_begins_in_what_clocks_skip_opens_when_they_have_skipped_it():
    partly = Window(frozenset({6}), 2 * 60 + 30, 4 * 60, BERLIN)
    assert opens([partly], (), at("2026-03-29 00:00")) == at("2026-03-29 03:00")


def test_what_clocks_show_twice_opens_twice():
    night = Window(frozenset({6}), 2 * 60, 2 * 60 + 30, BERLIN)
    first, second = at("2026-10-25 02:00"), at("2026-10-25 02:00", fold=1)
    assert second - first == 3600
    assert opens([night], (), first - 600) == first
    assert opens([night], (), first + 1800) == second
    (link,) = time_links(Requirements(windows=(night,)), second)
    assert link.why == "it's open: it's Sun 2026-10-25 02:00 (CET) Europe/Berlin"


def test_windows_intersect_across_zones():
    berlin = Window(WEEK, 9 * 60, 17 * 60, BERLIN)
    york = Window(WEEK, 9 * 60, 17 * 60, NEW_YORK)
    assert opens([berlin, york], (), at("2026-12-03 00:00")) == at("2026-12-03 15:00")
    # Between the Sunday on which American clocks change and that of European ones, it's an hour less.
    assert opens([berlin, york], (), at("2026-03-10 00:00")) == at("2026-03-10 14:00")


def test_a_freeze_closes_open_windows_and_what_comes_next_is_told():
    freeze = Freeze(at("2026-12-20"), at("2027-01-04"), "holidays", f"2026-12-20 to 2027-01-03 {BERLIN}", "p.yml:4")
    wanted = Requirements(windows=(OFFICE,), freezes=(freeze,))
    window, frozen = time_links(wanted, at("2026-12-21 10:00"))
    assert (window.state, frozen.state) == (
        "missing" if not is_open(OFFICE, at("2026-12-21 10:00")) else "there",
        "missing",
    )
    assert frozen.name == "freeze 2026-12-20 to 2027-01-03 Europe/Berlin"
    assert frozen.why == (
        "holidays; it ends at Mon 2027-01-04 00:00 Europe/Berlin (p.yml:4); "
        "wait 14 d until Mon 2027-01-04 09:00 Europe/Berlin, when all windows and freezes allow it"
    )
    assert not freezes_at(freeze, at("2026-12-19 23:59:59"))
    assert freezes_at(freeze, at("2027-01-03 23:59:59"))
    assert not freezes_at(freeze, at("2027-01-04"))


def test_freezes_add_up():
    first = Freeze(at("2026-12-20"), at("2026-12-27"), "a", f"x to y {BERLIN}")
    second = Freeze(at("2026-12-26"), at("2027-01-02"), "b", f"x to y {BERLIN}")
    assert opens((), [first, second], at("2026-12-21")) == at("2027-01-02")


def test_a_closed_window_says_when_it_opens_and_where_it_is_written():
    (link,) = time_links(Requirements(windows=(OFFICE,)), at("2026-12-03 16:12"))
    assert link.name == "window mon-thu 09:00 to 16:00 Europe/Berlin"
    assert link.why == (
        "it's Thu 2026-12-03 16:12 Europe/Berlin, and it opens at Mon 2026-12-07 09:00 Europe/Berlin (hosts.yml:3); "
        "wait 3.7 d"
    )


def test_windows_that_never_open_together_are_told_so_with_their_places():
    other = Window(frozenset({5}), 0, 24 * 60, "UTC", "policy.yml:7")
    links = time_links(Requirements(windows=(OFFICE, other)), at("2026-12-03 10:00"))
    assert [one.state for one in links] == ["there", "missing"]
    assert links[1].why.endswith(
        "never at a time at which the others allow it, within 15 days: see hosts.yml:3, policy.yml:7"
    )


def test_a_past_freeze_is_no_link():
    past = Freeze(at("2025-12-20"), at("2025-12-27"), "a", f"x to y {BERLIN}")
    assert time_links(Requirements(freezes=(past,)), at("2026-12-03")) == []


def test_the_clock_that_counts_is_the_hosts_once_they_were_asked():
    base = datetime(2026, 12, 3, 10, tzinfo=UTC).timestamp()
    ahead = []
    clock = Clock(here=lambda: base, ahead=lambda: ahead[-1] if ahead else None)
    assert clock.counted() == base
    ahead.append(20.0)
    assert clock.counted() == base  # as far as clocks may differ without a word
    ahead.append(-7200.0)
    assert clock.counted() == base - 7200
