"""Tables on stdout: aligned columns, bold heads on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

import click

from cdconf.render.style import has_colour
from cdconf.render.words import shown


def show(heads: Sequence[str], rows: Sequence[Sequence[str]], red: Collection[int] = ()) -> None:
    """Prints rows below their heads, control characters as such; on a terminal, those with these numbers in red."""
    rows = [[shown(str(cell)) for cell in row] for row in rows]
    widths = [max(len(str(row[place])) for row in [heads, *rows]) for place in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    click.echo(click.style(line(heads), bold=True) if has_colour(sys.stdout) else line(heads))
    for number, row in enumerate(rows):
        is_red = number in red and has_colour(sys.stdout)
        click.echo(click.style(line(row), fg="red") if is_red else line(row))
