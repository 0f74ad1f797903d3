"""`cdconf history`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names, environment_names
from cdconf.cli.context import run_of
from cdconf.cli.history_mark import command as mark
from cdconf.cli.options import connection_options, output_options, project_options


class _History(click.Group):
    """`cdconf history staging` is `cdconf history show staging`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "-h", "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


def check_name(what: str, name: str | None, known: list[str]) -> None:
    """A misspelt name isn't a name without history.

    Raises:
        UsageError: It isn't among the known ones.
    """
    from cdconf.errors import UsageError, did_you_mean

    if name is not None and name not in known:
        hint = did_you_mean(name, known) or f"there are: {', '.join(sorted(set(known))) or 'none'}"
        raise UsageError(f"there is no {what} '{name}', nor was there one", hint=hint)


@click.group(cls=_History)
def command() -> None:
    """Show what happened, as `history show` does; or build the history again from what hosts remember.

    Example: cdconf history staging --limit 5
    """


command.add_command(mark)


@command.command()
@click.argument("environment", required=False, shell_complete=environment_names)
@project_options
@click.option("--app", metavar="APP", shell_complete=app_names, help="Only runs of this app.")
@click.option("--limit", "count", metavar="N", type=click.IntRange(1), default=20, help="How many (default 20).")
@output_options
def show(environment: str | None, app: str | None, count: int, **flags: Any) -> None:
    """Show what happened, the newest first: every run that could change something, and how it ended.

    Runs that were rebuilt from what hosts remember are marked; with -v, each event that the hosts told is listed.

    Example: cdconf history show staging --limit 5
    """
    from cdconf.cli.history_rows import events_of, row_of
    from cdconf.cli.killed import killed_here
    from cdconf.cli.line_shown import healed_among
    from cdconf.cli.tables import show as show_table
    from cdconf.history.team import history_of

    with run_of("history", None, flags) as run:
        history = history_of(run.project)
        check_name("environment", environment, [*run.project.environments(), *history.environments()])
        check_name("app", app, [*run.project.apps, *history.apps()])
        runs = history.runs(environment, app, count)
        run.extra["killed"] = killed_here(run, history, environment)
        history.close()
        run.extra["runs"] = runs
        healed = healed_among(run, runs)
        for one in runs:
            if one.get("overridden"):
                one["healed"] = one["overridden"] in healed
        if not flags["as_json"]:
            titles = ["when", "command", "environment", "what", "result", "took", "who", "error"]
            here = run.project.checkout
            rows: list[list[str]] = []
            red: set[int] = set()
            for one in runs:
                red |= {len(rows)} if one.get("healed") is False else set()
                rows += [row_of(one, here), *events_of(one, flags["verbose"])]
            show_table(titles, rows, red)


@command.command()
@click.argument("environment", required=False, shell_complete=environment_names)
@project_options
@connection_options
@output_options
def rebuild(environment: str | None, **flags: Any) -> None:
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
