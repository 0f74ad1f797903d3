"""`cdconf plan ENV --from REV`: two revisions of the files, and no host."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdconf.cli.options import parse_extra
from cdconf.errors import CdconfError, UsageError
from cdconf.secrets.mask import Mask

if TYPE_CHECKING:
    from cdconf.cli.verbs.plan import PlanFlags
    from cdconf.events import Event, RunResult
    from cdconf.plans.fleet import FleetPlan

HOSTS_ONLY = {
    "prune": "--prune",
    "accept_new_host_keys": "--accept-new-host-keys",
    "out": "--out",
    "take_over": "--take-over",
}


def plan_revisions(environment: str, flags: PlanFlags) -> int:
    """Compares and prints; returns the exit code.

    Raises:
        CdconfError: See `cdconf.plans.fleet.compare`; secrets are masked in it.
    """
    from cdconf.inventory import find_root
    from cdconf.plans.fleet import Question, compare
    from cdconf.plans.revision import reading

    began = time.monotonic()
    for name, option in HOSTS_ONLY.items():
        if getattr(flags, name):
            raise UsageError(f"{option} can't be combined with --from, which contacts no host")
    if flags.as_json and flags.markdown:
        raise UsageError("--markdown and --json exclude each other")
    root = find_root(Path(flags.directory))
    question = Question(environment, flags.limit, tuple(flags.roles), parse_extra(flags.extra))
    revisions = str(flags.from_), "HEAD" if flags.to is None else flags.to
    mask = Mask()

    def emit(event: Event) -> None:
        message = getattr(event, "message", None)
        if message:
            click.echo(f"warning: {mask(message)}", err=True)

    try:
        with contextlib.ExitStack() as stack:
            before, after = (stack.enter_context(reading(root, name, emit)) for name in revisions)
            plan = compare(before, after, question, root, mask, emit)
            return _show(plan, environment, flags, mask, time.monotonic() - began)
    except CdconfError as error:
        error.retell(mask)
        raise


def _show(plan: FleetPlan, environment: str, flags: PlanFlags, mask: Mask, duration: float) -> int:
    from cdconf.render import Style, revisions

    style = Style(flags.as_json, flags.diff, flags.verbose)
    result: RunResult = revisions.result_of(plan, environment, duration)
    if flags.markdown:
        from cdconf.render import markdown

        click.echo(markdown.document(plan, environment, mask), nl=False)
    elif flags.as_json:
        from cdconf.render.jsonout import JsonRenderer

        JsonRenderer(style, mask).finish(result)
    else:
        for line in revisions.lines(plan, style):
            click.echo(_coloured(mask(line)))
    return result.exit_code


def _coloured(line: str) -> str:
    from cdconf.render.style import has_colour

    if not has_colour(sys.stdout):
        return line
    colour = {"+": "green", "-": "red", "~": "yellow", "?": "magenta"}.get(line.strip()[:1])
    return click.style(line, fg=colour) if colour else line
