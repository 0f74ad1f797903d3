"""`cdconf procedure`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import app_names
from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.promotion.procedure import Procedure

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@click.command()
@click.argument("app", metavar="APP", shell_complete=app_names)
@project_options
@click.option("--from", "before", metavar="REV", help="Show what changed since this revision.")
@click.option("--to", "after", metavar="REV", help="The revision to show, or to compare with (default: HEAD).")
@output_options
def command(app: str, before: str | None, after: str | None, **flags: Any) -> None:
    """Show the procedure that brings APP to its hosts: the files it consists of, or what changed in them.

    The procedure consists of: the roles of the app's groups and of its drain group, with their templates, files and
    smoke tests; the project's resource types; the blocks of the app and its groups in cdconf.yml; the stages with their
    inputs; and the agent's code. Variables aren't part of it: they belong to the environment.

    Each statement of a stage names the procedure's digest. Exit code 2: with --from, the two procedures differ.

    Example: cdconf procedure shop --from HEAD~1
    """
    from cdconf.promotion.procedure import procedure_of

    with run_of("procedure", None, flags) as run:
        found = procedure_of(run.project.root, after or "HEAD", app, strict=False)
        run.extra |= {"app": app, "procedure": _document(found)}
        if before is not None:
            _compare(run, procedure_of(run.project.root, before, app, strict=False), found)
            return
        if after is None:
            run.extra["provable"] = _is_provable(run, app)
        if not run.flags.as_json:
            print(f"{app}: {found.digest}, of commit {found.commit[:10]}")
            for part in found.parts:
                print(f"  {part.kind} {part.name}{f'  {part.digest}' if run.flags.verbose else ''}")


def _compare(run: Run, old: Procedure, new: Procedure) -> None:
    from dataclasses import asdict

    from cdconf.errors import DIFFERENT, OK
    from cdconf.promotion.changes import changes

    found = changes(old, new)
    run.extra |= {"procedure_from": _document(old), "changes": [asdict(change) for change in found]}
    run.code = DIFFERENT if found else OK
    if run.flags.as_json:
        return
    if not found:
        print(f"the same procedure at {old.commit[:10]} and {new.commit[:10]}: {new.digest}")
        return
    print(f"{old.digest}, of commit {old.commit[:10]}\n{new.digest}, of commit {new.commit[:10]}")
    for change in found:
        print(f"  {_SIGNS[change.how]} {change.kind} {change.name}")
    if any(change.kind == "order" for change in found):
        print("  (order: in which the groups, or the stages, stand in cdconf.yml)")


def _is_provable(run: Run, app: str) -> bool:
    """Whether a run of this work tree could prove anything; says why not."""
    from cdconf.errors import InvalidFile
    from cdconf.events import Notice
    from cdconf.promotion.errors import NotProvable
    from cdconf.promotion.procedure import procedure

    try:
        procedure(run.project.root, "HEAD", app)
    except (NotProvable, InvalidFile) as error:
        run.emit(Notice(str(error), warning=True))
        return False
    return True


def _document(found: Procedure) -> dict[str, Any]:
    from dataclasses import asdict

    return {"digest": found.digest, "commit": found.commit, "parts": [asdict(part) for part in found.parts]}
