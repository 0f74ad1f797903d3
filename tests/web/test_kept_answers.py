"""Answers are kept until what they are made of changes; who gets an older one is told when there's a newer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.web.reading import kept as kept_module
from cdconf.web.reading.kept import AnswerCache


class World:
    """What answers are made of; `slow` holds their making back."""

    def __init__(self):
        self.version, self.clock, self.made = 1, 0.0, []
        self.go = threading.Event()
        self.go.set()
        self.kept = AnswerCache(lambda: self.version, lambda: self.clock)

    def get(self, **options):
        return self.kept.get("a", self.make, **options)

    def make(self):
        version = self.version
        assert self.go.wait(20)
        self.made.append(version)
        return version


@pytest.fixture
def world():
    return World()


def test_it_is_made_once(world):
    assert [world.get() for _ in range(3)] == [1, 1, 1]
    assert world.made == [1]


def test_of_several_that_ask_first_one_makes_it(world):
    world.go.clear()
    with ThreadPoolExecutor(5) as pool:
        found = [pool.submit(world.get) for _ in range(5)]
        world.go.set()
        assert [one.result(20) for one in found] == [1] * 5
    assert world.made == [1]


def test_a_change_is_seen_at_once_where_that_is_quick(world, monkeypatch):
    monkeypatch.setattr(kept_module, "PATIENCE", 20.0)
    world.get()
    world.version = 2
    assert world.get() == 1  # it's young
    assert not world.kept.is_due()
    world.clock = 5.0
    assert [world.kept.is_due(), world.kept.is_due()] == [True, False]  # who got it is told
    assert world.get() == 2
    world.clock = 70.0
    assert (world.get(), world.made) == (2, [1, 2, 2])
    assert world.kept.late == 0


def test_what_takes_long_is_told_later(world, monkeypatch):
    monkeypatch.setattr(kept_module, "PATIENCE", 0.0)
    world.get()
    world.version, world.clock = 2, 5.0
    world.go.clear()
    assert (world.get(), world.get(), world.kept.late) == (1, 1, 0)
    world.go.set()
    deadline = time.monotonic() + 20
    while world.kept.late == 0:
        assert time.monotonic() < deadline
    assert (world.get(), world.made, world.kept.late) == (2, [1, 2], 1)


def test_what_could_not_be_made_is_tried_again():
    version, clock = [1], [0.0]

    def fail():
        if version[0] == 1:
            raise ValueError("no")
        return "yes"

    kept = AnswerCache(lambda: version[0], lambda: clock[0])
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            kept.get("a", fail)
    version[0], clock[0] = 2, 5.0
    found, deadline = None, time.monotonic() + 20
    while found != "yes":
        assert time.monotonic() < deadline
        try:
            found = kept.get("a", fail)
        except ValueError:
            found = None


def test_a_page_waits_once_however_many_answers_it_asks_for(world):
    assert world.kept.patience() == kept_module.PATIENCE
    world.kept.begin()
    world.clock += kept_module.PATIENCE / 2
    assert world.kept.patience() == pytest.approx(kept_module.PATIENCE / 2)
    world.clock += 1.0
    assert world.kept.patience() == 0.0
    world.kept.begin()  # the thread's next page
    assert world.kept.patience() == pytest.approx(kept_module.PATIENCE)
