"""`cdconf gates`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import artifacts
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import output_options, project_options


@click.command()
@click.argument("artifact", shell_complete=artifacts)
@environment_option("--to", "--env", required=True)
@project_options
@output_options
def command(artifact: str, environment: str, **flags: Any) -> None:
    """Show whether ARTIFACT may go to ENV: each requirement, met or missing, and the command that meets it.

    `require` in ENV's hosts.yml lists the requirements. Without it, an environment whose provider is `existing`
    requires all stages of the pipeline before its own.

    This command reads files and the artifact store, and contacts no host. Parity with another environment is therefore
    only checked by `deploy`. Exit code 3: something is missing.

    Example: cdconf gates shop --to production
    """
    from dataclasses import asdict

    from cdconf.artifacts.choose import choose
    from cdconf.cli.promotion_checks import clock_of
    from cdconf.cli.show.tables import show
    from cdconf.errors import GATED
    from cdconf.events import Notice
    from cdconf.promotion.gates import gate_of

    with run_of("gates", environment, flags) as run:
        chosen = choose(run.project, artifact, run.emit)
        run.extra |= {"app": chosen.app, "version": chosen.version, "artifact": chosen.archive}
        gate = gate_of(run.project, run.environment, chosen, run.emit, clock=clock_of(run))
        run.extra |= {"procedure": gate.candidate.procedure, "gates": [asdict(link) for link in gate.links]}
        run.extra["skipped"] = dict(gate.skipped)
        run.code = GATED if gate.missing else 0
        if not gate.links:
            run.emit(Notice(f"{environment} requires no proof"))
        elif not run.flags.as_json:
            states = {"there": "there", "missing": "MISSING", "asked_later": "asked later"}
            show(["link", "state", "why"], [[link.name, states[link.state], link.why] for link in gate.links])
            for link in gate.missing:
                if link.command:
                    run.emit(Notice(f"{link.name}: `{link.command}`"))
