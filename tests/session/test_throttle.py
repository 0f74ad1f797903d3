import threading

from cdconf.session.throttle import AT_ONCE, Starts


def most_at_once(starts, count):
    """How many of `count` threads were starting at the same time."""
    running, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(2)

    def start():
        nonlocal running, most
        with starts.one("a"):
            with lock:
                running += 1
                most = max(most, running)
                reached = running == starts.limit("a")
            if reached:  # all places are taken: let a moment pass in which another could break in
                threading.Event().wait(0.05)
            with lock:
                running -= 1

    threads = [threading.Thread(target=start) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert full.n_waiting == 0
    return most


def test_only_so_many_start_at_once_and_all_get_their_turn():
    assert most_at_once(Starts(), 40) <= AT_ONCE


def test_a_server_that_drops_gets_half_as_many_and_at_least_one():
    starts = Starts()
    seen = []
    for _ in range(5):
        starts.dropped("a")
        seen.append(starts.limit("a"))
    assert seen == [4, 2, 1, 1, 1]
    assert most_at_once(starts, 10) == 1
    assert starts.limit("b") == AT_ONCE
