"""Puts notifications into a project's outbox, and starts what sends them. It fails no run: it warns."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.notify.detached import start
from cdconf.notify.kinds import Notification
from cdconf.notify.outbox import Outbox
from cdconf.notify.settings import Settings, read_settings

if TYPE_CHECKING:
    from cdconf.inventory import Project

INSTALL = "pip install 'cdconf[notify]'"


def has_apprise() -> bool:
    """Whether Apprise is installed; it isn't imported."""
    return importlib.util.find_spec("apprise") is not None


def post(
    project: Project, tell: Callable[[Outbox], Iterable[Notification]], *, ping: str | None = None
) -> Settings | None:
    """Writes down what's to be told, in one change, and starts the sender if anything waits.

    Args:
        project: The project.
        tell: Gives the notifications; it's called within the change, so it may open and close what's remembered.
        ping: The environment whose ping is due.

    Returns:
        What the operator's file says; None where there's none, or it can't be used.
    """
    try:
        settings = read_settings(project.home)
        if settings is None:
            return None
        outbox = Outbox(project.data)
        try:
            with outbox.change():
                outbox.add(tell(outbox), settings.targets, project.name)
                if ping is not None and settings.ping_of(project.name, ping) is not None:
                    outbox.add_ping(ping)
            is_empty = outbox.is_empty()
        finally:
            outbox.close()
        if settings.targets and not has_apprise():
            _warn(f"notifications wait: Apprise isn't installed here: {INSTALL}")
        if not is_empty:
            start(project.data, project.name)
    except (CdconfError, OSError) as error:
        hint = getattr(error, "hint", None)
        _warn(f"nobody was notified: {error}{f' ({hint})' if hint else ''}")
        return None
    return settings


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")
