"""`cdconf build`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names
from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options


@click.command()
@click.argument("app", required=False, shell_complete=app_names)
@project_options
@click.option("--allow-dirty", is_flag=True, help="Also build uncommitted changes; the artifact is marked as dirty.")
@output_options
def command(app: str | None, allow_dirty: bool, **flags: Any) -> None:
    """Build the artifact of APP, or of every app, from HEAD. Each commit is built only once.

    Example: cdconf build shop
    """
    import dataclasses

    from cdconf.artifacts import build
    from cdconf.errors import UsageError, nearest_or_all
    from cdconf.events import Notice

    with run_of("build", None, flags) as run:
        apps = run.project.apps
        if app is not None and app not in apps:
            raise UsageError(f"cdconf.yml has no app '{app}'", hint=nearest_or_all(app, apps))
        built = []
        for name in [app] if app else apps:
            run.record_as("build", name)  # also when it fails
            artifact, fresh = build(run.project, apps[name], run.emit, allow_dirty=allow_dirty)
            built.append({**dataclasses.asdict(artifact), "built_now": fresh})
            if not fresh:
                run.emit(Notice(f"{artifact.label} was built before ({artifact.archive[:12]})"))
        run.extra["artifacts"] = built
        made = [f"{one['app']}@{one['version']}" for one in built if one["built_now"]]
        run.recorded = bool(made)
        if made:
            run.record_as("build", ", ".join(made), artifact if len(built) == 1 else None)
