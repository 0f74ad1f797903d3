"""Runs one job on each of many hosts: connections, leases, beats, events, and an orderly end when interrupted."""

from cdconf.engine.converge import converge_host, remember_facts
from cdconf.engine.fleet import Fleet
from cdconf.engine.host_checks import Checks, Guarded, refusals
from cdconf.engine.identity import RunIdentity
from cdconf.engine.inherited_leases import Inheritance
from cdconf.engine.opening import USUAL, Connecting, open_fleet
from cdconf.engine.outcome import Outcome

__all__ = [
    "USUAL",
    "Checks",
    "Connecting",
    "Fleet",
    "Guarded",
    "Inheritance",
    "Outcome",
    "RunIdentity",
    "converge_host",
    "open_fleet",
    "refusals",
    "remember_facts",
]
