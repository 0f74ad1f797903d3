"""`cdconf history verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.history.verify import JournalFinding, Verified

_WORDS = {"cut_out": "CUT OUT", "rewritten": "REWRITTEN", "lost": "lost", "added": "added", "damaged": "damaged"}


@click.command("verify")
@project_options
@output_options
def command(**flags: Any) -> None:
    """Check that nobody removed or rewrote entries of this checkout's journal.

    Each entry holds a hash of all entries before it, and signed statements in the artifact store hold the hash of the
    last entry at their time. The command names entries that were removed or rewritten, and checkouts whose journal is
    neither here nor in the team's database. It also counts the entries that no signed statement covers yet.

    Exit code 1: entries were removed or rewritten. 2: the journal of a checkout is missing.

    Example: cdconf history verify
    """
    from dataclasses import asdict

    from cdconf.errors import DIFFERENT, FAILED
    from cdconf.pipeline.verified import verify_history

    with run_of("history", None, flags) as run:
        found, elsewhere = verify_history(run.project, run.emit)
        findings = [*found.findings, *elsewhere]
        run.extra["verified"] = {
            "checkout": run.project.checkout,
            "entries": found.entries,
            "covered": found.covered,
            "covered_by": found.by,
            "uncovered": found.uncovered,
            "uncovered_since": found.uncovered_since,
            "findings": [asdict(finding) for finding in findings],
        }
        kinds = {finding.kind for finding in findings}
        run.code = FAILED if kinds & {"cut_out", "rewritten"} else DIFFERENT if "lost" in kinds else 0
        if not run.flags.as_json:
            _show(found, findings)


def _show(found: Verified, findings: list[JournalFinding]) -> None:
    from cdconf.cli.show.history_rows import when
    from cdconf.render.words import shown

    for finding in findings:
        which = (
            f"entry {finding.first}" if finding.first == finding.last else f"entries {finding.first} to {finding.last}"
        )
        click.echo(shown(f"{_WORDS[finding.kind]}: {which} {finding.text}"))
    by = f" ({found.by})" if found.by else ""
    click.echo(f"{found.entries} entries in this checkout's journal; signed heads cover {found.covered} of them{by}")
    if found.uncovered:
        since = f", since {when(found.uncovered_since)}" if found.uncovered_since is not None else ""
        click.echo(f"no signed head covers the last {found.uncovered} yet{since}: the next statement does")
    if not findings:
        click.echo("nothing was cut out, rewritten or lost")
