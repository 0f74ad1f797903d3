"""Runs host jobs on an executor: connections, leases, beats, events, and an orderly end when interrupted."""

from cdconf.engine.converge import converge_host, remember_facts
from cdconf.engine.fleet import Fleet, Outcome
from cdconf.engine.found import Checks
from cdconf.engine.identity import RunIdentity
from cdconf.engine.inherit import Inheritance

__all__ = ["Checks", "Fleet", "Inheritance", "Outcome", "RunIdentity", "converge_host", "remember_facts"]
