"""`cdconf schema`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.options import project_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.inventory import Project

FOLDER = ".cdconf/schemas"


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from cdconf.authoring.schemas import ABOUT

    return [name for name in ABOUT if name.startswith(incomplete)]


@click.command()
@click.argument("name", required=False, shell_complete=_names)
@project_options
@click.option(
    "--write",
    "folder",
    metavar="DIR",
    is_flag=False,
    flag_value="",
    help=f"Write all schemas to DIR (default: the project's {FOLDER}), each as NAME.json.",
)
def command(name: str | None, folder: str | None, directory: str) -> None:
    """Print the JSON Schema NAME (draft 2020-12), or list the schemas: every project file, and the --json output.

    Inside a project, the schemas include its own resource types and variables. Editors find a file's schema by its
    first line: `# yaml-language-server: $schema=../../.cdconf/schemas/hosts.json`.

    Example: cdconf schema --write
    """
    import json

    from cdconf.authoring.schemas import ABOUT

    if folder in ABOUT and name is None:  # `--write role` means the schema, hardly a directory of that name
        name, folder = folder, ""
    project, made = _maker(directory)
    if folder is not None:
        target = Path(folder) if folder else project.data / "schemas" if project else Path(FOLDER)
        for path in write([name] if name else list(ABOUT), made, target):
            click.echo(path)
    elif name:
        click.echo(json.dumps(made(name), indent=1, ensure_ascii=False))
    else:
        from cdconf.cli.show.tables import show

        show(["schema", "of"], [[one, about] for one, about in ABOUT.items()])


def write(names: list[str], made: Callable[[str], dict[str, Any]], folder: Path) -> list[Path]:
    """Writes schemas; returns the files."""
    import json

    from cdconf.atomic import write_public

    texts = {folder / f"{name}.json": json.dumps(made(name), indent=1, ensure_ascii=False) + "\n" for name in names}
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        write_public(path, text)
    return list(texts)


def _maker(directory: str) -> tuple[Project | None, Callable[[str], dict[str, Any]]]:
    """The project, and what makes a schema; outside of a project there are cdconf's own types only."""
    from cdconf.authoring.schemas import schema
    from cdconf.errors import UsageError
    from cdconf.inventory import load_project
    from cdconf.resources.discovery import Types

    try:
        project = load_project(Path(directory))
    except UsageError:
        if directory != ".":
            raise
        return None, lambda name: schema(name, Types())
    return project, maker(project)


def maker(project: Project) -> Callable[[str], dict[str, Any]]:
    """What makes a project's schemas."""
    from cdconf.authoring.schemas import schema
    from cdconf.resources.discovery import Types
    from cdconf.roles import load_role

    types = Types(project.root, project.type_packages)
    names = dict.fromkeys(role for group in project.groups.values() for role in group)
    return lambda name: schema(name, types, {role: load_role(project, role, types) for role in names})
