"""Runs one job on each of many hosts: connections, leases, beats, events, and an orderly end when interrupted."""

from cdconf.engine.converge import converge_host, remember_facts
from cdconf.engine.fleet import Fleet
from cdconf.engine.host_checks import Checks, Guarded, refusals
from cdconf.engine.identity import RunIdentity
from cdconf.engine.inherited_leases import Inheritance
from cdconf.engine.outcome import Outcome

__all__ = [
    "Checks",
    "Fleet",
    "Guarded",
    "Inheritance",
    "Outcome",
    "RunIdentity",
    "converge_host",
    "refusals",
    "remember_facts",
]
