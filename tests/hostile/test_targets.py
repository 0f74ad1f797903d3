"""What's fuzzed by `make fuzz`, for a moment: no reader raises what it doesn't declare."""

import random

import pytest

from tests.hostile.fuzz import mutated
from tests.hostile.targets import TARGETS

TRIES = 150


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_only_says_that_its_wrong(name):
    target, seeds = TARGETS[name]
    for seed in seeds:
        target(seed)
    for number in range(TRIES):
        chance = random.Random(number)
        target(mutated(chance.choice(seeds), chance))
