"""How often a test repeats itself, or how many inputs it makes up: `make generated` has the whole number."""

import os

VARIABLE = "TESTS_WHOLE"


def rounds(some: int, whole: int) -> int:
    """How many: some in `make test`, the same ones each time; the whole number in `make generated`."""
    return whole if os.environ.get(VARIABLE) else some
