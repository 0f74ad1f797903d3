"""What somebody may have meant whose command line can't be read: a hint, and never one that changes more.

An option that changes more than what was typed is named only where it was all but spelled right.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import click

from cdconf.errors import CdconfError, NoEnvironment, did_you_mean

# Those that change more, ask less, or believe more than the command does without them.
WIDER = frozenset(
    (
        "--accept-new-host-keys",
        "--all",
        "--allow-dirty",
        "--anybody",
        "--behind",
        "--bind",
        "--cron",
        "--ended",
        "--expired",
        "--fix",
        "--forget",
        "--forget-migrations",
        "--forget-older",
        "--from-snapshot",
        "--goes-on",
        "--images",
        "--install",
        "--not-last",
        "--older",
        "--others",
        "--override",
        "--prune",
        "--user-header",
        "--reject",
        "--resume",
        "--take-over",
        "--to",
        "--unknown",
        "--unpin",
        "--valid-before",
        "--without",
        "--write",
        "--yes",
    )
)
_NEAR, _ALL_BUT_RIGHT = 0.75, 0.88  # ratios of difflib
# What other tools call it -> what it's called here, the first one that the verb has.
MEANT: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        word: meant.split()
        for words, meant in (
            ("--dry-run --dryrun --noop --what-if --simulate --check-mode", "--check --dry-run"),
            ("--tags --tag --only-role", "--role"),
            ("-l --hosts --host --target --subset --only", "--limit"),
            ("--extra-vars --extra-var --var --variable --set", "--extra"),
            ("--parallel --parallelism --concurrency --workers --threads", "--forks"),
            ("-o --output --format", "--json"),
            ("--chdir --directory --cwd --root", "--project"),
            ("-m --message --comment", "--note --reason"),
            ("-f --tail", "--follow"),
            ("-vv -vvv --debug", "--verbose"),
        )
        for word in words.split()
    }
)
_ENVIRONMENT = ("-i", "--inventory", "--environment", "--env", "--to", "--target", "-e")
_BEHIND = "what belongs to the command goes behind `--`"
_NO_CHANGE = ("--dry-run", "--dryrun", "--noop", "--what-if", "--simulate", "--check-mode", "--check")


def hint_for(error: click.ClickException, arguments: Sequence[str], environments: Sequence[str]) -> str | None:
    """A hint for an error of the command line; None where nothing is known of it.

    Args:
        error: As click raised it.
        arguments: The command line behind `cdconf`.
        environments: The project's environments; empty where there's no project.
    """
    if isinstance(error, click.BadOptionUsage) and _is_environment(error.option_name, arguments):
        return f"there are: {', '.join(environments)}" if environments else None
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is None:
        return None
    if isinstance(ctx.command, click.Group) and not isinstance(error, click.NoSuchOption):
        return _command_meant(ctx.command, ctx, arguments)
    if isinstance(error, click.NoSuchOption):
        return _option(error.option_name, ctx, arguments)
    if isinstance(error, click.MissingParameter):
        return _missing(error, ctx, arguments, environments)
    return _of_choice(error, arguments) or _extra(ctx, arguments, environments)


def _is_environment(word: str, arguments: Sequence[str]) -> bool:
    """Of an option whose value is missing; `plan --to` and `rollback --to` mean something else."""
    return word == "--env" or (word == "--to" and next(iter(arguments), None) not in ("plan", "rollback", "procedure"))


def _command_meant(group: click.Group, ctx: click.Context, arguments: Sequence[str]) -> str | None:
    """Of a word that is no command of a group: the one that's meant, perhaps."""
    known = group.list_commands(ctx)
    word = next((argument for argument in arguments[1:] if not argument.startswith("-")), "")
    begun = [one for one in known if word and one.startswith(word)]
    return did_you_mean(word, begun or known) or (f"there are: {', '.join(known)}" if word else None)


def in_order(error: CdconfError, arguments: Sequence[str], environments: Sequence[str]) -> str | None:
    """The command with its environment in front, where another word stands in its place; else None."""
    if not isinstance(error, NoEnvironment) or error.name not in arguments:
        return None
    place = list(arguments).index(error.name)
    later = next((number for number, word in enumerate(arguments) if number > place and word in environments), None)
    if later is None:
        return None
    words = list(arguments)
    if words[0] == "rollback" and words[later - 1] == "--to":  # as `deploy` has it; here it's a version
        words.insert(place, words.pop(later))
        del words[later]
    elif words[later - 1].startswith("-"):
        return None
    else:
        words[place], words[later] = words[later], words[place]
    return f"the environment comes first: `{_command(words)}`"


def _option(word: str, ctx: click.Context, arguments: Sequence[str]) -> str | None:
    if ctx.parent is None:
        return _behind(word, ctx, arguments)
    known = _options(ctx.command)
    takes_command = any("-- CMD" in (one.metavar or "") for one in ctx.command.params)
    if takes_command and not word.startswith("--"):
        return _BEHIND
    by_meaning = next((one for one in MEANT.get(word, ()) if one in known), None)
    if by_meaning is not None:
        return f"did you mean '{by_meaning}'?"
    hint = _of_environment(ctx) if word in _ENVIRONMENT else None
    if hint is None and word in _NO_CHANGE:
        hint = _changes_nothing(ctx)
    near = _nearest(word, known)
    if hint is None and near is not None:
        hint = f"did you mean '{near}'?"
    return _BEHIND if hint is None and takes_command else hint


def _of_environment(ctx: click.Context) -> str | None:
    named = [one for one in ctx.command.params if isinstance(one, click.Argument) and "ENV" in (one.metavar or "")]
    if named:
        return f"the environment is an argument: `{ctx.command_path} {' '.join('ENV' for _ in named)}`"
    return _named_by(ctx.command)


def _named_by(command: click.Command) -> str | None:
    named = (one for one in command.params if isinstance(one, click.Option) and one.name == "environment")
    option = next(named, None)
    return f"the environment is named by {option.opts[0]}" if option is not None else None


def _takes_environment(command: click.Command) -> bool:
    return any(isinstance(one, click.Argument) and one.name == "environment" for one in command.params)


def _changes_nothing(ctx: click.Context) -> str:
    if ctx.info_name in ("plan", "drift", "parity", "status", "gates", "lint", "vars", "facts", "history"):
        return f"`{ctx.command_path}` changes nothing on any host: leave the option out"
    return "`cdconf plan ENV` shows what `cdconf provision ENV` would change; it changes nothing"


def _behind(word: str, ctx: click.Context, arguments: Sequence[str]) -> str | None:
    """Of an option in front of the verb."""
    group = ctx.command
    verbs = group.list_commands(ctx) if isinstance(group, click.Group) else ()
    place = next((number for number, one in enumerate(arguments) if one in verbs), None)
    if place is None or not isinstance(group, click.Group):
        return did_you_mean(word, ["--version", "--help"]) if len(word) > len("-v") else None
    verb = group.get_command(ctx, arguments[place])
    if verb is None or word not in _options(verb):
        return f"options stand behind the command: see cdconf {arguments[place]} --help"
    words = [*arguments[place:], *arguments[:place]]
    return f"options stand behind the command: `{_command(words)}`"


def _nearest(word: str, known: Iterable[str]) -> str | None:
    """The option that's spelled nearly so."""
    ratios = [(difflib.SequenceMatcher(None, word, one).ratio(), one) for one in known if one.startswith("--")]
    found = [(ratio, one) for ratio, one in ratios if ratio >= (_ALL_BUT_RIGHT if one in WIDER else _NEAR)]
    return max(found)[1] if found else None


def _missing(
    error: click.MissingParameter, ctx: click.Context, arguments: Sequence[str], environments: Sequence[str]
) -> str | None:
    param = error.param
    if param is not None and "-- CMD" in (param.metavar or ""):
        return f"the command goes behind `--`: `{ctx.command_path} ENV -- systemctl status ssh`"
    if param is not None and param.name == "host" and ctx.params.get("environment") not in environments:
        return f"the environment comes first: `{ctx.command_path} ENV {ctx.params.get('environment') or 'HOST'}`"
    if param is None or "ENV" not in (param.metavar or "") or not environments:
        return None
    if isinstance(param, click.Option):
        wanted = [word for word in _left(ctx, arguments) if word in environments]
        if len(wanted) == 1:
            words = list(arguments)
            words.remove(wanted[0])
            return f"the environment is named by {param.opts[0]}: `{_command([*words, param.opts[0], wanted[0]])}`"
    return f"there are: {', '.join(environments)}"


def _extra(ctx: click.Context, arguments: Sequence[str], environments: Sequence[str]) -> str | None:
    """Of words too many: an environment, or hosts, perhaps."""
    left, known = _left(ctx, arguments), _options(ctx.command)
    if len(left) == 1 and left[0] in environments:
        if _takes_environment(ctx.command):
            return "name one environment; `cdconf parity` compares two"
        return _named_by(ctx.command)
    if not left or "--limit" not in known or any(one.name == "host" for one in ctx.command.params):
        return None
    words = [word for word in arguments if word not in left]
    return (
        _behind_an_option(words, left)
        or _app_named(words, left, arguments, known)
        or f"hosts and groups are named by --limit: `{_command([*words, '--limit', ','.join(left)])}`"
    )


def _app_named(words: Sequence[str], left: Sequence[str], arguments: Sequence[str], known: Sequence[str]) -> str | None:
    """Of a word too many that's an app's name, where the verb has an option for it."""
    if "--app" not in known or len(left) != 1 or left[0] not in apps_here(arguments):
        return None
    return f"an app is named by --app: `{_command([*words, '--app', left[0]])}`"


def _behind_an_option(words: Sequence[str], left: Sequence[str]) -> str | None:
    """Of words too many where an option may have wanted them: `-e name value`, `--limit web1 web2`."""
    for option, sign in (("-e", "="), ("--extra", "="), ("--limit", ",")):
        if option not in words[:-1]:
            continue
        place = list(words).index(option) + 1
        if sign == "=" and ("=" in words[place] or len(left) > 1):
            continue
        meant = [*words[:place], sign.join([words[place], *left]), *words[place + 1 :]]
        what = "a variable and its value" if sign == "=" else "several hosts and groups"
        return f"{what} are one word: `{_command(meant)}`"
    return None


def _of_choice(error: click.ClickException, arguments: Sequence[str]) -> str | None:
    """Of a word that stands where `on` or `off` should, which stands behind it."""
    param = error.param if isinstance(error, click.BadParameter) else None
    kind = param.type if param is not None else None
    if not isinstance(kind, click.Choice):
        return None
    words = list(arguments)
    for place, word in enumerate(words[:-1]):
        if f"'{word}'" in error.message and words[place + 1] in kind.choices:
            words[place], words[place + 1] = words[place + 1], words[place]
            return f"{' or '.join(map(str, kind.choices))} comes first: `{_command(words)}`"
    return None


def _left(ctx: click.Context, arguments: Sequence[str]) -> list[str]:
    """The words that no argument of the verb takes."""
    depth = 0
    above = ctx.parent
    while above is not None:
        depth, above = depth + 1, above.parent
    with click.Context(ctx.command, resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True) as own:
        _, left, _ = ctx.command.make_parser(own).parse_args(list(arguments[depth:]))
    return [word for word in left if not word.startswith("-")]


def _options(command: click.Command) -> list[str]:
    return [
        name for one in command.params if isinstance(one, click.Option) for name in (*one.opts, *one.secondary_opts)
    ]


def _command(words: Sequence[str]) -> str:
    return f"cdconf {shlex.join(words)}"


def apps_here(arguments: Sequence[str]) -> tuple[str, ...]:
    """The apps of the project that the command line is about; none where it can't be told."""
    from cdconf.inventory import load_project

    try:
        return tuple(load_project(Path(_directory(arguments))).apps)
    except CdconfError:
        return ()


def _directory(arguments: Sequence[str]) -> str:
    """The project's directory, as the command line names it."""
    named = [arguments[number + 1] for number, word in enumerate(arguments[:-1]) if word in ("-C", "--project")]
    return named[-1] if named else "."


def environments_here(arguments: Sequence[str]) -> tuple[str, ...]:
    """The environments of the project that the command line is about; none where it can't be told."""
    from cdconf.inventory import find_root
    from cdconf.inventory.folders import environments_in

    try:
        return environments_in(find_root(Path(_directory(arguments))))
    except CdconfError:  # there's no project, or it can't be read
        return ()
