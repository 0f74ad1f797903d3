"""`cdconf run`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import (
    connection_options,
    environment_argument,
    limit_option,
    output_options,
    project_options,
)


@click.command(context_settings={"ignore_unknown_options": True})
@environment_argument
@click.argument("words", nargs=-1, required=True, metavar="-- CMD...")
@project_options
@limit_option
@connection_options
@click.option("--timeout", type=click.IntRange(1), default=600, metavar="S", help="Seconds (default 600).")
@output_options
def command(environment: str, words: tuple[str, ...], timeout: int, **flags: Any) -> None:
    """Run a command on ENV's hosts, under a lease, recorded in the history. One word is a shell's command line.

    Example: cdconf run staging --limit web -- systemctl status shop
    """
    import shlex

    from cdconf.cli.fleets import fleet_of
    from cdconf.errors import FAILED, worst_exit
    from cdconf.events import HostDone

    line = words[0] if len(words) == 1 else shlex.join(words)
    with run_of("run", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        with fleet_of(run, hosts, lease=True) as fleet:
            live = [session.host for session in fleet.sessions.values()]
            outcome = fleet.each(live, lambda session: session.run(line, timeout=timeout))
        output = {}
        for name, result in outcome.results.items():
            texts = {key: result[key].decode("utf-8", "replace") for key in ("stdout", "stderr")}
            output[name] = {"status": result["status"], **texts}
            if not flags["as_json"]:
                for text in texts.values():
                    for one in text.splitlines():
                        click.echo(run.mask(f"{name}: {one}"))
            run.emit(HostDone(name, "failed" if result["status"] else "ok"))
        run.extra |= {"command_line": line, "output": output}
        failed = any(result["status"] for result in outcome.results.values())
        run.code = worst_exit([run.code, FAILED if failed else 0])
        outcome.raise_first()
