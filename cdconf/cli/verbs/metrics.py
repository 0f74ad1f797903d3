"""`cdconf metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import project_options


@click.command()
@project_options
@click.option(
    "--textfile",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    envvar="CDCONF_METRICS_TEXTFILE",
    help="Write the metrics to FILE, replacing it in one step, for node_exporter's textfile collector "
    "($CDCONF_METRICS_TEXTFILE).",
)
def command(textfile: str | None, **flags: Any) -> None:
    """Print metrics of this project in Prometheus' text format: runs, deployments, lead time, queue, stops, drift.

    The metrics come from the history and the artifact store; no host is contacted. Counters count the rows of the
    history.

    Example: cdconf metrics --textfile /var/lib/prometheus/node-exporter/shop.prom
    """
    from cdconf.pipeline.metrics import exposition, write_textfile

    with run_of("metrics", None, flags) as run:
        text = exposition(run.project, run.emit)
        if textfile is None:
            click.echo(text, nl=False)
        else:
            write_textfile(Path(textfile), text)
