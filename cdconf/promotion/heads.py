"""How far the history's journal reached when something was said: signed with it, so that no line can vanish unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.history import journal_file

if TYPE_CHECKING:
    from cdconf.inventory import Project


def journal_head(project: Project) -> dict[str, Any] | None:
    """The head of this checkout's journal, for a statement; None where there's no line, or none can be read."""
    try:
        head = journal_file.head(project.data)
        checkout = project.checkout
    except OSError:  # nothing is left unsaid for that
        return None
    return {"checkout": checkout, "number": head.number, "link": head.link} if head.number else None
