"""`cdconf completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

_HOWTO = {
    "bash": '# In ~/.bashrc: eval "$(cdconf completion bash)"   (bash 4.4 or later)\n',
    "zsh": '# In ~/.zshrc, behind compinit: eval "$(cdconf completion zsh)"\n',
    "fish": "# Once: cdconf completion fish > ~/.config/fish/completions/cdconf.fish\n",
}


@click.command()
@click.argument("shell", type=click.Choice(list(_HOWTO)))
def command(shell: str) -> None:
    """Print the completion script of SHELL: bash, zsh or fish.

    It completes verbs, options, environments, apps, hosts, groups, roles and artifacts' versions.

    Example: eval "$(cdconf completion bash)"
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(_HOWTO[shell] + script_of(kind))


def script_of(kind: type[ShellComplete]) -> str:
    """The script that a shell reads.

    Args:
        kind: click's class for the shell.
    """
    from cdconf.cli.main import group

    made = kind(group, {}, "cdconf", "_CDCONF_COMPLETE")
    source = made.source_template % made.source_vars()
    # click's own cuts values and descriptions at their first comma: `web,!web2`
    return source.replace('string split ","', 'string split --max 1 ","')
