"""`cdconf schedule`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
from cdconf.cli.options import connection_options, output_options, project_options
from cdconf.cli.show.drift_reports import ONLY_READ, DriftFlags, check_flags
from cdconf.cli.verbs.schedule_show import list_command, status_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.cli.context import Run
    from cdconf.schedules.installing import ScheduleRequest, WrittenSchedule
    from cdconf.schedules.schedule import Name

_environment = environment_argument(metavar="[ENV]")
_what = click.Choice(["drift", "destroy-expired"])  # schedules.schedule.WHATS, which --help needn't import


@click.group()
def command() -> None:
    """Run `drift` or `destroy --expired` regularly on this machine, by a systemd timer or by cron.

    Example: cdconf schedule install production --run drift --every 30m
    """


command.add_command(list_command)
command.add_command(status_command)


@dataclass
class ScheduleFlags(Flags):
    """The options of `schedule install`."""

    every: str = ""
    within: str | None = None
    cron: bool = False
    look_only: bool = False


@command.command()
@_environment
@click.argument("options", nargs=-1, metavar="[-- OPTION...]", type=click.UNPROCESSED)
@click.option("--run", "what", required=True, type=_what, help="What to run.")
@click.option(
    "--every",
    metavar="TIME",
    default="30m",
    help="How often: a time that divides an hour or a day evenly (default 30m).",
)
@click.option("--within", metavar="TIME", help="Time limit of one run (default: as --every, at most 1h).")
@click.option("--cron", is_flag=True, help="Use the crontab, even where systemd is available.")
@click.option("--look-only", is_flag=True, help="Make a look-only key, authorize it on all hosts, and use it.")
@project_options
@connection_options
@output_options
def install(environment: str | None, options: tuple[str, ...], what: str, **given: Any) -> None:
    """Write and start a systemd timer for `drift ENV` or `destroy --expired`; without systemd, a line of the crontab.

    Root gets a timer of the system, other users get a timer of their own. Options after `--` go to the scheduled
    command. A second `install` replaces the first. Environment variables with secrets belong in
    ~/.config/cdconf/schedule-PROJECT.env (mode 0600).

    Example: cdconf schedule install production --run drift --every 30m -- --quiet
    """
    from cdconf.schedules.installing import install as install_it
    from cdconf.schedules.installing import starter

    flags = ScheduleFlags(**given)
    if environment is not None and environment.startswith("-"):  # the first word behind `--`, without an ENV before it
        options = (environment, *options)
        environment = None
    with run_of("schedule", environment if what == "drift" else None, flags) as run:
        starter(cron=flags.cron)
        wish = _wish(_name(what, environment), options, flags)
        if flags.look_only:
            wish = _with_key(run, wish)
            if run.code:
                return
        written = install_it(run.project, wish)
        run.record_as("schedule install", wish.name.text)
        _tell(run, written)


def _wish(name: Name, options: tuple[str, ...], flags: ScheduleFlags) -> ScheduleRequest:
    from cdconf.schedules.installing import ScheduleRequest, starter
    from cdconf.schedules.period import period_of

    _check_options(name, options)
    period = period_of(flags.every, for_cron=starter(cron=flags.cron) == "cron")
    return ScheduleRequest(name, period, _limit(flags.within), options, flags.cron)


def _with_key(run: Run, wish: ScheduleRequest) -> ScheduleRequest:
    """Lets the look-only key in on all hosts."""
    from dataclasses import replace

    from cdconf.cli.look_only import let_in
    from cdconf.errors import UsageError
    from cdconf.events import Notice
    from cdconf.schedules.look_key import made

    if wish.name.environment is None or "--applied" not in wish.options:
        raise UsageError("--look-only can't do more than `drift --applied`", hint="write `-- --applied` at the end")
    path, public = made(run.project, wish.name.environment)
    let_in(run, path, public)
    if run.code:
        run.emit(Notice("the schedule isn't installed, because some hosts don't accept the key", warning=True))
    return replace(wish, look_only=str(path))


def _name(what: str, environment: str | None) -> Name:
    from cdconf.errors import UsageError
    from cdconf.schedules.schedule import Name

    if what == "drift" and environment is None:
        raise UsageError(
            "`--run drift` needs an environment", hint="such as: cdconf schedule install production --run drift"
        )
    if what != "drift" and environment is not None:
        text = f"`--run {what}` removes every throw-away environment whose time is over, not one alone"
        raise UsageError(text, hint=f"leave '{environment}' away")
    return Name(what, environment)


def _limit(text: str | None) -> int | None:
    from cdconf.errors import UsageError
    from cdconf.inventory.values import seconds_of

    seconds = seconds_of(text) if text is not None else None
    if text is not None and (seconds is None or seconds < 1):
        raise UsageError(f"--within '{text}' isn't a time", hint="such as 10m or 1h")
    return int(seconds) if seconds else None


def _check_options(name: Name, options: Sequence[str]) -> None:
    """Finds now what each run would stumble over."""
    from cdconf.cli.verbs import destroy, drift
    from cdconf.errors import UsageError

    verb: click.Command = drift.command if name.environment else destroy.command
    first = [name.environment] if name.environment else ["--expired"]
    try:
        given = verb.make_context(name.what, [*first, *options], obj=ONLY_READ).params
    except click.UsageError as error:
        text = error.format_message().rstrip(".")
        raise UsageError(
            text[:1].lower() + text[1:], hint=f"see cdconf {'drift' if name.environment else 'destroy'} --help"
        ) from error
    if name.environment:
        check_flags(DriftFlags(**{option: value for option, value in given.items() if option != "environment"}))
    elif given["environment"] or given["images"] or given["override"]:
        raise UsageError("`destroy --expired` takes no environment, no --images and no --override")


def _tell(run: Run, written: WrittenSchedule) -> None:
    from cdconf.events import Notice
    from cdconf.schedules.running import secrets_file

    run.extra["installed"] = {"by": written.schedule.by, "files": written.files}
    if not run.flags.as_json:
        for text in written.files.values():
            click.echo(text.rstrip("\n"))
    places = " and ".join(path for path in written.files if path != "crontab") or "a line of the crontab"
    run.emit(Notice(f"written: {places}"))
    stays = "; it runs without a login after `loginctl enable-linger`" if written.schedule.by == "user" else ""
    name = written.schedule.name
    run.emit(Notice(f"{name.text} runs every {written.schedule.period.text} from now on{stays}"))
    run.emit(Notice(f"variables that are secrets go into {secrets_file(run.project)} (0600)"))


@command.command()
@_environment
@click.option("--run", "what", type=_what, help="Which schedule of ENV (default: all).")
@project_options
@connection_options
@output_options
def remove(environment: str | None, what: str | None, **flags: Any) -> None:
    """Remove a schedule: exactly what `schedule install` wrote.

    The look-only key, its launcher and its agent are also removed from the hosts. Unreachable hosts are named (exit
    code 4); run the command again for them.

    Example: cdconf schedule remove production
    """
    from cdconf.errors import UsageError
    from cdconf.events import Notice
    from cdconf.schedules.installing import remove as remove_it
    from cdconf.schedules.schedule import WHATS, Name, names

    with run_of("schedule", _of_key(environment, what, flags["directory"]), flags) as run:
        whats = [what] if what else [one for one in WHATS if (one == "drift") == (environment is not None)]
        wanted = [Name(one, environment) for one in whats]
        removed = {name.text: remove_it(run.project, name) for name in wanted}
        if environment and Name("drift", environment) in wanted:
            removed[f"drift of {environment}"] += _without_key(run, environment)
        if not any(removed.values()):
            there = ", ".join(name.text for name in names(run.project)) or "none"
            raise UsageError(f"there is no schedule: {', '.join(removed)}", hint=f"there are: {there}")
        run.extra["removed"] = removed
        run.record_as("schedule remove", ", ".join(text for text, files in removed.items() if files))
        for text, files in removed.items():
            if files:
                run.emit(Notice(f"{text}: removed: {', '.join(files)}"))


def _of_key(environment: str | None, what: str | None, directory: str) -> str | None:
    """The environment, where its hosts have a look-only key to lose; else its files needn't be there any more."""
    from pathlib import Path

    from cdconf.inventory import load_project
    from cdconf.schedules.look_key import path_of

    if environment is None or what not in (None, "drift"):
        return None
    return environment if path_of(load_project(Path(directory)), environment).exists() else None


def _without_key(run: Run, environment: str) -> list[str]:
    """Takes the look-only key away from all hosts, and then from here."""
    from cdconf.cli.look_only import take_away
    from cdconf.schedules.look_key import made, path_of
    from cdconf.schedules.look_key import remove as remove_key

    path = path_of(run.project, environment)
    if not path.exists():
        return []
    take_away(run, made(run.project, environment)[1])
    if run.code:
        return []
    remove_key(path)
    return [str(path)]


@command.command("run")
@_environment
@click.option("--run", "what", required=True, type=_what, help="Which schedule.")
@project_options
def run_command(environment: str | None, what: str, directory: str) -> None:
    """Run a schedule once, as its timer does, and record it for `schedule status`.

    A schedule never runs twice at the same time, and has its time limit.

    The exit code is the scheduled command's own. 3: the previous run is still at work.

    Example: cdconf schedule run production --run drift
    """
    import os
    from pathlib import Path

    from cdconf.inventory import load_project
    from cdconf.schedules.running import run

    code = run(load_project(Path(directory)), _name(what, environment), os.environ)
    if code:
        raise SystemExit(code)
