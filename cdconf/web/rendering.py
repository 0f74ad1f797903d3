"""Pages as HTML. What comes from hosts and people is text: control characters are shown, and markup is escaped."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cdconf import __version__
from cdconf.render.words import shown
from cdconf.web import words

if TYPE_CHECKING:
    import jinja2

    from cdconf.web.page import Page

FOLDER = Path(__file__).parent
LARGEST = 200_000  # bytes of a page
SECTIONS = (
    ("board", "/board", "Board"),
    ("pipeline", "/pipeline", "Pipeline"),
    ("review", "/review", "To approve"),
    ("runs", "/runs", "History"),
    ("hosts", "/hosts", "Hosts"),
    ("drift", "/drift", "Drift"),
    ("flow", "/flow", "Value stream"),
    ("trust", "/trust", "Trust"),
)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "utc": words.utc,
        "clock": words.clock,
        "length": words.length,  # of time
        "length_of": len,
        "segment": lambda text: quote(str(text), safe=""),
    }
    found.globals |= {"state_of": words.state, "sections": SECTIONS, "version": __version__}
    return found


def _finalized(value: Any) -> Any:
    """Text with its escapes shown; markup is what templates have made themselves."""
    if value is None:
        return ""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return shown(value)
    return value


def html(page: Page, about: dict[str, Any]) -> str:
    """A page.

    Args:
        page: What it shows.
        about: What each page says: the project, the address, when it was made, and as whom.
    """
    return _environment().get_template(page.template).render(page=page, data=page.data, tables=page.tables, **about)


def as_json(data: dict[str, Any]) -> bytes:
    """Data as JSON in ASCII: nothing of it can end a script, or turn text around."""
    return json.dumps(data, indent=1, default=str).encode()
