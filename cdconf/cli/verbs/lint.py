"""`cdconf lint`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.flags import Flags
from cdconf.cli.options import no_code_option, output_options, project_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.catalog.findings import LintFinding
    from cdconf.cli.context import Run
    from cdconf.errors import CdconfError


@click.command()
@project_options
@click.option("--policy", metavar="FILE", type=click.Path(), help="Check this operator's policy, and nothing else.")
@click.option("--strict", is_flag=True, help="Also exit with 1 for warnings.")
@click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0, for code hosts and editors.")
@no_code_option
@output_options
def command(policy: str | None, strict: bool, sarif: bool, **given: Any) -> None:
    """Check all files of the project: every role, every environment, every host. Contacts no host.

    Templates are rendered with each host's last-seen facts, or with sample facts where there are none. Errors stop the
    project from working. Warnings point at valid text that was probably meant otherwise. Exit code 1: errors.

    --policy checks an operator's policy, and whether the names in it exist in the project.

    Example: cdconf lint --strict
    """
    from cdconf.errors import FAILED, UsageError
    from cdconf.lint.examine import examine
    from cdconf.lint.project import fact_ages

    flags = Flags(**given)
    if sarif:
        if flags.as_json:
            raise UsageError("--sarif and --json exclude each other")
        if policy is not None:
            raise UsageError("--sarif and --policy exclude each other: SARIF is for the project's own files")
        raise SystemExit(_sarif(Path(flags.directory), strict=strict))
    with run_of("lint", None, flags) as run:
        if policy is not None:
            _check_policy(run, Path(policy), strict=strict)
            return
        errors, warnings = examine(run.project)
        run.extra["errors"] = [error.as_dict() for error in errors]
        run.extra["warnings"] = [warning.as_dict() for warning in warnings]
        ages = fact_ages(run.project)
        run.extra["facts_age_s"] = ages
        run.code = FAILED if errors or (strict and warnings) else 0
        if not flags.as_json:
            _show(errors, warnings, len(run.project.filed()))
            _show_ages([age for hosts in ages.values() for age in hosts.values() if age is not None])


def _check_policy(run: Run, path: Path, *, strict: bool) -> None:
    from cdconf.errors import FAILED, CdconfError, UsageError
    from cdconf.promotion.policy import read_file
    from cdconf.promotion.policy_lint import findings

    errors: list[CdconfError] = []
    warnings: list[LintFinding] = []
    try:
        found = read_file(path)
        if found is None:
            raise UsageError(f"there is no file {path}")
        warnings = findings(found, run.project)
    except UsageError:
        raise
    except CdconfError as error:
        errors = [error]
    run.extra["errors"] = [error.as_dict() for error in errors]
    run.extra["warnings"] = [warning.as_dict() for warning in warnings]
    run.code = FAILED if errors or (strict and warnings) else 0
    if not run.flags.as_json:
        _say(errors, warnings)
        click.echo(f"{_counts(errors, warnings)} in {path}")


def _show(errors: Sequence[CdconfError], warnings: Sequence[LintFinding], environments: int) -> None:
    _say(errors, warnings)
    click.echo(f"{_counts(errors, warnings)} in {environments} environments")


def _say(errors: Sequence[CdconfError], warnings: Sequence[LintFinding]) -> None:
    for word, found in (("error", errors), ("warning", warnings)):
        for one in found:
            click.echo(f"{word}: {one}" + (f" [{getattr(one, 'rule', '')}]" if word == "warning" else ""))
            if one.hint:
                click.echo(f"  hint: {one.hint}")


def _counts(errors: Sequence[CdconfError], warnings: Sequence[LintFinding]) -> str:
    return f"{_count(errors, 'error')}, {_count(warnings, 'warning')}" if warnings else _count(errors, "error")


def _show_ages(known: Sequence[float]) -> None:
    from cdconf.facts import age_text

    if known:
        seen = f"{_count(known, 'host')} (at most {age_text(max(known))} ago)"
        click.echo(f"facts: as last seen of {seen}; others: a sample")


def _count(found: Sequence[object], word: str) -> str:
    return f"{len(found) or 'no'} {word}" + ("" if len(found) == 1 else "s")


def _sarif(directory: Path, *, strict: bool) -> int:
    """A project that can't be read at all is a finding like the others."""
    from cdconf.errors import FAILED, InvalidFile
    from cdconf.inventory import load_project
    from cdconf.lint.examine import examine
    from cdconf.render import sarif

    warnings: list[LintFinding] = []
    errors: list[CdconfError]
    try:
        project = load_project(directory)
        root = project.root
        errors, warnings = examine(project)
    except InvalidFile as error:
        start = directory.resolve()
        root = next((path for path in (start, *start.parents) if (path / "cdconf.yml").is_file()), start)
        errors = [error]
    click.echo(json.dumps(sarif.document(errors, warnings, root), indent=1))
    return FAILED if errors or (strict and warnings) else 0
