"""`cdconf lint`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options


@click.command()
@project_options
@output_options
def command(**flags: Any) -> None:
    """Check all files of the project: every role, every environment, every host. Asks no host.

    Templates are rendered with the facts that were last seen of each host, or with a sample where there are none.

    Example: cdconf lint
    """
    from cdconf.catalog.lint import fact_ages, lint
    from cdconf.errors import FAILED
    from cdconf.facts import age_text

    with run_of("lint", None, flags) as run:
        errors = lint(run.project)
        run.extra["errors"] = [error.as_dict() for error in errors]
        ages = fact_ages(run.project)
        run.extra["facts_age_s"] = ages
        run.code = FAILED if errors else 0
        if flags["as_json"]:
            return
        for error in errors:
            click.echo(f"error: {error}")
            if error.hint:
                click.echo(f"  hint: {error.hint}")
        count = len(run.project.environments())
        click.echo(f"{len(errors)} errors" if errors else f"no errors in {count} environments")
        known = [age for hosts in ages.values() for age in hosts.values() if age is not None]
        if known:
            click.echo(
                f"facts: as last seen of {len(known)} hosts (at most {age_text(max(known))} ago); others: a sample"
            )
