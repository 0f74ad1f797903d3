"""Environments' hosts: made, found and removed by providers."""

from cdconf.environments.choice import provider_for
from cdconf.environments.making import ensure_hosts
from cdconf.environments.provider import HostCounts, Provider

__all__ = ["HostCounts", "Provider", "ensure_hosts", "provider_for"]
