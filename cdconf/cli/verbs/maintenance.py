"""`cdconf maintenance`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names, switch_words
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import connection_options, output_options, project_options


@click.command()
@click.argument("switch", metavar="on|off", type=click.Choice(["on", "off"]), shell_complete=switch_words)
@click.argument("app", shell_complete=app_names)
@environment_option("--env", "--to", required=True)
@project_options
@connection_options
@click.option(
    "--ttl", metavar="TIME", help="With on: when hosts end it by themselves, `30m` (default: as cdconf.yml says)."
)
@click.option("--reason", metavar="TEXT", help="With on: why, for those who look at `cdconf status`.")
@output_options
def command(switch: str, app: str, environment: str, ttl: str | None, reason: str | None, **flags: Any) -> None:
    """Show APP's maintenance page on the hosts of ENV that balance its load, or take it away.

    The app's `maintenance` in cdconf.yml says which group shows it, and how. `on` waits for requests in flight; where a
    host can't show it, all take it away again. The page ends by itself, also when nobody remembers it; `status` shows
    until when. A second `on` gives it a new time.

    Example: cdconf maintenance on shop --env production --ttl 30m
    """
    import time

    from cdconf.artifacts.choose import named_app
    from cdconf.cli.fleets import fleet_of
    from cdconf.deploy.maintenance import page_hosts, show_page, take_page_away
    from cdconf.errors import UsageError
    from cdconf.events import Notice

    with run_of("maintenance", environment, flags) as run:
        chosen = named_app(run.project, app)
        hosts = page_hosts(run.environment, chosen)
        if switch == "off" and (ttl or reason):
            raise UsageError(f"--{'ttl' if ttl else 'reason'} is for `maintenance on`")
        lasts = _lasts(ttl) if ttl else chosen.maintenance.expires if chosen.maintenance else 0.0
        run.recorded = True
        run.extra |= {"app": chosen.name, "detail": switch}
        run.start(hosts)
        with fleet_of(run, hosts, lease=True, reason=f"maintenance {switch} {chosen.name}") as fleet:
            if len(fleet.sessions) < len(hosts) and switch == "on":
                return  # they were just named: half a page would be none
            members = fleet.connected(hosts)
            if switch == "off":
                was = take_page_away(fleet, chosen, members, run.emit)
                run.emit(Notice(f"{', '.join(was)}: back to the app" if was else "no host showed the page"))
                run.extra["was_on"] = was
                return
            until = show_page(fleet, chosen, members, lasts, run.mask(reason) if reason else None, run.emit)
        run.extra["until"] = round(until)
        clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(until))
        run.emit(Notice(f"{', '.join(host.name for host in hosts)}: the page is shown, until {clock} at the latest"))


def _lasts(text: str) -> float:
    from cdconf.errors import UsageError
    from cdconf.inventory.values import LONGEST, seconds_of

    seconds = seconds_of(text)
    if not seconds or seconds > LONGEST:
        raise UsageError(f"--ttl must be a time, not '{text}'", hint="such as 30m or 2h")
    return seconds
