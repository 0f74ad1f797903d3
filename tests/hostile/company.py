"""Which hosts that behave badly a verb meets at a time: several at once, and in the end each alone.

Each behaviour meets each verb as often as it's asked for. A verb that serves hosts one by one meets any of them
together; one that holds them all ends at the first that fails once all are there, so that those which fail at a call
come alone.
"""

import random

from tests.hostile.logins import LOGINS, SUDOS
from tests.hostile.server import ANOTHER_KEY, GREETINGS, STARTS

BEFORE = {*GREETINGS, *LOGINS, *STARTS, *SUDOS, ANOTHER_KEY} - {"closes after the opening"}  # any call


def meetings(pairs, each, times, size, seed):
    """`(verb, behaviours)` each.

    Args:
        pairs: Of a verb and a behaviour.
        each: Verbs that serve hosts one by one.
        times: How often each of them is met, the last time alone.
        size: How many behave badly at once, at most.
        seed: Of who meets whom.
    """
    chance = random.Random(seed)
    found = []
    for _ in range(times - 1):
        found += _round(pairs, each, size, chance)
    alone = [(words, (behaviour,)) for words, behaviour in pairs]
    chance.shuffle(alone)
    return found + alone


def _round(pairs, each, size, chance):
    by_verb = {}
    for words, behaviour in pairs:
        by_verb.setdefault(words, []).append(behaviour)
    found = []
    for words, behaviours in by_verb.items():
        together = [one for one in behaviours if words in each or one in BEFORE]
        found += [(words, (one,)) for one in behaviours if one not in together]
        chance.shuffle(together)
        found += [(words, tuple(together[start : start + size])) for start in range(0, len(together), size)]
    chance.shuffle(found)
    return found
