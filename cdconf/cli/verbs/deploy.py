"""`cdconf deploy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import artifacts
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.flags import Flags
from cdconf.cli.options import connection_options, limit_option, output_options, override_option, project_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.artifacts import Artifact
    from cdconf.cli.context import Run
    from cdconf.inventory import Host
    from cdconf.promotion.passing import Passing


@dataclass
class DeployFlags(Flags):
    """The options of `deploy`."""

    forget_migrations: bool = False
    others: str | None = None
    not_last: bool = False
    goes_on: bool = False


@click.command()
@click.argument("artifact", required=False, shell_complete=artifacts)
@environment_option("--to", "--env", required=True)
@project_options
@limit_option
@connection_options
@click.option("--stage", metavar="NAME", help="Deploy as this stage of the pipeline: to all hosts, and sign the proof.")
@override_option
@click.option("--check", is_flag=True, help="Show what would go where, and what stands against it; change nothing.")
@click.option("--unpin", metavar="REASON", help="Deploy an artifact although it failed here before.")
@click.option(
    "--resume",
    is_flag=True,
    help="Finish or roll back an interrupted deployment of the app ARTIFACT; start no new one.",
)
@click.option(
    "--forget-migrations",
    is_flag=True,
    help="Run the migrations again, for example after the database was restored from a backup.",
)
@click.option(
    "--others",
    metavar="DIR",
    hidden=True,
    type=click.Path(),
    help="The directory in which the deployments of the stage's other artifacts saved their results.",
)
@click.option(
    "--not-last", is_flag=True, hidden=True, help="Save the result there; the stage's last deployment signs it."
)
@click.option(
    "--goes-on",
    is_flag=True,
    hidden=True,
    help="Test the hosts again to which this stage has already deployed the artifact.",
)
@output_options
def command(artifact: str | None, environment: str, unpin: str | None, resume: bool, check: bool, **given: Any) -> None:
    """Deploy ARTIFACT to ENV, batch by batch, and verify it. If anything fails, roll back all changed hosts.

    ARTIFACT is an app's name, app@version, the first 8 or more digits of a digest, or a file. An app's name means the
    build of HEAD, or of its nearest ancestor that has one. A file is first added to the artifact store if it isn't
    there.

    The expand migration runs once for each release, and hosts remember that it ran. --forget-migrations makes hosts
    forget all expand and contract migrations.

    When ENV requires proof, an artifact without it is refused; `cdconf gates` shows what is missing. A successful
    deployment to a stage's environment signs the proof of that stage if the stage's key is on this machine. With
    --stage, the deployment also runs the stage's command as the last test, and fails if it can't sign. --override needs
    the key of the office `override`, and everybody sees it.

    Hosts remember an interrupted deployment, and `status` shows its state. --resume ends it in one of three ways. If
    some hosts have confirmed the release, the others confirm it too. If every host of the app has the release and
    passes its checks again, it is confirmed everywhere. Otherwise it is rolled back, and the exit code is 1. A
    deployment that was interrupted before it changed a host needs no --resume.

    With --limit, only those hosts get it: a canary, which `status` shows until it's finished (deploy the same artifact
    without --limit) or taken back (`cdconf rollback ENV APP --limit HOSTS`). It passes no stage, and nothing else is
    deployed while it stands.

    --check asks the hosts, without a lease, and judges the gate: what would go where, in which batches, and what
    would be refused. It exits with 2 when something would be deployed, and with 3 when that would be refused.

    Example: cdconf deploy shop --to staging
    """
    from cdconf.cli.deploy_check import check_deploy, limit_of
    from cdconf.cli.proven import procedure_now
    from cdconf.deploy.deployment import DeployOptions, choose, deploy, touched_hosts
    from cdconf.errors import UsageError

    flags = DeployFlags(**given)
    if resume:
        if check:
            raise UsageError("--check looks at a deployment that begins, and --resume begins none")
        _resume(artifact, environment, unpin, flags)
        return
    from cdconf.cli.promotion_checks import pass_gate, stage_run
    from cdconf.promotion.procedures import AppProcedures

    with run_of("deploy", environment, flags) as run:
        if flags.limit and flags.stage:
            raise UsageError("--stage is passed by a whole deployment, and --limit leaves hosts out")
        if artifact is None:
            raise UsageError(
                "no artifact is given", hint=f"there are the apps: {', '.join(run.project.apps) or 'none'}"
            )
        chosen = choose(run.project, artifact, run.emit)
        run.extra |= {"app": chosen.app, "version": chosen.version, "artifact": chosen.archive}
        if chosen.commit and not chosen.dirty:
            run.noted["built_from"] = chosen.commit
        if check:
            check_deploy(run, chosen, unpin=bool(unpin))
            return
        if unpin:
            run.extra["unpinned"] = unpin
        if flags.forget_migrations:
            run.extra["detail"] = "migrations forgotten"
        read = AppProcedures(run.project.root)
        others, is_last = flags.others, not flags.not_last
        line = stage_run(run, chosen.app, flags.stage, read, others, is_last=is_last)
        passing = pass_gate(run, chosen, flags.override, read)
        line.gate = passing.again
        hosts = touched_hosts(run.project, run.environment, run.project.apps[chosen.app])
        run.start(hosts)
        line.parity = _check_environment(run, hosts, chosen, passing)
        options = DeployOptions(
            flags.connecting,
            unpin,
            limit=limit_of(run, run.project.apps[chosen.app]),
            forget_migrations=flags.forget_migrations,
            procedure=procedure_now(run, chosen.app, read),
            line=line,
            goes_on=flags.goes_on,
            mask=run.mask,
        )
        run.extra |= deploy(run.project, run.environment, chosen, run.emit, options)


def _check_environment(run: Run, hosts: Sequence[Host], artifact: Artifact, passing: Passing) -> dict[str, Any] | None:
    """Before any host is touched: a copy keeps away from its original, and what the environment requires holds.

    Returns:
        `{"with", "alike"}` where it was compared with others.
    """
    if run.environment.copy_of is not None:
        from cdconf.catalog.offline import check_copy
        from cdconf.events import Notice

        for error in check_copy(run.compiler, hosts):
            text = f"a catalog can't be looked through for addresses of {run.environment.copy_of}: {error}"
            run.emit(Notice(text, warning=True))
    from cdconf.deploy.required_parity import check_required, required
    from cdconf.errors import GateClosed
    from cdconf.events import Notice

    names = required(run.project, run.environment)
    if not names:
        return None
    try:
        check_required(run.project, run.environment, artifact, run.emit, run.flags.connecting)
    except GateClosed as error:
        if not passing.is_overridden:
            raise
        run.emit(Notice(f"OVERRIDDEN: {error.message}", warning=True))
        return {"with": names, "alike": False}
    return {"with": names, "alike": True}


def _resume(name: str | None, environment: str, unpin: str | None, flags: DeployFlags) -> None:
    from cdconf.artifacts.choose import named_app
    from cdconf.cli.promotion_checks import stage_run
    from cdconf.deploy.deployment import DeployOptions, resume, touched_hosts
    from cdconf.errors import UsageError

    with run_of("deploy", environment, flags) as run:
        if unpin:
            raise UsageError("--unpin is for a new deployment, and --resume starts none")
        if flags.forget_migrations:
            raise UsageError("--forget-migrations is for a new deployment, and --resume never migrates")
        for option in ("stage", "override", "limit"):
            if getattr(flags, option):
                raise UsageError(f"--{option} is for a new deployment, and --resume starts none")
        app = named_app(run.project, name)
        run.extra |= {"app": app.name, "resumed": True}
        run.start(touched_hosts(run.project, run.environment, app))
        line = stage_run(run, app.name)
        options = DeployOptions(flags.connecting, line=line, mask=run.mask)
        ended = resume(run.project, run.environment, app, run.emit, options)
        run.extra |= ended | {"version": (ended["release"] or "").rpartition("-")[0] or None}
