"""Clocks that differ: measured, told, and which one counts."""

import socket

import pytest

from cdconf import clocks

HERE = f"clocks differ: this machine's ({socket.gethostname()}) is"


@pytest.mark.parametrize(
    ("theirs", "ahead"),
    [(100.0, 0.0), (105.0, 0.0), (99.2, 0.0), (40.0, -60.0), (3710, 3600.0), (None, None), ("100", None), (True, None)],
)
def test_another_clock_is_compared_with_the_time_in_which_it_was_asked(theirs, ahead):
    assert clocks.ahead(theirs, 100.0, 110.0) == ahead


@pytest.mark.parametrize("theirs", [float("nan"), float("inf"), -float("inf"), [], {}])
def test_what_a_host_makes_up_is_no_time(theirs):
    assert clocks.ahead(theirs, 100.0, 110.0) is None


def test_a_difference_is_said_by_whom_and_how_much():
    assert clocks.told({"web1": 3600.0, "web2": 3600.4, "web3": 12.0, "web4": -90.0}) == [
        f"{HERE} 60 min behind web1's and web2's",
        f"{HERE} 90 s ahead of web4's",
    ]
    assert clocks.told({"web1": 30.0}) == []


def test_many_hosts_are_a_few_names_and_a_number():
    (line,) = clocks.told({f"web{number}": 7200.0 for number in range(1, 41)})
    assert line == f"{HERE} 2 h behind web1's, web2's, web3's, web4's, web5's and 35 more"


def test_a_single_host_s_wrong_clock_decides_nothing():
    assert clocks.difference({"host": {"a": 0.0, "b": 0.0, "c": 1e9}, "store": {"s": 5.0}}) == 0.0
    assert clocks.difference({"host": {}, "store": {"s": 5.0}}) == 5.0
    assert clocks.difference({"host": {}, "store": {}}) is None
