"""Constant HTTP load on every host, which looks at each answer."""

import collections
import threading
import time

PAUSE = 0.02
LOST = 0.5  # seconds before a host that doesn't answer is looked for again


class Load:
    """Asks every host all the time, one thread each, until it's left.

    Attributes:
        answers: Host -> how many answers were one whole version.
        silent: Host -> how many requests got none: a service restarts, a host is cut off or boots.
        broken: Answers that were no whole version, as (host, answer).
    """

    def __init__(self, world):
        self._world = world
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(host,)) for host in world.hosts]
        self.answers = collections.Counter()
        self.silent = collections.Counter()
        self.broken = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, host):
        port = None
        while not self._ended.is_set():
            port = port or self._world.port(host)
            answer = self._world.served(host, port) if port else None
            if answer is None:
                self.silent[host] += 1
                port = None
                self._ended.wait(LOST)
            elif "+" in answer or not answer:
                self.broken.append((host, answer))
            else:
                self.answers[host] += 1
            time.sleep(PAUSE)
