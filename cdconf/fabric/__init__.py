"""Fabric connections to an environment's hosts, for people's own scripts and fabfiles.

    import cdconf.fabric

    with cdconf.fabric.group("staging", limit="web") as web:
        web.run("systemctl is-active shop")

This is the only room that imports Fabric, and nothing in cdconf imports it: see
docs/adr/0097-fabric-for-peoples-scripts.md.
"""

from cdconf.fabric.connection import HostConnection
from cdconf.fabric.groups import Hosts, group
from cdconf.fabric.refused import Refused

__all__ = ["HostConnection", "Hosts", "Refused", "group"]
