"""A damaged file of cdconf's own is named, or done without; nothing of it is lost. `make hostile` tries all ways."""

import pytest

from tests.hostile.damage import DAMAGES
from tests.hostile.ground import Ground
from tests.hostile.own_files import TABLE, look, place_of, usual

pytestmark = pytest.mark.hosts  # root alone can give a host directories of its own
WAYS = list(DAMAGES)
EVERY = 3  # of the files: they're read by the same few functions
CASES = [
    (own, WAYS[number * 7 % len(WAYS)], own.runs[number % len(own.runs)])
    for number, own in enumerate(TABLE)
    if number % EVERY == 0
]


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    one = Ground(tmp_path_factory.mktemp("own"))
    yield one
    one.close()


def test_every_file_of_the_table_is_one_that_cdconf_writes(ground):
    ground.restore()
    assert [own.pattern for own in TABLE if place_of(ground, own) is None] == []


@pytest.mark.parametrize(("own", "damage", "words"), CASES, ids=lambda one: getattr(one, "pattern", one))
def test_a_damaged_file_is_one_error_or_none(ground, own, damage, words):
    found, code, _, said = look(ground, own, damage, words, usual(ground, own, words))
    assert found == [], f"exit {code}\n{said}"
