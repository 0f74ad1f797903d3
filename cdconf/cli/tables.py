"""Tables on stdout: aligned columns, bold heads on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from cdconf.render.renderer import has_colour


def show(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows below their heads."""
    widths = [max(len(str(row[place])) for row in [heads, *rows]) for place in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    click.echo(click.style(line(heads), bold=True) if has_colour(sys.stdout) else line(heads))
    for row in rows:
        click.echo(line(row))
