"""`cdconf pipeline run`, and the hidden verb by which it runs a stage's own command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.inventory import Project
    from cdconf.pipeline.outcome import StageOutcome
    from cdconf.pipeline.run import PipelineResult


@click.command("run")
@click.option("--commit", metavar="REV", default="HEAD", help="The commit (default: HEAD).")
@click.option("--keep-failed", is_flag=True, help="Keep the throw-away copy of a failed stage until its --ttl is over.")
@project_options
@output_options
def run_command(commit: str, keep_failed: bool, **flags: Any) -> None:
    """Take a commit through the pipeline: build it once, then deploy, test and sign it stage by stage.

    The run uses the commit, not the work tree. Stages that have passed are skipped. So a run that was killed, or that
    waits for a person, can continue on any machine with the same artifact store.

    Exit code 1: a stage failed, and the artifact is stopped. 3: a gate is closed, or a newer commit replaced this one.
    4: a host was unreachable; the commit isn't at fault, so run it again.

    Example: cdconf pipeline run --commit v1.4
    """
    from cdconf.cli.notifying import tell_red
    from cdconf.inventory import find_root
    from cdconf.pipeline.checkout import commit_to_run, home_at
    from cdconf.pipeline.report import error_of
    from cdconf.pipeline.run import run_pipeline

    chosen: list[str] = []

    def read(start: Path) -> Project:
        root = find_root(start)
        chosen.append(commit_to_run(root, commit))
        return home_at(root, chosen[0])

    with run_of("pipeline", None, flags, read=read) as run:
        home, (found,) = run.project, chosen
        run.extra["commit"] = found
        run.record_as("pipeline run", found[:10])

        def red(pipeline_run: str, stage: str, outcome: StageOutcome, environment: str | None) -> None:
            tell_red(run, pipeline_run, stage, _about(outcome, environment))

        result = run_pipeline(home, found, run.emit, keep_failed=keep_failed, red=red)
        run.record_as("pipeline run", f"{found[:10]}: {result.ended.verdict}")
        records = _records(home) if result.ended.verdict == "failed" else []
        run.extra |= _told(result, home, found, records)
        error = error_of(result, home.root, found, records)
        if error is not None:
            raise error
        from cdconf.events import Notice

        run.emit(Notice(f"commit {found[:10]} has passed all stages"))


def _records(home: Project) -> list[Any]:
    import time

    from cdconf.artifacts.backends import place_of
    from cdconf.pipeline.record import read_runs

    return read_runs(place_of(home), home.name, time.time(), newest=500)


def _told(result: PipelineResult, home: Project, commit: str, records: list[Any]) -> dict[str, Any]:
    """For the JSON document."""
    from cdconf.pipeline.report import red

    stages = {name: _about(outcome, result.environments.get(name)) for name, outcome in result.outcomes.items()}
    told = {
        "pipeline_run": result.run,
        "verdict": result.ended.verdict,
        "joined": result.joined,
        "stages": stages,
    }
    failed = next(((name, outcome) for name, outcome in result.outcomes.items() if outcome.state == "failed"), None)
    return told | ({"red": red(*failed, home.root, commit, records)} if failed else {})


def _about(outcome: StageOutcome, environment: str | None) -> dict[str, Any]:
    """A stage, for the JSON document."""
    from dataclasses import asdict

    own = ("code", "is_said", "is_held", "is_of_hosts")
    about = {name: value for name, value in asdict(outcome).items() if name not in own}
    return about | {"environment": environment}


@click.command("command", hidden=True)
@click.argument("stage")
@click.option("--environment", metavar="ENV", help="The environment that was deployed to.")
@project_options
@output_options
def stage_command(stage: str, environment: str | None, **flags: Any) -> None:
    """Run a stage's own command, as `pipeline run` does."""
    from cdconf.errors import UsageError
    from cdconf.pipeline.acceptance import told
    from cdconf.pipeline.command import run_command as run_it
    from cdconf.plans.revision import commit_of

    with run_of("pipeline", environment, flags) as run:
        found = run.project.pipeline.named(stage)
        if found is None or found.run is None:
            raise UsageError(f"the pipeline in cdconf.yml has no stage '{stage}' with a `run`")
        variables = told(run.project, run.environment, found) if environment is not None else {}
        run_it(run.project.root, commit_of(run.project.root, "HEAD"), found, variables, run.emit)
