"""The group of all verbs, and how errors and signals become messages and exit codes."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cdconf import __version__
from cdconf.cli.parsed_line import asked
from cdconf.cli.signals import end_by_signals
from cdconf.errors import (
    DIFFERENT,
    CdconfError,
    Interrupted,
    NoEnvironment,
    UsageError,
    interruption,
    refused_by_machine,
    worst_exit,
)
from cdconf.git_command import leave_hook
from cdconf.own_files import obstacle
from cdconf.render.outlet import open_outlets, outlet_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

REPORT = "https://github.com/cdconf/cdconf/issues"
# verb -> (module, what it does)
VERBS = {
    "provision": ("provision", "make missing hosts, and bring all hosts to their desired state"),
    "plan": ("plan", "show what provision would change; change nothing"),
    "build": ("build", "build an app's artifact, once per commit"),
    "deploy": ("deploy", "deploy an artifact to an environment, verify it, roll back if it fails"),
    "gates": ("gates", "show whether an artifact may go to an environment, and what is missing"),
    "approve": ("approve", "approve or reject a deployment, signed with your own SSH key"),
    "policy": ("policy", "show an environment's rules, and where each is written"),
    "pipeline": ("pipeline", "take commits through the stages; stop an artifact, or lift the stop"),
    "value-stream": ("value_stream", "show how long changes take from commit to production"),
    "rollback": ("rollback", "go back to the last verified release"),
    "contract": ("contract", "run an app's contract migration, once no older release is left"),
    "maintenance": ("maintenance", "show an app's maintenance page for a while, or take it away"),
    "undrain": ("undrain", "put drained hosts back into use, without tests"),
    "toggle": ("toggle", "switch an app's feature toggles, or show them"),
    "smoke": ("smoke", "run the roles' smoke tests on the hosts"),
    "drift": ("drift", "compare hosts with what was last applied and with the files"),
    "waiver": ("waiver", "accept findings of drift until a given day"),
    "schedule": ("schedule", "run drift or destroy --expired regularly, by systemd or cron"),
    "procedure": ("procedure", "show the files that decide how an app is deployed, and their changes"),
    "parity": ("parity", "compare two environments: their files and their hosts"),
    "status": ("status", "show what runs on which host"),
    "history": ("history", "show past runs"),
    "notify": ("notify", "test notifications, and show which ones wait to be sent"),
    "metrics": ("metrics", "print metrics for Prometheus"),
    "serve": ("serve", "show the project in a browser; change nothing"),
    "lock": ("lock", "show, take or end the leases on an environment's hosts"),
    "artifact": ("artifact", "list, add, verify, sign and remove artifacts"),
    "key": ("key", "manage signing keys and trusted keys"),
    "environments": ("environments", "list environments: provider, hosts, age and releases"),
    "destroy": ("destroy", "remove hosts that a provider made, or expired throw-away copies"),
    "facts": ("facts", "show hosts' facts: system, memory, disks, network"),
    "vars": ("vars", "show a host's variables, and where each comes from"),
    "lint": ("lint", "check all files of the project"),
    "cases": ("cases", "run the test cases of resource types in a container"),
    "init": ("init", "write a new project"),
    "doctor": ("doctor", "find problems of this machine, your keys, the project and hosts"),
    "schema": ("schema", "print or write JSON Schemas of the project files"),
    "secret": ("secret", "read and write encrypted secrets"),
    "import": ("import_", "import another tool's hosts, variables and secrets"),
    "run": ("run", "run a command on hosts"),
    "ssh": ("ssh", "log in to a host"),
    "logs": ("logs", "show or follow the journal of apps and units"),
    "completion": ("completion", "print the shell's completion script"),
}
# What `cdconf --help` shows together; each verb stands in one of them.
PURPOSES = {
    "Begin": ("init", "import", "lint", "doctor", "schema", "cases", "completion"),
    "Servers": ("plan", "provision", "parity", "environments", "destroy", "facts", "vars"),
    "Drift": ("drift", "waiver", "schedule", "notify"),
    "Releases": ("build", "deploy", "rollback", "smoke", "toggle", "contract", "undrain", "maintenance", "artifact"),
    "Pipeline": ("pipeline", "gates", "approve", "policy", "procedure", "value-stream"),
    "Observe": ("status", "history", "serve", "metrics", "lock"),
    "Hosts": ("run", "ssh", "logs"),
    "Secrets and keys": ("secret", "key"),
}


class _Verbs(click.Group):
    """Lists verbs from the table; imports one when it's called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"cdconf.cli.verbs.{VERBS[cmd_name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = not args or args[0] in VERBS or args[0].startswith("-")
        if not known and not ctx.resilient_parsing:  # a shell that completes wants no errors
            from cdconf.cli.other_verbs import verb_hint

            raise UsageError(f"there is no command '{args[0]}'", hint=verb_hint(args[0], VERBS))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would end here, and say nothing; it isn't our own output's
            from cdconf.cli.context import Crashed

            raise Crashed(str) from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        verbs = [CompletionItem(name, help=text) for name, (_, text) in VERBS.items() if name.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, VERBS))  # one column for all sections
        for purpose, names in PURPOSES.items():
            with formatter.section(purpose):
                formatter.write_dl([(name.ljust(width), VERBS[name][1]) for name in names])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cdconf", message="%(prog)s %(version)s")
def group() -> None:
    """The last mile of continuous delivery: describe, provision, deploy, verify and watch servers.

    Start with `cdconf plan staging`. Exit codes: 0 done, 1 failed, 2 differences found, 3 stopped by a gate,
    4 a host was unreachable.
    """


def run() -> NoReturn:
    """Runs the command line and exits."""
    open_outlets()
    leave_hook(os.environ)
    end_by_signals()
    try:
        group.main(prog_name="cdconf", complete_var="_CDCONF_COMPLETE", standalone_mode=False)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        code = show_error(_usage(error))
    except NoEnvironment as error:
        code = show_error(_named_in_order(error))
    except CdconfError as error:
        code = show_error(error)
    except KeyboardInterrupt as error:
        code = show_error(interruption(error))
    except (click.Abort, EOFError) as error:  # click makes an Abort of every KeyboardInterrupt
        cause = error.__cause__
        code = show_error(interruption(cause) if cause is not None else Interrupted("interrupted"))
    except Exception as error:  # noqa: BLE001  the last resort: a bug must not look like the user's fault
        in_the_way = obstacle(error)
        code = show_error(in_the_way) if in_the_way is not None else _bug()
    _name_isolation(code)
    sys.exit(_flushed(code))


def _name_isolation(code: int) -> None:
    """Says why a cdconf fails that the commit's own code has started: it has neither keys nor the whole project."""
    if code not in (0, DIFFERENT) and os.environ.get("CDCONF_ISOLATED"):
        text = (
            "this cdconf was started by a build, a smoke test or a resource type, which can't reach your keys and files"
        )
        hint = "CDCONF_ISOLATION=off, set where you run cdconf, lets it; gates then take no proof of that run"
        print(f"{text}\n  hint: {hint}", file=sys.stderr)


def _flushed(code: int) -> int:
    """Writes what's left to write; returns the exit code, which a full disk behind stdout changes."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # only where it's no outlet
            stream.flush()
    outlet = outlet_of(sys.stdout)
    if outlet is None or outlet.failure is None:
        return code
    return worst_exit([code, _unwritten(outlet.failure)])


def _unwritten(error: OSError) -> int:
    return _show(CdconfError(f"can't write the output: {error.strerror}"))


def _usage(error: click.ClickException) -> UsageError:
    from cdconf.cli.mistakes import environments_here, hint_for

    message = error.format_message().rstrip(".")
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and error.ctx is not None:
        verb = error.ctx.command
        names = verb.list_commands(error.ctx) if isinstance(verb, click.Group) and error.ctx.parent else []
        there_are = f"there are: {', '.join(names)}" if names else "see cdconf --help"
        return UsageError(f"{error.ctx.command_path} needs a command", hint=there_are)
    if isinstance(error, click.NoSuchOption):
        message = f"no such option '{error.option_name}'"
    arguments = sys.argv[1:]
    hint = hint_for(error, arguments, environments_here(arguments))
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if hint is None and ctx is not None:
        hint = f"see {ctx.command_path} --help"
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _named_in_order(error: NoEnvironment) -> NoEnvironment:
    from cdconf.cli.mistakes import environments_here, in_order

    arguments = sys.argv[1:]
    error.hint = in_order(error, arguments, environments_here(arguments)) or error.hint
    return error


def show_error(error: CdconfError) -> int:
    """Shows an error the way all errors are shown; returns its exit code."""
    verb, as_json = asked(group, sys.argv[1:])
    if not as_json:
        return _show(error)
    import json

    data: dict[str, Any] = {"schema_version": 1, "command": verb, "environment": None, "ok": False}
    data |= {"exit_code": error.exit_code, "error": error.as_dict(), "hosts": {}, "duration_s": 0.0}
    print(json.dumps(data, indent=1))
    return error.exit_code


def _show(error: CdconfError) -> int:
    print(f"error: {error}", file=sys.stderr)
    for line in (error.detail or "").splitlines():
        print(f"    {line}", file=sys.stderr)
    if error.hint:
        print(f"  hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def _bug() -> int:
    """Says that it's cdconf's fault, and where the traceback is (0600: it may hold what mustn't be shown)."""
    from cdconf.cli.context import Crashed

    error = sys.exc_info()[1]
    mask = error.mask if isinstance(error, Crashed) else str
    error = error.__cause__ if isinstance(error, Crashed) else error
    refused = refused_by_machine(error) if error is not None else None
    if refused is not None:
        return _show(refused)
    text = mask("".join(traceback.format_exception(error)))
    summary = mask(str(error)).partition("\n")[0][:200]
    message = f"this is a bug in cdconf ({type(error).__name__}: {summary})"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="cdconf-crash-", suffix=".log", delete=False) as stream:
            stream.write(text)
    except OSError as unwritable:
        hint = f"please report it with the lines above at {REPORT}; they can't be written to a file: {unwritable}"
        return show_error(CdconfError(message, hint=hint, detail=text))
    return show_error(CdconfError(message, hint=f"please report it with {stream.name} at {REPORT}"))
