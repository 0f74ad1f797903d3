"""`cdconf artifact`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import app_names, artifacts
from cdconf.cli.context import run_of
from cdconf.cli.options import connection_options, output_options, project_options

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact, ArtifactStore
    from cdconf.cli.context import Run


@click.group()
def command() -> None:
    """List, inspect, sign, verify, add and remove artifacts in the artifact store.

    Example: cdconf artifact list
    """


@command.command("list")
@click.argument("app", required=False, shell_complete=app_names)
@project_options
@output_options
def list_(app: str | None, **flags: Any) -> None:
    """List artifacts, the newest first."""
    from datetime import datetime

    from cdconf.artifacts import ArtifactStore
    from cdconf.cli.show.tables import show

    with run_of("artifact", None, flags) as run:
        found = ArtifactStore(run.project, emit=run.emit).list(app)
        run.extra["artifacts"] = [dataclasses.asdict(artifact) for artifact in found]
        if not run.flags.as_json:
            rows = [
                [
                    artifact.label,
                    artifact.archive[:12],
                    (artifact.commit or "")[:10] + ("+dirty" if artifact.dirty else ""),
                    f"{artifact.size / 1e6:.1f} MB",
                    datetime.fromtimestamp(artifact.built_at).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                ]
                for artifact in found
            ]
            show(["artifact", "sha256", "commit", "size", "built"], rows)


@command.command("show")
@click.argument("reference", shell_complete=artifacts)
@click.option("--log", "with_log", is_flag=True, help="Print the build's log instead.")
@project_options
@output_options
def show_(reference: str, with_log: bool, **flags: Any) -> None:
    """Show an artifact's details and its provenance."""
    from cdconf.artifacts import ArtifactStore
    from cdconf.errors import ArtifactError

    with run_of("artifact", None, flags) as run:
        store = ArtifactStore(run.project, emit=run.emit)
        found = store.find(reference)
        run.extra["artifact"] = dataclasses.asdict(found)
        if with_log:
            log = store.log(found)
            if log is None:
                raise ArtifactError(f"the store has no build log of {found.label}")
            run.extra["log"] = log
            if not run.flags.as_json:
                click.echo(log, nl=False)
            return
        _show(run, store, found)


def _show(run: Run, store: ArtifactStore, found: Artifact) -> None:
    import json

    from cdconf.artifacts import provenance
    from cdconf.artifacts.dsse import keyids

    envelope = store.provenance(found)
    statement = provenance.read(envelope) if envelope else None
    run.extra |= {"provenance": statement, "envelope": envelope, "signature": _signature(run, store, found)}
    if run.flags.as_json:
        return
    for name, value in dataclasses.asdict(found).items():
        click.echo(f"{name}: {value}")
    click.echo(f"signed by: {', '.join(keyids(envelope)) if envelope and keyids(envelope) else 'nobody'}")
    click.echo(f"signature: {run.extra['signature']}")
    click.echo("provenance: " + (json.dumps(statement, indent=1) if statement else "none"))


def _signature(run: Run, store: ArtifactStore, found: Artifact) -> str:
    """What is to be thought of it, in words: showing an artifact isn't judging it."""
    from cdconf.artifacts import provenance
    from cdconf.errors import ArtifactError

    try:
        signer = provenance.check(run.project, found, store.provenance(found))
    except ArtifactError as error:
        return f"refused: {error.message}"
    return f"trusted: {signer}" if signer else "not judged: the project has no trusted keys"


@command.command()
@click.argument("reference", shell_complete=artifacts)
@project_options
@output_options
def verify(reference: str, **flags: Any) -> None:
    """Check an artifact's signature, and that its archive and tree match their digests."""
    from cdconf.artifacts import ArtifactStore
    from cdconf.artifacts.provenance import check_aloud
    from cdconf.events import Notice

    with run_of("artifact", None, flags) as run:
        store = ArtifactStore(run.project, emit=run.emit)
        found = store.find(reference)
        signer = check_aloud(run.project, found, store.provenance(found), run.emit)
        store.manifest(found, fresh=True)
        run.extra |= {"artifact": dataclasses.asdict(found), "signed_by": signer}
        run.emit(Notice(f"{found.label} matches its digests{f', signed by {signer}' if signer else ''}"))


@command.command()
@click.argument("reference", shell_complete=artifacts)
@project_options
@output_options
def sign(reference: str, **flags: Any) -> None:
    """Sign an artifact, as the store describes it, with this project's key."""
    from cdconf.artifacts import ArtifactStore
    from cdconf.events import Notice

    with run_of("artifact", None, flags) as run:
        store = ArtifactStore(run.project, emit=run.emit)
        found = store.find(reference)
        keyid = store.sign(found)
        run.extra |= {"artifact": dataclasses.asdict(found), "signed_by": keyid}
        run.record_as("artifact sign", f"by {keyid}", found)
        run.emit(Notice(f"{found.label} is signed by {keyid}"))


@command.command()
@click.argument("app", shell_complete=app_names)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--version",
    help="The artifact's version (default: the part of the file's name that matches `*` in the app's `artifact`).",
)
@project_options
@output_options
def add(app: str, file: Path, version: str | None, **flags: Any) -> None:
    """Add an artifact that was built elsewhere: a tar (.gz, .bz2, .xz, .zst), a zip, a wheel, or a single file."""
    from cdconf.artifacts import ArtifactStore
    from cdconf.artifacts.choose import add_file, version_of_file
    from cdconf.errors import UsageError, nearest_or_all
    from cdconf.events import Notice

    with run_of("artifact", None, flags) as run:
        if app not in run.project.apps:
            raise UsageError(f"cdconf.yml has no app '{app}'", hint=nearest_or_all(app, run.project.apps))
        version = version or version_of_file(run.project, app, file)
        if version is None:
            raise UsageError(f"the name '{file.name}' contains no version", hint="say it with --version")
        found = add_file(ArtifactStore(run.project, emit=run.emit), app, version, file)
        run.extra["artifact"] = dataclasses.asdict(found)
        run.record_as("artifact add", f"sha256 {found.archive[:12]}", found)
        run.emit(Notice(f"added {found.label}, sha256 {found.archive[:12]}"))


@command.command()
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(1),
    default=10,
    help="Keep the newest N artifacts of each app (default 10).",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option(
    "--without",
    metavar="ENV",
    multiple=True,
    help="Don't ask ENV's hosts, which other checkouts made; use what their deployments recorded in the store.",
)
@click.option(
    "--forget",
    metavar="CHECKOUT/ENV",
    multiple=True,
    help="Ignore what the store says about this environment's hosts, because they no longer exist.",
)
@project_options
@connection_options
@output_options
def gc(keep: int, dry_run: bool, without: tuple[str, ...], forget: tuple[str, ...], **flags: Any) -> None:
    """Remove old artifacts that no host runs or could roll back to. Asks all hosts of all environments.

    All artifacts of an app stay if one of its hosts doesn't answer (exit code 4), or answers but can't tell which
    releases it has (exit code 1). Artifacts also stay while a deployment is bringing them to hosts, and while the store
    says that hosts of another checkout may have them.
    """
    from cdconf.cli.verbs.artifact_gc import collect

    with run_of("artifact", None, flags) as run:
        collect(run, keep, without, forget, dry_run=dry_run)
