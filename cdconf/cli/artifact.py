"""`cdconf artifact`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from cdconf.cli.complete import app_names, artifacts
from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options


@click.group()
def command() -> None:
    """Look into the artifact store.

    Example: cdconf artifact list
    """


@command.command("list")
@click.argument("app", required=False, shell_complete=app_names)
@project_options
@output_options
def list_(app: str | None, **flags: Any) -> None:
    """List artifacts, the newest first."""
    from datetime import datetime

    from cdconf.artifacts import Store
    from cdconf.cli.tables import show

    with run_of("artifact", None, flags) as run:
        found = Store(run.project).list(app)
        run.extra["artifacts"] = [dataclasses.asdict(one) for one in found]
        if not flags["as_json"]:
            rows = [
                [
                    one.label,
                    one.archive[:12],
                    (one.commit or "")[:10] + ("+dirty" if one.dirty else ""),
                    f"{one.size / 1e6:.1f} MB",
                    datetime.fromtimestamp(one.built_at).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                ]
                for one in found
            ]
            show(["artifact", "sha256", "commit", "size", "built"], rows)


@command.command("show")
@click.argument("reference", shell_complete=artifacts)
@project_options
@output_options
def show_(reference: str, **flags: Any) -> None:
    """Show all that is known of an artifact."""
    from cdconf.artifacts import Store

    with run_of("artifact", None, flags) as run:
        found = Store(run.project).find(reference)
        run.extra["artifact"] = dataclasses.asdict(found)
        if not flags["as_json"]:
            for name, value in dataclasses.asdict(found).items():
                click.echo(f"{name}: {value}")


@command.command()
@click.argument("reference", shell_complete=artifacts)
@project_options
@output_options
def verify(reference: str, **flags: Any) -> None:
    """Check that an artifact's archive and tree are what their digests say."""
    from cdconf.artifacts import Store
    from cdconf.events import Notice

    with run_of("artifact", None, flags) as run:
        store = Store(run.project)
        found = store.find(reference)
        store.verify(found)
        store.manifest(found)
        run.emit(Notice(f"{found.label} is what its digests say"))


@command.command()
@click.argument("app", shell_complete=app_names)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", required=True, help="Its version.")
@project_options
@output_options
def add(app: str, file: Path, version: str, **flags: Any) -> None:
    """Take in an artifact that was built elsewhere."""
    from cdconf.artifacts import Store
    from cdconf.deploy.choose import add_file
    from cdconf.errors import UsageError, did_you_mean
    from cdconf.events import Notice

    with run_of("artifact", None, flags) as run:
        if app not in run.project.apps:
            raise UsageError(f"cdconf.yml has no app '{app}'", hint=did_you_mean(app, run.project.apps))
        found = add_file(Store(run.project), app, version, file)
        run.extra["artifact"] = dataclasses.asdict(found)
        run.emit(Notice(f"added {found.label}, sha256 {found.archive[:12]}"))
