"""Threads that go on until they're left."""

import threading


class Crowd:
    """Does something in threads of its own, each until `ended` is set, which leaving does.

    Args:
        jobs: A function and its arguments for each thread.
    """

    def __init__(self, *jobs):
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self._threads = [threading.Thread(target=job, args=arguments, daemon=True) for job, *arguments in jobs]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self._threads:
            thread.join()
