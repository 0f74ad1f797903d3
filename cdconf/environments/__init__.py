"""Environments' hosts: made, found and removed by providers."""

from cdconf.environments.making import ensure_hosts
from cdconf.environments.provider import Provider, Standing, provider_for

__all__ = ["Provider", "Standing", "ensure_hosts", "provider_for"]
