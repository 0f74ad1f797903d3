"""The procedures of one run, each read once: what a gate judges is what's said of the run, and what hosts remember."""

from __future__ import annotations

from pathlib import Path

from cdconf.errors import CdconfError
from cdconf.promotion.procedure import Procedure, procedure


class AppProcedures:
    """Reads the procedure of an app when it's first asked for.

    Args:
        root: The project's directory, in a git repository.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, Procedure | CdconfError] = {}

    def __call__(self, app: str) -> Procedure:
        """The procedure of HEAD; for errors see `procedure`."""
        if app not in self._found:
            try:
                self._found[app] = procedure(self._root, "HEAD", app)
            except CdconfError as error:
                self._found[app] = error
        found = self._found[app]
        if isinstance(found, CdconfError):
            raise found
        return found
