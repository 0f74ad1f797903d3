"""A new command is walked by the canary, or there's a reason why not."""

from cdconf.secrets.operators import kinds
from tests.hosts import sourced
from tests.hosts.walked import WALK, commands


def test_the_canary_walks_every_command():
    assert sorted(WALK) == sorted(commands())


def test_the_canary_has_a_value_from_every_kind_of_source():
    assert sorted(sourced.KINDS) == kinds()
