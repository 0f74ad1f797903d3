"""`cdconf history rebuild`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import connection_options, output_options, project_options


@click.command("rebuild")
@environment_argument(metavar="[ENV]")
@project_options
@connection_options
@output_options
def command(environment: str | None, **flags: Any) -> None:
    """Build the history again from what the hosts of ENV, or of all environments, remember of their runs.

    Only what's missing is added; rows that come from it say so. Hosts remember the last 100 events of each app, and
    the last 30 times that provisioning changed something: who, when, which release, and why it was rolled back or
    pinned. Statements in the artifact store say how releases came to be. Exit code 4: a host was unreachable; what
    the others remember was added.

    Example: cdconf history rebuild production
    """
    from cdconf.cli.history_rows import built_by
    from cdconf.deploy.memories import memories
    from cdconf.deploy.provision import report
    from cdconf.errors import worst_exit
    from cdconf.events import HostDone, Notice, Step
    from cdconf.history import journal_file
    from cdconf.history.rebuild import rebuilt
    from cdconf.history.team import history_of
    from cdconf.inventory import load_environment
    from cdconf.session import at_work

    with run_of("history", None, flags) as run:
        project = run.project
        names = [environment] if environment is not None else list(project.environments())
        environments = [load_environment(project, name) for name in names]
        built = built_by(project, run.emit)
        added: dict[str, list[dict[str, Any]]] = {}
        for one in environments:
            run.emit(Step(f"asking {one.name}: {', '.join(one.hosts)}"))
            asked = {"forks": flags["forks"], "accept_new_host_keys": flags["accept_new_host_keys"]}
            found, errors = memories(project, one, run.emit, **asked)
            known = history_of(project)
            added[one.name] = rebuilt(project.name, one.name, found, known.runs(one.name, limit=None), built)
            known.close()
            own = {} if one.provider == "existing" else {"environment_of": project.checkout}
            for record in added[one.name]:
                journal_file.append(project.data, record | own)
            where = f"{one.name}/" if len(environments) > 1 else ""  # environments have hosts of the same name
            codes = [report(run.emit, f"{where}{name}", error) for name, error in errors.items()]
            run.code = worst_exit([run.code, *codes])
            if not errors:  # what no host remembers of a killed run, nobody does
                for killed, about in at_work.killed(project.data).items():
                    if about["environment"] == one.name:
                        at_work.forget(project.data, killed)
            for name in found:
                run.emit(HostDone(f"{where}{name}", "ok"))
            run.emit(Notice(f"{one.name}: runs added: {len(added[one.name])} (asked {len(found)} hosts)"))
        history_of(project).close()
        run.extra["added"] = added
        run.extra["environments"] = names
