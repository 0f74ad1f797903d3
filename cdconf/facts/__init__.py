"""Facts, the read-only data of hosts: what there is, gathered when it's read, and remembered for offline work."""

from cdconf.facts.cache import FactCache, RememberedHost, age_text, only
from cdconf.facts.distributions import os_facts, unknown_os
from cdconf.facts.facts_read import NotedFacts
from cdconf.facts.host import HostFacts, path_of
from cdconf.facts.patterns import PATHS, group_for, pattern_of
from cdconf.facts.system import is_system, system_name
from cdconf.facts.table import GROUPS, Fact, FactGroup, below, group_of, sample, shown_by
from cdconf.facts.told import checked

__all__ = [
    "GROUPS",
    "PATHS",
    "Fact",
    "FactCache",
    "FactGroup",
    "HostFacts",
    "NotedFacts",
    "RememberedHost",
    "age_text",
    "below",
    "checked",
    "group_for",
    "group_of",
    "is_system",
    "only",
    "os_facts",
    "path_of",
    "pattern_of",
    "sample",
    "shown_by",
    "system_name",
    "unknown_os",
]
