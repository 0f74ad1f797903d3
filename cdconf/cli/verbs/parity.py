"""`cdconf parity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import environment_names
from cdconf.cli.context import run_of
from cdconf.cli.options import connection_options, no_code_option, output_options, project_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cdconf.parity import Comparison


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.argument("other", metavar="ENV", shell_complete=environment_names)
@project_options
@click.option("--desired-only", is_flag=True, help="Compare only the files; contact no host.")
@connection_options
@no_code_option
@output_options
def command(environment: str, other: str, desired_only: bool, **flags: Any) -> None:
    """Compare two environments: their catalogs, and the real state of their hosts. Changes nothing.

    Each difference is of one kind. Declared: listed under `differs` in the copy's hosts.yml. Inherent: addresses, names
    and secrets, shown only with -v. Unexplained: shown with the file and line where the two environments start to
    differ. Secrets are compared without being shown.

    Exit code 0: every difference is explained. 2: a difference isn't, or an entry of `differs` matches nothing. 4: a
    host was unreachable.

    Example: cdconf parity staging production
    """
    from cdconf.errors import DIFFERENT, OK, worst_exit
    from cdconf.events import RunStarted
    from cdconf.inventory import load_environment
    from cdconf.parity import report
    from cdconf.parity.environments import ParityOptions, compare_environments

    with run_of("parity", environment, flags) as run:
        theirs = load_environment(run.project, other)
        pair = (run.environment, theirs)
        run.emit(RunStarted("parity", environment, tuple(f"{one.name}/{host}" for one in pair for host in one.hosts)))
        options = ParityOptions(run.flags.connecting, desired_only)
        likeness = compare_environments(run.project, *pair, run.emit, options)
        found = likeness.comparison
        run.extra |= {"parity": {**report.document(found), "desired_only": desired_only}, "facts_age_s": likeness.ages}
        run.code = worst_exit([*likeness.codes, OK if found.alike else DIFFERENT])
        if not run.flags.as_json:
            _show(found, likeness.ages, run.mask, verbose=run.flags.verbose)


def _show(found: Comparison, ages: Mapping[str, float], mask: Callable[[str], str], *, verbose: bool) -> None:
    from cdconf.facts import age_text
    from cdconf.parity import report

    for line in report.lines(report.masked(found, mask), verbose=verbose):
        click.echo(mask(line))
    for host, age in ages.items():
        click.echo(f"{host}: by the facts that were last seen of it, {age_text(age)} ago")
