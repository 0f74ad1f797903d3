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
    """Rebuild the history from the records that hosts of ENV, or of all environments, keep of their runs.

    Only missing runs are added, and marked as rebuilt. A host keeps the last 100 events of each app, and the last 30
    runs of `provision` that changed something: who, when, which release, and why it was rolled back or pinned.
    Statements in the artifact store tell how releases came to be. Exit code 4: a host was unreachable; the records of
    all others were added.

    Example: cdconf history rebuild production
    """
    from cdconf.cli.show.history_rows import built_by
    from cdconf.engine.reports import report
    from cdconf.errors import worst_exit
    from cdconf.events import HostDone, Notice, Step
    from cdconf.history import journal_file
    from cdconf.history.host_memories import memories
    from cdconf.history.rebuild import rebuilt
    from cdconf.history.team import history_of
    from cdconf.inventory import load_environment
    from cdconf.session import active_runs

    with run_of("history", None, flags) as run:
        project = run.project
        names = [environment] if environment is not None else list(project.environments())
        environments = [load_environment(project, name) for name in names]
        built = built_by(project, run.emit)
        added: dict[str, list[dict[str, Any]]] = {}
        for one in environments:
            run.emit(Step(f"asking {one.name}: {', '.join(one.hosts)}"))
            found, errors = memories(project, one, run.emit, run.flags.connecting)
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
                for killed, about in active_runs.killed(project.data).items():
                    if about["environment"] == one.name:
                        active_runs.forget(project.data, killed)
            for name in found:
                run.emit(HostDone(f"{where}{name}", "ok"))
            run.emit(Notice(f"{one.name}: runs added: {len(added[one.name])} (asked {len(found)} hosts)"))
        history_of(project).close()
        run.extra["added"] = added
        run.extra["environments"] = names
