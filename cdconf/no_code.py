"""`--no-code`: nothing runs that the project has brought; what would is refused by its name."""

from __future__ import annotations

import os

from cdconf.errors import InvalidFile

VARIABLE = "CDCONF_NO_CODE"  # what the run starts knows it, too
_OFF = ("", "0", "off")


class CodeRefused(InvalidFile):
    """The project's own code would run, and nobody wants that."""

    kind = "code_refused"


def refuse_code() -> None:
    """From now on, and in all that this process starts, the project's code is refused."""
    os.environ[VARIABLE] = "1"


def is_refused() -> bool:
    """Whether the project's code is refused."""
    return os.environ.get(VARIABLE, "") not in _OFF


def check_code(what: str, file: str = "cdconf.yml", line: int | None = 1) -> None:
    """Stands before each place at which code of the project would run.

    Args:
        what: Its name, as the beginning of a sentence's part: `the resource type 'greeting'`.
        file: Where it's given, relative to the project.
        line: The line there.

    Raises:
        CodeRefused: It's refused.
    """
    if is_refused():
        message = f"{what} is code of the project, which `--no-code` refuses to run"
        raise CodeRefused(message, file=file, line=line, hint="docs/guides/code.md says what runs code, and as whom")
