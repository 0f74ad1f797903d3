"""`cdconf notify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import notify_targets
from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.cli.context import Run
    from cdconf.notify.outbox import Message
    from cdconf.notify.settings import Receiver, Settings

SHOWN = 20  # rows of those that were given up


@click.group()
def command() -> None:
    """Test the notifications about drift, releases and failed stages; show which ones wait to be sent.

    ~/.config/cdconf/notify.yml says who is told of what. It lies outside the repository because it holds tokens.

    Example: cdconf notify test
    """


@command.command()
@click.option(
    "--target", metavar="NAME", multiple=True, shell_complete=notify_targets, help="Only this one (may be repeated)."
)
@project_options
@output_options
def test(target: tuple[str, ...], **flags: Any) -> None:
    """Send one message to each target now, and show the result. Exit code 1: a target didn't accept it.

    Example: cdconf notify test --target ops
    """
    from cdconf.cli.show.tables import show
    from cdconf.errors import FAILED, OK
    from cdconf.notify.trial import try_targets

    with run_of("notify test", None, flags) as run:
        settings = _settings(run)
        chosen = _chosen(settings, target)
        _check_apprise()
        found = try_targets(chosen, run.project.name)
        run.extra["targets"] = {
            name: {"kind": chosen[name].kind, "outcome": outcome, "why": why or None}
            for name, (outcome, why) in found.items()
        }
        if not run.flags.as_json:
            rows = [[name, chosen[name].kind, outcome, why] for name, (outcome, why) in found.items()]
            show(["target", "kind", "outcome", "why"], rows)
        run.code = OK if all(outcome == "sent" for outcome, _ in found.values()) else FAILED


@command.command("list")
@project_options
@output_options
def list_command(**flags: Any) -> None:
    """List the targets by name and kind (never their URLs), the waiting messages, and those that were given up.

    Example: cdconf notify list --json
    """
    from dataclasses import asdict

    from cdconf.notify.outbox import outbox_if_any

    with run_of("notify list", None, flags) as run:
        settings = _settings(run)
        outbox = outbox_if_any(run.project.data_if_any)
        waiting = [*outbox.messages("sending"), *outbox.messages("waiting")] if outbox else []
        given_up = outbox.messages("given_up") if outbox else []
        run.extra["targets"] = {name: _shown(receiver) for name, receiver in settings.targets.items()}
        run.extra["pings"] = [{"environment": ping.environment, "project": ping.project} for ping in settings.pings]
        run.extra["waiting"] = [asdict(message) for message in waiting]
        run.extra["given_up"] = [asdict(message) for message in given_up]
        if not run.flags.as_json:
            _print(settings, waiting, given_up)


@command.command()
@project_options
@output_options
def send(**flags: Any) -> None:
    """Send the waiting messages now, and wait until they are sent: for machines that end with their job, such as in CI.

    Elsewhere you don't need it: each run starts a background process that sends. Exit code 1: some messages still wait.

    Example: cdconf notify send
    """
    from cdconf.errors import FAILED
    from cdconf.events import Notice
    from cdconf.notify.outbox import outbox_if_any
    from cdconf.notify.sender import Sender, alone

    with run_of("notify send", None, flags) as run:
        settings = _settings(run)
        outbox = outbox_if_any(run.project.data_if_any)
        if outbox is None or outbox.is_empty():
            run.emit(Notice("nothing waits"))
            return
        if settings.targets:
            _check_apprise()
        with alone(outbox.folder) as is_alone:
            if not is_alone:
                run.emit(Notice("a process that sends is at work: `cdconf notify list` shows what still waits"))
            elif not Sender(outbox, run.project.name).drain(waits=False):
                run.emit(Notice("something still waits: `cdconf notify list` shows it", warning=True))
                run.code = FAILED
            else:
                run.emit(Notice("nothing waits any more"))


def _settings(run: Run) -> Settings:
    from cdconf.errors import UsageError
    from cdconf.notify.settings import read_settings, settings_file

    found = read_settings(run.project.home)
    if found is None:
        hint = "docs/guides/notifications.md shows what stands in it"
        raise UsageError(f"nobody is notified: there's no {settings_file()}", hint=hint)
    return found


def _chosen(settings: Settings, names: tuple[str, ...]) -> Mapping[str, Receiver]:
    from cdconf.errors import UsageError, did_you_mean

    for name in names:
        if name not in settings.targets:
            known = ", ".join(settings.targets) or "none"
            hint = did_you_mean(name, settings.targets) or f"there are: {known}"
            raise UsageError(f"notify.yml has no target '{name}'", hint=hint)
    chosen = {name: settings.targets[name] for name in names or settings.targets}
    if not chosen:
        raise UsageError("notify.yml has no targets", hint="docs/guides/notifications.md shows one")
    return chosen


def _check_apprise() -> None:
    from cdconf.errors import CdconfError
    from cdconf.notify.post import INSTALL, has_apprise

    if not has_apprise():
        raise CdconfError("Apprise, which sends notifications, isn't installed here", hint=f"`{INSTALL}`")


def _shown(receiver: Receiver) -> dict[str, Any]:
    filters = ("events", "projects", "environments", "apps")
    return {"kind": receiver.kind} | {name: list(getattr(receiver, name)) or None for name in filters}


def _print(settings: Settings, waiting: list[Message], given_up: list[Message]) -> None:
    from cdconf.cli.show.history_rows import when
    from cdconf.cli.show.tables import show

    targets = [
        [
            name,
            receiver.kind,
            *(
                ", ".join(of) or "all"
                for of in (receiver.events, receiver.projects, receiver.environments, receiver.apps)
            ),
        ]
        for name, receiver in settings.targets.items()
    ]
    targets += [
        ["", "ping", "after each drift", ping.project or "all", ping.environment, ""] for ping in settings.pings
    ]
    show(["target", "kind", "events", "projects", "environments", "apps"], targets)
    if waiting:
        click.echo()
        rows = [[message.target, when(message.created), message.title, message.why or ""] for message in waiting]
        show(["waits for", "since", "what", "last attempt"], rows)
    if given_up:
        click.echo()
        rows = [
            [message.target, when(message.created), message.title, message.why or ""] for message in given_up[-SHOWN:]
        ]
        show(["given up for", "of", "what", "why"], rows)
