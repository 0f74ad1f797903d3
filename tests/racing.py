"""Processes of tests that race: forks of one that has imported what they need, each with the test's environment."""

import functools
import multiprocessing
import os

PRELOADED = ["s3fs", "cryptography.hazmat.primitives.serialization", "cdconf.artifacts", "tests.artifacts.conftest"]


@functools.cache
def context():
    """What makes processes, barriers and queues."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(PRELOADED)
    return made


def process(target, *arguments):
    """A process that calls a function of a module; it isn't started yet, and dies with the tests."""
    return context().Process(target=_run, args=(dict(os.environ), target, arguments), daemon=True)


def _run(environment, target, arguments):
    os.environ.clear()  # it has that of the tests' begin
    os.environ.update(environment)
    target(*arguments)
