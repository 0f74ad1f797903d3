"""What a script gets in place of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.exceptions import Exit

if TYPE_CHECKING:
    from cdconf.errors import CdconfError


class Refused(Exit):
    """cdconf doesn't give, or no longer gives, the script its hosts. `fab` shows the message, and exits with `code`.

    Args:
        error: Why.
        text: The same for people, with its hint; no secret is in it.

    Attributes:
        error: Why.
        code: The exit code that cdconf's own commands have for it: 3 for a held lease, 4 for an unreachable host.
    """

    def __init__(self, error: CdconfError, text: str) -> None:
        super().__init__(text, error.exit_code)
        self.error = error

    def __str__(self) -> str:
        return str(self.message)
