"""Who runs this, for people."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """The user's name; the number where the machine has no name for it, as in a container."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return str(os.getuid())
