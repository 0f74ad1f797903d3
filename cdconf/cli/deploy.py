"""`cdconf deploy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import artifacts
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import connection_options, output_options, override_option, project_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.artifacts import Artifact
    from cdconf.cli.context import Run
    from cdconf.inventory import Host
    from cdconf.promotion.passing import Passing


@click.command()
@click.argument("artifact", required=False, shell_complete=artifacts)
@environment_option("--to", "--env", required=True)
@project_options
@connection_options
@click.option(
    "--stage", metavar="NAME", help="Pass this stage of the pipeline: deploy to all hosts, and sign that it went well."
)
@override_option
@click.option("--unpin", metavar="REASON", help="Try an artifact again that failed here before.")
@click.option("--resume", is_flag=True, help="End an interrupted deployment of the app ARTIFACT, and begin no other.")
@click.option(
    "--forget-migrations", is_flag=True, help="Migrate anew, since the database was restored to an older state."
)
@click.option(
    "--others",
    metavar="DIR",
    hidden=True,
    type=click.Path(),
    help="Where the deployments of the stage's other artifacts have left what they proved.",
)
@click.option("--not-last", is_flag=True, hidden=True, help="Leave it there, for the stage's last deployment to say.")
@click.option("--goes-on", is_flag=True, hidden=True, help="Test hosts again to which this stage has deployed it.")
@output_options
def command(artifact: str | None, environment: str, unpin: str | None, resume: bool, **flags: Any) -> None:
    """Push ARTIFACT to ENV, batch by batch; verify it; roll every touched host back when anything fails.

    ARTIFACT is an app's name (the build of the nearest ancestor of HEAD), app@version, a digest prefix of 8 digits
    or more, or a file; a file that isn't in the artifact store is added to it.

    The expand migration runs once for each release, and hosts remember that it did. With --forget-migrations they
    forget it, and every contract too.

    Where ENV asks for proof, see `cdconf gates`, nothing goes there without. A deployment that ends well to an
    environment which a stage of the pipeline names makes such a proof, if the stage's key is here; --stage demands
    one, and runs the stage's own command as the last test. --override needs a key of its own, and everybody sees it.

    Hosts remember an interrupted deployment, and `status` shows where it stands. With --resume, it's confirmed when
    every host of the app has the release and it proves well once more; finished when it was confirmed on some hosts;
    and else rolled back, which exits with 1. One that was cut short before it touched a host leaves nothing to end.

    Example: cdconf deploy shop --to staging
    """
    from cdconf.cli.proven import procedure_now
    from cdconf.deploy.deployment import Deployment, choose, deploy, touched_hosts
    from cdconf.errors import UsageError

    if resume:
        _resume(artifact, environment, unpin, flags)
        return
    from cdconf.cli.passing import pass_gate, stage_run
    from cdconf.promotion.procedures import Procedures

    with run_of("deploy", environment, flags) as run:
        if artifact is None:
            raise UsageError("which artifact?", hint=f"there are the apps: {', '.join(run.project.apps) or 'none'}")
        chosen = choose(run.project, artifact, run.emit)
        run.extra |= {"app": chosen.app, "version": chosen.version, "artifact": chosen.archive}
        if chosen.commit and not chosen.dirty:
            run.noted["built_from"] = chosen.commit
        if unpin:
            run.extra["unpinned"] = unpin
        if flags["forget_migrations"]:
            run.extra["detail"] = "migrations forgotten"
        read = Procedures(run.project.root)
        others, is_last = flags["others"], not flags["not_last"]
        line = stage_run(run, chosen.app, flags["stage"], read, others, is_last=is_last)
        passing = pass_gate(run, chosen, flags["override"], read)
        line.gate = passing.again
        hosts = touched_hosts(run.project, run.environment, run.project.apps[chosen.app])
        run.start(hosts)
        line.parity = _check_environment(run, hosts, chosen, passing)
        options = Deployment(
            flags["forks"],
            flags["accept_new_host_keys"],
            unpin,
            forget_migrations=flags["forget_migrations"],
            procedure=procedure_now(run, chosen.app, read),
            line=line,
            goes_on=flags["goes_on"],
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
    from cdconf.deploy.required import check_required, required
    from cdconf.errors import GateClosed
    from cdconf.events import Notice

    accept = run.flags["accept_new_host_keys"]
    names = required(run.project, run.environment)
    if not names:
        return None
    try:
        check_required(run.project, run.environment, artifact, run.emit, accept_new_host_keys=accept)
    except GateClosed as error:
        if not passing.is_overridden:
            raise
        run.emit(Notice(f"OVERRIDDEN: {error.message}", warning=True))
        return {"with": names, "alike": False}
    return {"with": names, "alike": True}


def _resume(name: str | None, environment: str, unpin: str | None, flags: dict[str, Any]) -> None:
    from cdconf.cli.passing import stage_run
    from cdconf.deploy.choose import named_app
    from cdconf.deploy.deployment import Deployment, resume, touched_hosts
    from cdconf.errors import UsageError

    with run_of("deploy", environment, flags) as run:
        if unpin:
            raise UsageError("--unpin begins a deployment anew, and --resume begins none")
        if flags["forget_migrations"]:
            raise UsageError("--forget-migrations migrates anew, and --resume never migrates")
        for option in ("stage", "override"):
            if flags[option]:
                raise UsageError(f"--{option} is for a deployment that begins, and --resume begins none")
        app = named_app(run.project, name)
        run.extra |= {"app": app.name, "resumed": True}
        run.start(touched_hosts(run.project, run.environment, app))
        line = stage_run(run, app.name)
        options = Deployment(flags["forks"], flags["accept_new_host_keys"], line=line, mask=run.mask)
        ended = resume(run.project, run.environment, app, run.emit, options)
        run.extra |= ended | {"version": (ended["release"] or "").rpartition("-")[0] or None}
