"""`cdconf environments`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options


@click.command()
@project_options
@output_options
def command(**flags: Any) -> None:
    """List the project's environments and how their hosts stand.

    Example: cdconf environments
    """
    import dataclasses

    from cdconf.cli.tables import show
    from cdconf.environments import provider_for
    from cdconf.errors import ProviderError
    from cdconf.inventory import load_environment

    with run_of("environments", None, flags) as run:
        rows = []
        for name in run.project.environments():
            environment = load_environment(run.project, name)
            try:
                standing = provider_for(run.project, environment).standing()
                state = f"{standing.running} of {standing.wanted} running"
                about = dataclasses.asdict(standing)
            except ProviderError as error:
                state, about = error.message, {"error": error.message}
            if environment.provider == "existing":
                state = f"{len(environment.hosts)} hosts"
            rows.append([name, environment.provider, environment.copy_of or "", state, about.get("created") or ""])
            run.extra.setdefault("environments", {})[name] = {"provider": environment.provider, **about}
        if not flags["as_json"]:
            show(["environment", "provider", "copy of", "hosts", "since"], rows)
