"""How often, and with which pauses, a host is tried that can't be reached at once."""

import pytest

from cdconf.errors import Unreachable
from cdconf.session import ssh
from cdconf.session.ssh_login import Retriable


class Server:
    """Fails in these ways, the last one for ever; `None` lets the attempt in."""

    def __init__(self, *ways, takes=0.0):
        self.ways, self.takes = list(ways), takes
        self.attempts, self.now, self.pauses = 0, 0.0, []

    def __call__(self):
        self.attempts += 1
        self.now += self.takes
        way = self.ways.pop(0) if len(self.ways) > 1 else self.ways[0]
        if way is not None:
            raise way
        return "connected"

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def tried(monkeypatch):
    def tried(server):
        monkeypatch.setattr(ssh.time, "sleep", server.sleep)
        monkeypatch.setattr(ssh.time, "monotonic", lambda: server.now)
        return ssh._again(server)

    return tried


REFUSED = Retriable("refused")
DROPPED = Retriable("reset", dropped=True)
SILENT = Retriable("timed out", silent=True)


def test_an_attempt_that_works_is_the_last(tried):
    server = Server(REFUSED, DROPPED, None)
    assert (tried(server), server.attempts) == ("connected", 3)


@pytest.mark.parametrize(
    ("ways", "attempts"),
    [((SILENT,), 2), ((REFUSED,), 4), ((REFUSED, REFUSED, SILENT), 3), ((DROPPED, REFUSED), 13), ((DROPPED,), 13)],
)
def test_it_is_tried_as_often_as_the_failure_often_passes(tried, ways, attempts):
    server = Server(*ways)
    with pytest.raises(Unreachable, match=f"^can't be reached over ssh: {ways[-1]}$"):
        tried(server)
    assert server.attempts == attempts
    assert all(least <= pause <= least + 0.5 for least, pause in zip((0.2, 0.6, 1.2, 2.4), server.pauses, strict=False))
    assert max(server.pauses) <= 5


def test_after_a_minute_it_is_given_up(tried):
    server = Server(DROPPED, takes=25.0)
    with pytest.raises(Unreachable):
        tried(server)
    assert server.attempts == 4
