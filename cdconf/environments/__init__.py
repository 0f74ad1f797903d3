"""Environments' hosts: made, found and removed by providers."""

from cdconf.environments.provider import Provider, Standing, provider_for

__all__ = ["Provider", "Standing", "provider_for"]
