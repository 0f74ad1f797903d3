"""Handlers that run before the end; `cdconf.agent.apply` does it, and no catalog has a resource of this type."""


def observe(fields):
    """There's nothing to look at."""
    return {}


def apply(fields, difference):
    """There's nothing to apply."""
