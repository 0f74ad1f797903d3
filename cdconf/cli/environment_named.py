"""How verbs are told their environment: each takes `--env ENV`, beside the form that it always had.

`cdconf plan staging` is `cdconf plan --env staging`, and `cdconf deploy shop --to staging` is `--env staging`. Why:
docs/adr/0086-env-names-the-environment-everywhere.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import click

from cdconf.cli.complete import environment_names
from cdconf.errors import CdconfError, UsageError

F = TypeVar("F", bound=Callable[..., Any])

_OPTION = "env_option"  # where click keeps what `--env` has given


class EnvironmentArgument(click.Argument):
    """The environment as a verb's first word, which `--env ENV` stands for as well."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Puts what `--env` gives into its place; the words that were taken for it move on by one."""
        found = opts.get(_OPTION)
        if isinstance(found, tuple | list) and found:
            named = found[-1] if ctx.resilient_parsing else _one_of(found)  # a shell that completes wants no errors
            args = _moved(self, ctx, cast("MutableMapping[str, Any]", opts), args, named)
        return super().handle_parse_result(ctx, opts, args)


@overload
def environment_argument(function: F) -> F: ...


@overload
def environment_argument(*, name: str = ..., metavar: str = ...) -> Callable[[F], F]: ...


def environment_argument(function: F | None = None, *, name: str = "environment", metavar: str = "ENV") -> Any:
    """Gives a verb its environment: the first word, or `--env`.

    Args:
        function: The verb's; None where the decorator has arguments.
        name: The function's parameter.
        metavar: How it's shown; in brackets where it may be left out.
    """
    required = not metavar.startswith("[")
    argument = click.argument(
        name,
        cls=EnvironmentArgument,
        metavar=metavar,
        required=required,
        is_eager=True,  # before the words behind it
        shell_complete=environment_names,
    )
    option = click.option(
        "--env",
        _OPTION,
        metavar="ENV",
        multiple=True,
        expose_value=False,
        shell_complete=environment_names,
        help="The environment, in place of the word ENV.",
    )

    def decorate(verb: F) -> F:
        return argument(option(verb))

    return decorate if function is None else decorate(function)


def environment_option(*names: str, required: bool = False, text: str = "The environment.") -> Callable[[F], F]:
    """An option that names the environment: `--to` and `--env`, or `--env` alone.

    Args:
        names: Its names, the one that's shown first in front.
        required: Whether it must be given.
        text: What `--help` says of it.
    """
    return click.option(
        *names,
        "environment",
        metavar="ENV",
        multiple=True,
        required=required,
        callback=_option_given,
        shell_complete=environment_names,
        help=text,
    )


def _option_given(ctx: click.Context, option: click.Parameter, given: Sequence[str]) -> str | None:
    if ctx.resilient_parsing:
        return given[-1] if given else None
    return _one_of(given) if given else None


def _one_of(given: Sequence[str]) -> str:
    """What was named, once or several times.

    Raises:
        UsageError: Different ones were.
    """
    names = list(dict.fromkeys(given))
    if len(names) > 1:
        raise _two(names)
    return names[0]


def _two(names: Sequence[str]) -> UsageError:
    listed = " and ".join(f"'{name}'" for name in names)
    return UsageError(f"different environments are named: {listed}", hint="name one environment, once")


def _moved(
    argument: click.Argument, ctx: click.Context, opts: MutableMapping[str, Any], args: list[str], named: str
) -> list[str]:
    """Fills a verb's words anew; returns those that are too many."""
    places = [one for one in ctx.command.params if isinstance(one, click.Argument)]
    words = [word for place in places for word in _words(opts.get(place.name or ""))] + args
    behind = [place for place in places if place is not argument]
    if words and (words[0] == named or _names_another(words, behind, opts)):
        if words[0] != named and not ctx.resilient_parsing:
            raise _two([words[0], named])
        words = words[1:]
    opts[argument.name or ""] = named
    for one in behind:
        if one.nargs == 1:
            given, words = words[:1], words[1:]
        else:
            given, words = words, []
        opts.pop(one.name or "", None)
        if given:
            opts[one.name or ""] = given[0] if one.nargs == 1 else tuple(given)
    return words


def _names_another(words: Sequence[str], behind: Iterable[click.Argument], opts: Mapping[str, Any]) -> bool:
    """Whether the first word must be an environment: there's no other place for it, or the project has one so named."""
    room = sum(1 if one.nargs == 1 else len(words) for one in behind)
    return len(words) > room or words[0] in _environments(opts.get("directory"))


def _environments(directory: object) -> Iterator[str]:
    from cdconf.inventory import find_root
    from cdconf.inventory.folders import environments_in, throwaways_in

    try:
        root = find_root(Path(directory if isinstance(directory, str) else "."))
        yield from (*environments_in(root), *throwaways_in(root))
    except CdconfError:  # it's told when the project is read
        return


def _words(value: object) -> list[str]:
    """What click has read for an argument; it has a mark of its own for nothing."""
    if isinstance(value, str):
        return [value]
    return [word for word in value if isinstance(word, str)] if isinstance(value, tuple | list) else []
