"""SASLprep (RFC 4013) as PostgreSQL and its clients apply it to a password before they compute with it.

It's PostgreSQL's way where that isn't the RFC's: what the profile prohibits is looked for before the normalisation, and
a password that it doesn't allow counts as it is (`src/common/saslprep.c`, `scram_SaltedPassword`'s callers).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def prepared(password: "str") -> "str":
    """The text of which a SCRAM verifier is made: a no-break space is a space."""
    if all(ord(char) < 128 for char in password):
        return password
    # Few passwords need the tables.
    import stringprep
    import unicodedata

    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in password
        if stringprep.in_table_c12(char) or not stringprep.in_table_b1(char)
    )
    if not mapped or _is_prohibited(mapped, stringprep):
        return password
    return unicodedata.normalize("NFKC", mapped)


def _is_prohibited(text: "str", tables: "ModuleType") -> "bool":
    prohibited = (
        tables.in_table_a1,  # unassigned in Unicode 3.2
        tables.in_table_c12,
        tables.in_table_c21_c22,
        tables.in_table_c3,
        tables.in_table_c4,
        tables.in_table_c5,
        tables.in_table_c6,
        tables.in_table_c7,
        tables.in_table_c8,
        tables.in_table_c9,
    )
    if any(is_in(char) for char in text for is_in in prohibited):
        return True
    right_to_left = [tables.in_table_d1(char) for char in text]
    if not any(right_to_left):
        return False
    return not (right_to_left[0] and right_to_left[-1]) or any(map(tables.in_table_d2, text))
