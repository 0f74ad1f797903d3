"""What the command line asks for, by its own parser, also where it's wrong: how an error is to be shown."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cdconf.cli.options import output_options


@click.command()
@output_options
def _any_verb() -> None:
    """Stands for a verb that there isn't."""


def asked(command: click.Command, arguments: Sequence[str]) -> tuple[str | None, bool]:
    """The first verb, if there's one of that name, and whether `--json` was given to it.

    What belongs to a command behind `--`, or to another option, isn't ours.

    Args:
        command: The command or group that the arguments are for.
        arguments: As on the command line.
    """
    with click.Context(command, resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True) as ctx:
        options, rest, _ = command.make_parser(ctx).parse_args(list(arguments))
        if not isinstance(command, click.Group):
            return None, bool(options.get("as_json"))
        if not rest:
            return None, False
        inner = _command(command, ctx, rest[0])
        if inner is None:
            return None, asked(_any_verb, rest)[1]
        return rest[0], asked(inner, rest[1:])[1]


def _command(group: click.Group, ctx: click.Context, name: str) -> click.Command | None:
    try:
        return group.get_command(ctx, name)
    except Exception:  # noqa: BLE001  a verb that can't be imported is the error that is being shown
        return None
