"""An assertion holds, or its catalog was never made."""


def observe(fields):
    """It holds."""
    return {}


def apply(fields, difference):
    """There's nothing to apply."""
