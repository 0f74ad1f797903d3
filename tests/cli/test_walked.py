"""A new command is walked by the canary, or there's a reason why not."""

from tests.hosts.walked import WALK, commands


def test_the_canary_walks_every_command():
    assert sorted(WALK) == sorted(commands())
