"""Environments' hosts: made, found and removed by providers."""

from cdconf.environments.choice import provider_for
from cdconf.environments.making import ensure_hosts
from cdconf.environments.provider import Provider, Standing

__all__ = ["Provider", "Standing", "ensure_hosts", "provider_for"]
