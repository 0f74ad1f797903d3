"""`cdconf cases`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.flags import Flags
from cdconf.cli.options import output_options, project_options
from cdconf.inside import check_inside
from cdconf.scratch import scratch

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.inventory import Project


@click.command()
@click.argument("types", nargs=-1, metavar="[TYPE...]")
@project_options
@click.option("-k", "--only", "text", metavar="TEXT", default="", help="Only cases whose name holds TEXT.")
@click.option(
    "--os", metavar="OS", default="debian-12", help="The operating system of the container (default debian-12)."
)
@output_options
def command(types: tuple[str, ...], text: str, os: str, **given: Any) -> None:
    """Run the test cases of resource types in a new container (default: of the project's own types).

    Each case is checked, applied, applied again and checked again. docs/resource-types.md says how to write cases.

    Example: cdconf cases haproxy
    """
    from cdconf.inventory import load_project

    flags = Flags(**given)
    project = load_project(Path(flags.directory))
    chosen = _chosen(project, types)
    with scratch("cases") as folder:
        _write(folder, project, os)
        with run_of("cases", "cases", replace(flags, directory=str(folder))) as run:
            _run(run, chosen, text)


def _chosen(project: Project, types: tuple[str, ...]) -> dict[str, Path]:
    """Name -> folder of the types whose cases are to run."""
    from cdconf.errors import UsageError, nearest_or_all
    from cdconf.resources.discovery import is_own, type_folders

    folders = type_folders(project.root, project.type_packages)
    for name in types:
        if name not in folders:
            raise UsageError(f"there is no resource type '{name}'", hint=nearest_or_all(name, sorted(folders)))
    chosen = {name: folders[name] for name in types} or {
        name: folder for name, folder in folders.items() if not is_own(folder)
    }
    if not chosen:
        raise UsageError(
            "the project has no resource types of its own", hint="name a type of cdconf: `cdconf cases file`"
        )
    return chosen


def _write(folder: Path, project: Project, os: str) -> None:
    """A project of its own, with the types of the one that's asked about."""
    own = project.root / "resources"
    if own.is_dir():
        for path in own.rglob("*"):
            check_inside(path, project.root, str(path.relative_to(project.root)))
        shutil.copytree(own, folder / "resources", ignore=shutil.ignore_patterns("__pycache__"))
    top = {"project": "cases", "groups": {"every": ["case"]}, "type_packages": list(project.type_packages)}
    hosts = {"provider": "docker", "hosts": {"host": {"groups": ["every"], "os": os}}}
    for name, content in {
        "cdconf.yml": top,
        "inventories/cases/hosts.yml": hosts,
        "roles/case/role.yml": {"resources": []},
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def _run(run: Run, folders: dict[str, Path], text: str) -> None:
    from cdconf.authoring.cases import CaseFailed, CaseHost, cases_of, run_case
    from cdconf.environments import provider_for
    from cdconf.errors import FAILED, CdconfError, UsageError
    from cdconf.events import Notice
    from cdconf.session.bundle import bundle

    bundle(run.project.root, run.project.type_packages)  # what can't run on a host is told before one is made
    cases = [(name, case) for name, folder in folders.items() for case in cases_of(folder) if text in case["name"]]
    if not cases:
        raise UsageError(f"no case of {', '.join(folders)} is chosen")
    provider = provider_for(run.project, run.environment)
    results: list[dict[str, Any]] = []
    run.extra["cases"] = results
    try:
        located = provider.ensure(run.selected(), run.emit)
        host = CaseHost(run.project, run.environment, located["host"])
        host.prepare()
        for name, case in cases:
            problem = None
            try:
                run_case(host, case)
            except (CaseFailed, CdconfError) as error:
                problem = str(error)
                run.code = FAILED
            results.append({"type": name, "name": case["name"], "ok": problem is None, "message": problem})
            run.emit(Notice(f"{name}: {case['name']}: {problem or 'ok'}", warning=problem is not None))
        host.leave()
    finally:
        provider.destroy(run.emit)
