"""`contract`: which databases it is about, and the hosts that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.inventory import App, Environment, Project

from cdconf.deploy.contract import Contract, ContractOptions
from cdconf.deploy.contract_each import EachContract
from cdconf.deploy.held_hosts import app_hosts
from cdconf.engine import open_fleet
from cdconf.engine.reports import refuse, report
from cdconf.errors import InvalidFile
from cdconf.events import Emit


def contract(
    project: Project, environment: Environment, app: App, emit: Emit, options: ContractOptions, facts: dict[str, Any]
) -> int:
    """Runs the contract migration of the release that runs, unless it ran already; with `check`, only looks.

    Args:
        project: The project.
        environment: The environment.
        app: The app.
        emit: The event stream.
        options: See `ContractOptions`.
        facts: Gets facts for the JSON document as they are found out: `release`, `version`, `artifact`, `forgotten`
            (host -> releases that it no longer goes back to), `state` (`ran`, `ran_before`, `would_run`), `migration`
            (its entry).

    Returns:
        The exit code.

    Raises:
        GateClosed: A host runs, or could go back to, a release that may need what's removed; or a lease is held.
            Nothing was run.
        InvalidFile: The app has no contract migration.
        MigrationFailed: It failed; what it did stays done.
        Unreachable: A host doesn't answer: nothing was run; or it fell silent after that, and couldn't be told.
    """
    if app.migrate.contract is None:
        text = f"app '{app.name}' has no contract migration"
        raise InvalidFile(text, file=app.file, line=app.line, hint="name its command in `migrate: {contract: …}`")
    kind = EachContract if app.migrate.each else Contract
    hosts = app_hosts(project, environment, app)
    with open_fleet(project, environment, f"contract {app.name}", emit, options.connecting) as fleet:
        errors = fleet.connect(hosts, lease=not options.check)
        refuse(errors, emit)
        for name, error in errors.items():
            report(emit, name, error)
        for error in errors.values():
            raise error
        return kind(fleet, app, hosts, emit, options, facts).run()
