"""Says that the host must reboot; the controller does it, since no agent survives one."""

import os

from cdconf.agent.errors import Rebooting


def observe(fields):
    """None while the path that asks for a reboot exists."""
    return None if os.path.lexists(fields["if_exists"]) else {}


def apply(fields, difference):
    """Ends this pass; after the reboot the catalog is gone through again."""
    raise Rebooting(fields["within"])


def act(fields, action):
    """The same, for a handler."""
    raise Rebooting(fields["within"])
