"""`provision --copy-of`: throw-away environments, defined before the run that provisions them begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cdconf.cli.complete import original_names
from cdconf.cli.options import parse_extra
from cdconf.errors import UsageError

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.cli.verbs.provision import ProvisionFlags
    from cdconf.events import Event

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = [
    click.option(
        "--copy-of",
        metavar="ENV",
        shell_complete=original_names,
        help="Make a throw-away copy of ENV; needs --name.",
    ),
    click.option("--name", metavar="NAME", help="With --copy-of: the copy's name."),
    click.option(
        "--ttl",
        metavar="TIME",
        help="How long a throw-away copy lives from now: 30m, 4h, 2d (default 24h, at most 30d). A later run with "
        "--ttl counts anew.",
    ),
    click.option(
        "--provider",
        type=click.Choice(["docker", "vagrant"]),
        help="With --copy-of: what makes the hosts (default docker).",
    ),
    click.option(
        "--scale",
        metavar="GROUP=N",
        multiple=True,
        help="With --copy-of: only the first N hosts of a group (may be repeated).",
    ),
]


def throwaway_options(function: F) -> F:
    """The options of `provision` that make a throw-away copy."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def chosen(environment: str | None, flags: ProvisionFlags) -> str:
    """The environment that's to be provisioned, defined or prolonged if that's asked for.

    Raises:
        UsageError: The options don't fit together, or ask for what can't be.
        InvalidFile: A file breaks a rule.
    """
    from cdconf.inventory import load_project
    from cdconf.inventory.throwaway import DEFAULT_TTL, lifetime_of

    ttl = lifetime_of(DEFAULT_TTL if flags.ttl is None else flags.ttl)
    _check_options(environment, flags)
    if environment is not None:
        if flags.ttl is not None:
            from cdconf.environments.throwaway import prolong

            prolong(load_project(Path(flags.directory)), environment, ttl, _say(flags))
        return environment
    from cdconf.environments.check import check_throwaway
    from cdconf.environments.throwaway import ThrowAwayRequest, define
    from cdconf.inventory.variables import extra_values

    given = extra_values(parse_extra(flags.extra))
    wish = ThrowAwayRequest(str(flags.name), str(flags.copy_of), ttl, flags.provider, _scale(flags.scale), given)
    project = load_project(Path(flags.directory))
    define(project, wish, lambda made: check_throwaway(project, made, given), _say(flags))
    return wish.name


def _check_options(environment: str | None, flags: ProvisionFlags) -> None:
    if flags.copy_of is None:
        lone = next((name for name in ("name", "provider", "scale") if getattr(flags, name)), None)
        if lone is not None:
            raise UsageError(f"--{lone} needs --copy-of ENV", hint="which makes a throw-away copy of ENV")
        if flags.ttl and flags.check:
            raise UsageError("--check and --ttl exclude each other: --ttl changes how long an environment lives")
        if environment is None:
            raise UsageError(
                "no environment is given",
                hint="name one, or make a throw-away copy: --copy-of production --name try-1 --ttl 4h",
            )
        return
    if environment is not None:
        raise UsageError(
            f"--copy-of makes a new environment, so it takes no environment '{environment}'",
            hint="give the new environment's name with --name",
        )
    if not flags.name:
        raise UsageError("a throw-away copy needs a name", hint="such as --name try-1")
    for option, name in (("--check", "check"), ("--plan", "plan_from")):
        if getattr(flags, name):
            raise UsageError(f"{option} needs an existing environment, and --copy-of makes a new one")


def _scale(pairs: tuple[str, ...]) -> dict[str, int] | None:
    scale = {}
    for pair in pairs:
        group, _, count = pair.partition("=")
        if not group or not (count.isascii() and count.isdigit()):
            raise UsageError(f"--scale '{pair}' isn't GROUP=N", hint="such as --scale web=1")
        scale[group] = int(count)
    return scale or None


def _say(flags: ProvisionFlags) -> Callable[[Event], None]:
    """Shows what is waited for while there's no run yet that would."""
    from cdconf.events import Step

    def say(event: Event) -> None:
        if isinstance(event, Step) and not flags.as_json:
            click.echo(event.message, err=True)

    return say


def tell(run: Run, flags: ProvisionFlags) -> None:
    """Says of a throw-away environment how long it lives, and keeps it for the JSON document and the history."""
    from datetime import UTC, datetime

    from cdconf.events import Notice
    from cdconf.facts import age_text
    from cdconf.inventory.throwaway import as_text

    environment = run.environment
    lifetime = environment.throwaway
    if lifetime is None:
        return
    ends = as_text(lifetime.expires)
    about = {"copy_of": environment.copy_of, "created": as_text(lifetime.created), "expires": ends}
    run.extra["throwaway"] = about
    run.extra["detail"] = f"throw-away copy of {environment.copy_of}, until {ends}"
    if not lifetime.is_over(datetime.now(UTC)):
        until = lifetime.expires.astimezone().strftime("%Y-%m-%d %H:%M")
        run.emit(Notice(f"{environment.name} is a throw-away copy of {environment.copy_of}, until {until}"))
        given = ", ".join(parse_extra(flags.extra)) if flags.copy_of else ""
        if given:
            run.emit(Notice(f"{environment.name} keeps the values that were given for {given}"))
        return
    ago = age_text((datetime.now(UTC) - lifetime.expires).total_seconds())
    text = f"the time of {environment.name} is over since {ago}: `cdconf destroy --expired` removes it"
    run.emit(Notice(f"{text}, unless --ttl makes it live longer", warning=True))
