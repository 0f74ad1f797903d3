"""`cdconf init`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command()
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", metavar="NAME", help="The project's name (default: taken from the directory's name).")
def command(directory: Path, name: str | None) -> None:
    """Write a new project to DIR (default: here): a small app, a role, production, and a staging of containers.

    The project gets DIR's name. The app is an example, always called hello: replace it with your own.

    The project is ready for provision, build and deploy. `init` asks nothing and changes no existing file.

    Example: cdconf init shop
    """
    from cdconf.authoring.new_project import name_for, write_project
    from cdconf.authoring.schemas import ABOUT
    from cdconf.cli.verbs.schema import maker, write
    from cdconf.inventory import load_project

    written = write_project(directory, name or name_for(directory))
    for path in written.new:
        click.echo(f"wrote {directory / path}")
    for path in written.kept:
        click.echo(f"kept {directory / path}, which was there", err=True)
    project = load_project(directory)
    write(list(ABOUT), maker(project), project.data / "schemas")
    click.echo(f"project '{project.name}', with an example app that is called hello", err=True)
    _next_steps(directory)


def _next_steps(directory: Path) -> None:
    here = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
    click.echo(
        f"""
Next:
  {here}git init && git add -A && git commit -m 'A new project'
  cdconf provision staging             # containers that are a copy of production
  cdconf build hello
  cdconf deploy hello --to staging
""".rstrip(),
        err=True,
    )
