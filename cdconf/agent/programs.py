"""Which programs a host has, looked for where commands are run from."""

import shutil

from cdconf.agent.base import Missing, environment


def find(name):
    """The program's path, or None."""
    return shutil.which(name, path=environment()["PATH"])


def need(name):
    """The program's path; raises `Missing`."""
    path = find(name)
    if path is None:
        raise Missing("program", name)
    return path
