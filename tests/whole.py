"""How often something is done again: a few times in the gate, the whole number in `make soak`."""

import os


def rounds(few, whole):
    """The one number or the other."""
    return whole if os.environ.get("CDCONF_TESTS_WHOLE") == "1" else few
