"""Limits of a second or two, so that what ends by one of them ends soon."""

import importlib

VARIABLE = "TESTS_HASTY"  # set in the environment of a command that `tests.prepared` runs
LIMITS = {
    "cdconf.session.ssh_login": {"LOGIN_TIMEOUT": 1.5, "CONNECT_TIMEOUT": 2.0},
    "cdconf.session.ssh": {"CONNECT_TIMEOUT": 2.0, "ATTEMPTS": 1, "DROPPED_ATTEMPTS": 1},
    "cdconf.session.start": {"TIMEOUT": 2.0},
    "cdconf.session.frames": {"SILENCE": 1.5},
    "cdconf.session.session": {"SILENCE": 1.5},
    "cdconf.session.limits": {"LOOK": 3.0},
}


def be_hasty(change=setattr):
    """Sets them.

    Args:
        change: Gets a module, a name and a value.
    """
    for module, values in LIMITS.items():
        for name, value in values.items():
            change(importlib.import_module(module), name, value)
