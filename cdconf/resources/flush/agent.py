"""Handlers that run before the end: `cdconf.agent.converge.apply` does it. No catalog has a resource of this type."""


def observe(fields):
    """There's nothing to look at."""
    return {}


def apply(fields, difference):
    """There's nothing to apply."""
