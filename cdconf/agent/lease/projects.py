"""Whose a host is, by all projects that have been here."""

import os

from cdconf.agent.errors import Failed
from cdconf.agent.lease.identity import IDENTITY
from cdconf.agent.records import store


def identities(folder=None):
    """Project's name -> `{"environment", "host"}`; None for a project whose file can't be read.

    Args:
        folder: The directory above all projects', for tests; the host's own by default.
    """
    above = folder or store.root()
    found = {}
    for name in sorted(os.listdir(above)) if os.path.isdir(above) else ():
        own = os.path.join(above, name)
        if name.startswith(".") or not os.path.isdir(own):
            continue
        try:
            known = store.HostStore(name, own).read(IDENTITY)
        except Failed:
            found[name] = None
            continue
        if known is not None:
            found[name] = known
    return found
