"""Options that many verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from cdconf.cli.complete import patterns, role_names
from cdconf.errors import UsageError, did_you_mean

F = TypeVar("F", bound=Callable[..., Any])


LARGEST_VALUE = 1024 * 1024  # bytes of a file that `-e NAME=@FILE` names


def _all(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _no_code(context: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        from cdconf.no_code import refuse_code

        refuse_code()


project_options = _all(
    click.option(
        "-C",
        "--project",
        "directory",
        metavar="DIR",
        default=".",
        type=click.Path(),
        help="The project's directory (default: this one, or the nearest above it with a cdconf.yml).",
    ),
)
limit_option = click.option(
    "--limit", metavar="PATTERN", shell_complete=patterns, help="Only these hosts: `web`, `web1`, `web,!web2`."
)
selection_options = _all(
    limit_option,
    click.option(
        "--role",
        "roles",
        metavar="ROLE",
        multiple=True,
        shell_complete=role_names,
        help="Only this role (may be repeated).",
    ),
    click.option(
        "-e",
        "--extra",
        "extra",
        metavar="NAME=VALUE",
        multiple=True,
        callback=lambda context, option, pairs: tuple(map(read_pair, pairs)),
        help="Set a variable, over all other values. NAME=@FILE reads the value from a file, so that no process "
        "list shows it.",
    ),
)
connection_options = _all(
    click.option(
        "--forks",
        metavar="N",
        type=click.IntRange(1, 1000),
        default=32,
        help="How many hosts to work on at the same time (default 32).",
    ),
    click.option(
        "--accept-new-host-keys",
        is_flag=True,
        help="Accept and remember unknown SSH host keys instead of refusing them.",
    ),
)
output_options = _all(
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
    click.option("-v", "--verbose", is_flag=True, help="Also show unchanged resources."),
)
take_over_option = click.option(
    "--take-over",
    "take_over",
    metavar="HOST",
    multiple=True,
    help="Accept a host that belongs to another environment, or that another project's policy guards, as a "
    "host of this environment (may be repeated).",
)
no_code_option = click.option(
    "--no-code",
    is_flag=True,
    expose_value=False,
    callback=_no_code,
    help="Refuse to run the project's own code: resource types, guards, a Vagrantfile and the like.",
)
diff_option = click.option("--diff", is_flag=True, help="Show differences line by line.")
override_option = click.option(
    "--override",
    metavar="REASON",
    help="Pass the environment's gate although requirements are missing. Signed, and shown to everybody.",
)
yes_option = click.option("--yes", is_flag=True, help="Don't ask.")


def taken_over(names: tuple[str, ...], known: Iterable[str]) -> frozenset[str]:
    """The hosts that `--take-over` names.

    Raises:
        UsageError: The environment has no such host.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise UsageError(f"--take-over names no host of this run: '{name}'", hint=did_you_mean(name, known))
    return frozenset(names)


def parse_extra(pairs: tuple[str, ...]) -> dict[str, str]:
    """`-e name=value` pairs as a dict.

    Raises:
        UsageError: One has no `=`, or no proper name.
    """
    from cdconf.inventory.variables import AsIs

    result = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"-e '{pair}' isn't NAME=VALUE", hint=_pair_hint(name, bool(separator)))
        result[name] = AsIs(value) if isinstance(pair, AsIs) else value
    return result


def read_pair(pair: str) -> str:
    """`NAME=@FILE` with the file's text in its place, which is read once: it may be a pipe. Others stay as they are.

    Raises:
        UsageError: The file can't be read.
    """
    from cdconf.inventory.variables import AsIs

    name, mark, file = pair.partition("=@")
    if not mark or not name.isidentifier():
        return pair
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(LARGEST_VALUE + 1)
        if len(data) > LARGEST_VALUE:
            raise UsageError(f"-e {pair}: a value may have {LARGEST_VALUE >> 20} MiB")
        return AsIs(f"{name}={data.decode('utf-8').removesuffix(chr(10))}")
    except OSError as error:
        raise UsageError(f"-e {pair}: the file can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"-e {pair}: the file isn't UTF-8") from None


def _pair_hint(name: str, has_value: bool) -> str:
    if name.startswith("@"):
        return "`-e NAME=@FILE` takes a file's text; whole files of variables belong into group_vars"
    if name.isidentifier() and not has_value:
        return f"such as -e {name}=VALUE"
    return "a variable's name has letters, digits and _"
