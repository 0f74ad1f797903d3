"""Constant HTTP load: clients of the load balancer, who must be answered, and a look at each host's own answers."""

import collections
import http.client
import itertools
import select
import time
from dataclasses import dataclass, field

from tests.chaos.crowd import Crowd

PATIENCE = 15.0  # seconds for one answer
KINDS = (("GET", False), ("GET", True), ("POST", False), ("POST", True))  # method, keep-alive
LOST = 0.5  # seconds before a host that doesn't answer is looked for again


@dataclass(frozen=True)
class Lost:
    """A request that wasn't answered as it should be; `at` is in seconds since 1970."""

    at: float
    method: str
    why: str

    def __str__(self):
        return f"{time.strftime('%H:%M:%S', time.localtime(self.at))} {self.method}: {self.why}"


@dataclass
class Counted:
    """What came of requests.

    Attributes:
        requests: How many were sent.
        answers: Version -> how many answers were of it, whole.
        lost: Those that got no answer, another status than 200, or an answer that was no whole version.
        stale: How often a kept connection was found closed, and the request sent on a fresh one (RFC 9112, 9.3.1).
        slowest: Seconds that the slowest answer took.
        posted: The ids of all POSTs that were answered.
    """

    requests: int = 0
    answers: collections.Counter = field(default_factory=collections.Counter)
    lost: list = field(default_factory=list)
    stale: int = 0
    slowest: float = 0.0
    posted: list = field(default_factory=list)

    def since(self, earlier):
        """What has been counted since an earlier count; `slowest` is of all time."""
        return Counted(
            self.requests - earlier.requests,
            self.answers - earlier.answers,
            self.lost[len(earlier.lost) :],
            self.stale - earlier.stale,
            self.slowest,
            self.posted[len(earlier.posted) :],
        )


class Load(Crowd):
    """Clients of one address, each with one request in hand at a time, until it's left.

    Args:
        address: Gives `host:port`, anew for each connection: a load balancer that boots may get another port.
        pause: Seconds between an answer and the next request of a client.
        kinds: A client each: its method, and whether it keeps its connection.
    """

    def __init__(self, address, pause=0.05, kinds=KINDS):
        self.in_hand = len(kinds)
        self._address = address
        self._pause = pause
        self._counted = Counted()
        self._numbers = itertools.count()
        super().__init__(*((self._client, *kind) for kind in kinds))

    def counted(self):
        """A copy of what was counted so far."""
        with self.lock:
            now = self._counted
            return Counted(now.requests, now.answers.copy(), list(now.lost), now.stale, now.slowest, list(now.posted))

    def _client(self, method, kept):
        connection = None
        while not self.ended.is_set():
            began = time.monotonic()
            if connection is not None and _is_closed(connection):
                self._give_up(connection)
                connection = None
            connection = self._ask(connection, method, str(next(self._numbers)), began)
            if connection is not None and (not kept or connection.sock is None):
                connection.close()
                connection = None
            self.ended.wait(self._pause)
        if connection is not None:
            connection.close()

    def _ask(self, connection, method, number, began):
        """One request; returns the connection on which it was answered, None when that can't be used again."""
        reused = connection is not None
        try:
            if connection is None:
                connection = http.client.HTTPConnection(self._address(), timeout=PATIENCE)
            connection.request(method, "/", body=number if method == "POST" else None)
            answer = connection.getresponse()
            status, text = answer.status, answer.read().decode("utf-8", "replace")
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            if reused:
                self._give_up(connection)
                return self._ask(None, method, number, began)
            connection.close()
            self._note(method, number, began, str(error) or repr(error), "")
            return None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._note(method, number, began, str(error) or repr(error), "")
            return None
        whole = status == 200 and text and "+" not in text
        self._note(method, number, began, None if whole else f"{status} {text.strip()[:200]!r}", text)
        return connection

    def _note(self, method, number, began, why, version):
        with self.lock:
            self._counted.requests += 1
            self._counted.slowest = max(self._counted.slowest, time.monotonic() - began)
            if why is not None:
                self._counted.lost.append(Lost(time.time(), method, why))
                return
            self._counted.answers[version] += 1
            if method == "POST":
                self._counted.posted.append(number)

    def _give_up(self, connection):
        """The other end has closed a connection that was kept."""
        connection.close()
        with self.lock:
            self._counted.stale += 1


def _is_closed(connection):
    """Whether the other end has closed a connection on which nothing is due."""
    return bool(select.select([connection.sock], [], [], 0)[0])


class Watch(Crowd):
    """Asks every web host by itself all the time, one thread each, until it's left.

    Attributes:
        answers: Host -> how many answers were one whole version.
        silent: Host -> how many requests got none: a service restarts, a host is cut off or boots.
        broken: Answers that were no whole version, as (host, answer).
    """

    def __init__(self, world, pause=0.5):
        self._world = world
        self._pause = pause
        super().__init__(*((self._ask, host) for host in world.hosts))
        self.answers = collections.Counter()
        self.silent = collections.Counter()
        self.broken = []

    def _ask(self, host):
        port = None
        while not self.ended.is_set():
            port = port or self._world.port(host)
            answer = self._world.served(host, port) if port else None
            if answer is None:
                self.silent[host] += 1
                port = None
                self.ended.wait(LOST)
            elif "+" in answer or not answer:
                self.broken.append((host, answer))
            else:
                self.answers[host] += 1
            self.ended.wait(self._pause)
