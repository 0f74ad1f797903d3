"""`cdconf vars`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import host_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
from cdconf.cli.options import (
    no_code_option,
    output_options,
    project_options,
    selection_options,
)


@click.command()
@environment_argument
@click.argument("host", required=False, shell_complete=host_names)
@project_options
@selection_options
@click.option(
    "--explain", is_flag=True, help="Show the file and line of each value, and which other values it replaces."
)
@no_code_option
@output_options
def command(environment: str, host: str | None, explain: bool, **given: Any) -> None:
    """Show the variables of HOST, or of all of ENV's hosts, as templates see them. Secrets are masked.

    No host is contacted: the values use each host's last-seen facts.

    Example: cdconf vars staging web1 --explain
    """
    from cdconf.catalog.explain import explain_host
    from cdconf.cli.show.tables import show
    from cdconf.facts import FactCache, age_text

    flags = Flags(**given)
    if host:
        flags.limit = host
    with run_of("vars", environment, flags) as run:
        cache = FactCache(run.project.data_if_any, run.environment.name)
        seen = {one.name: cache.load(one.name) for one in run.selected()}
        run.compiler.fetch_secrets(run.selected())
        data = {one.name: explain_host(run.compiler, one, seen[one.name].facts) for one in run.selected()}
        run.extra["variables"] = data
        run.extra["facts_age_s"] = {name: remembered_host.age for name, remembered_host in seen.items()}
        if flags.as_json:
            return
        for name, entries in data.items():
            heads = ["variable", "value", "from", "wins over"] if explain else ["variable", "value"]
            age = seen[name].age
            click.echo(f"{name}:" if age is None else f"{name} (its facts were last seen {age_text(age)} ago):")
            rows = [
                [key, _text(one["value"]), one["source"], ", ".join(one["shadowed"])][: len(heads)]
                for key, one in entries.items()
            ]
            show(heads, rows)


def _text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)
