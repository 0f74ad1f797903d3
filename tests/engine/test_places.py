"""Places of hosts that are worked on: how many at once, and whose place is lent."""

import threading
from types import SimpleNamespace

import pytest

from cdconf.engine import host_slots
from cdconf.engine.jobs import Jobs
from cdconf.errors import HostFailed, Interrupted, Unreachable


def hosts(count):
    return [SimpleNamespace(name=f"h{number}") for number in range(count)]


def run(names, job, forks, stop=lambda: None, meanwhile=lambda: None, given_up=lambda: None):
    return Jobs(names, job, forks, stop).run(meanwhile, given_up)


def test_no_more_hosts_are_worked_on_at_once_than_there_are_places():
    lock, now, most = threading.Lock(), [0], [0]
    both = threading.Barrier(2, timeout=20)

    def job(host, _):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait()  # only passed in pairs
        with lock:
            now[0] -= 1
        return host.name

    found, errors = run(hosts(6), job, 2).split()
    assert (most, list(found), errors) == ([2], [f"h{number}" for number in range(6)], {})


def test_hosts_whose_handshakes_are_slow_keep_none_from_its_work(monkeypatch):
    monkeypatch.setattr(host_slots, "LATE", 0.01)
    served, are_served = [], threading.Event()

    def job(host, place):
        if host.name in ("h0", "h1"):  # as many as there are places, and the first ones
            with place.waiting(host.name, host_slots.LATE):
                assert are_served.wait(20)
            return "late"
        served.append(host.name)
        if len(served) == 3:
            are_served.set()
        return "served"

    found, _ = run(hosts(5), job, 2).split()
    assert list(found.values()) == ["late", "late", "served", "served", "served"]


def test_a_late_host_is_worked_on_once_there_is_a_place_again():
    table = host_slots.Places(1)
    arrived, order = threading.Event(), []
    assert table.take("slow")

    def slow():
        with table.waiting("slow", keeps=0.0):
            arrived.wait(20)
        order.append("slow")
        table.give("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    assert table.take("quick")
    arrived.set()
    order.append("quick")
    table.give("quick")
    thread.join(20)
    assert order == ["quick", "slow"]


def test_errors_are_told_in_the_order_of_the_hosts():
    def job(host, place):
        with place.waiting(host.name):
            raise (Unreachable if host.name == "h1" else HostFailed)("no", host=host.name)

    _, errors = run(hosts(3), job, 1).split()
    assert [type(error) for error in errors.values()] == [HostFailed, Unreachable, HostFailed]


def test_a_signal_begins_no_more_hosts_and_frees_those_that_wait_for_this_thread():
    ready, stopped, begun = threading.Event(), [], []

    def job(host, place):
        begun.append(host.name)
        with place.waiting(host.name, keeps=60.0):
            assert ready.wait(20)

    def meanwhile():
        while not begun:
            ready.wait(0.01)
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run(hosts(4), job, 1, lambda: stopped.append(True), meanwhile, ready.set)
    assert (begun, stopped) == (["h0"], [True])


def test_what_this_thread_fails_at_ends_the_run_once_the_hosts_that_were_begun_are_done():
    given_up, begun = threading.Event(), []

    def job(host, place):
        begun.append(host.name)
        assert given_up.wait(20)

    def meanwhile():
        while not begun:
            given_up.wait(0.01)
        raise HostFailed("the catalog has an error", host="h0")

    with pytest.raises(HostFailed, match="the catalog has an error"):
        run(hosts(4), job, 1, meanwhile=meanwhile, given_up=given_up.set)
    assert begun == ["h0"]
