"""`cdconf import`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdconf.cli.options import project_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.importing import ImportFinding, ImportReport


@click.group()
def command() -> None:
    """Import hosts, groups, variables and secrets from another tool.

    Example: cdconf import ansible-inventory inventories/production --vault-password-file vault.txt
    """


@command.command("ansible-inventory")
@click.argument("path", type=click.Path(path_type=Path))
@project_options
@click.option("--environment", metavar="NAME", help="The environment to make (default: from PATH's name).")
@click.option(
    "--vault-password-file",
    "password_files",
    metavar="FILE",
    multiple=True,
    help="The password of Ansible vaults (may be repeated).",
)
@click.option(
    "--playbook-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Also read group_vars/ and host_vars/ of this directory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def ansible_inventory(
    path: Path,
    directory: str,
    environment: str | None,
    password_files: tuple[str, ...],
    playbook_dir: Path | None,
    as_json: bool,
) -> None:
    """Make an environment from an Ansible inventory: a file (INI, YAML), or a directory with *_vars/.

    Every host gets the same values that it has in Ansible. Existing files are never overwritten.
    """
    from cdconf.importing import import_inventory
    from cdconf.importing.vault import Passwords

    began = time.monotonic()
    report = import_inventory(path, Path(directory), environment, Passwords.read(password_files), playbook_dir)
    if as_json:
        _print_json(report, time.monotonic() - began)
    else:
        _print(report)


def _print_json(report: ImportReport, took: float) -> None:
    import json

    from cdconf.events import RunResult
    from cdconf.render.jsonout import document

    imported = report.as_dict()
    result = RunResult("import", report.environment, duration_s=took, extra={"imported": imported})
    click.echo(json.dumps(document(result), indent=1))


def _print(report: ImportReport) -> None:
    _section("hosts that have other names now", [f"{old}: {new}" for old, new in report.hosts.items() if old != new])
    _section("renamed", report.renamed)
    _section("moved, so that every host keeps its values", report.moved)
    _section("not taken over", report.not_taken)
    _section("expressions that only Ansible understands, kept as they are", report.templates)
    names = [name for name in (*report.secrets, *report.to_set) if name not in report.sudo_passwords]
    _section("secrets; declare them in the role that reads them: NAME: {secret: true}", names)
    _section("to do", [f"cdconf secret set {report.environment} {name}" for name in report.to_set])
    _section("add to the groups of cdconf.yml", report.add_to_project)
    _section("note", report.notes)
    _section("written", report.written)
    count = len(report.hosts)
    click.echo(f"imported {count} host{'' if count == 1 else 's'} as environment {report.environment}")


def _section(title: str, lines: Sequence[str | ImportFinding]) -> None:
    if lines:
        click.echo(f"{title}:")
        for line in lines:
            click.echo(f"  {line}")
