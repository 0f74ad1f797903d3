"""The options of the command line, once it's read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.engine.opening import Connecting
    from cdconf.render import Renderer, Style


@dataclass
class Flags:
    """What runs ask for; a verb that lacks an option has its default. Verbs with options of their own add these.

    Attributes:
        directory: Where the project is looked for.
        as_json: Print one JSON document.
        verbose: Show what is as it should be, too.
        diff: Show differences line by line.
        limit: Only these hosts.
        roles: Only these roles.
        extra: `NAME=VALUE`: variables that win over all.
        forks: Hosts at once.
        accept_new_host_keys: Learn unknown ssh host keys.
        override: Why gates are passed without what they ask for.
        stage: The pipeline's stage that the run is a part of.
        applied: Compare hosts with what they remember alone.
        at: Compare with the files at this git revision.
        look_key: The look-only key to log in with.
        renderer: What shows the run in place of the usual; no option.
    """

    directory: str = "."
    as_json: bool = False
    verbose: bool = False
    diff: bool = False
    limit: str | None = None
    roles: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    forks: int = 32
    accept_new_host_keys: bool = False
    override: str | None = None
    stage: str | None = None
    applied: bool = False
    at: str | None = None
    look_key: str | None = None
    renderer: Callable[[Style, Callable[[str], str]], Renderer] | None = None

    @property
    def connecting(self) -> Connecting:
        """How the run connects to hosts."""
        from cdconf.engine.opening import Connecting

        return Connecting(self.forks, self.accept_new_host_keys, Path(self.look_key) if self.look_key else None)


def flags_of(given: Flags | Mapping[str, Any]) -> Flags:
    """The flags of a verb that has no options of its own, from what click says."""
    return given if isinstance(given, Flags) else Flags(**given)
