"""`cdconf key`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.artifacts.keys import PublicKey


@click.group()
def command() -> None:
    """Keys that sign artifacts, and keys whose signatures are trusted. They lie outside the repository.

    Example: cdconf key new
    """


@command.command()
@project_options
@output_options
def new(**flags: Any) -> None:
    """Make this project's signing key, and trust it on this machine.

    From then on artifacts that no trusted key has signed are refused here: `cdconf artifact sign` signs older ones.
    """
    from cdconf.artifacts import keys
    from cdconf.events import Notice

    with run_of("key", None, flags) as run:
        keys.trusted(run.project)  # a broken file is found before a key is made
        made = keys.new(run.project)
        keys.trust(run.project, made)
        run.extra["key"] = _document(made)
        run.emit(Notice(f"the private key is in {keys.private_file(run.project)}; keep a copy in a safe place"))
        run.emit(Notice(f"trusted here from now on, in {keys.trusted_file(run.project)}: {made.id}"))
        if not flags["as_json"]:
            click.echo(made.text)


@command.command("show")
@project_options
@output_options
def show_(**flags: Any) -> None:
    """Print the public part of this project's signing key: the line that others give to `cdconf key trust`."""
    from cdconf.artifacts import keys
    from cdconf.errors import ArtifactError

    with run_of("key", None, flags) as run:
        key = keys.own(run.project)
        if key is None:
            raise ArtifactError(
                f"there is no key for {run.project.name}: {keys.private_file(run.project)}",
                hint="make one with `cdconf key new`",
            )
        public = keys.public_of(key)
        run.extra["key"] = _document(public)
        if not flags["as_json"]:
            click.echo(public.text)


@command.command("list")
@project_options
@output_options
def list_(**flags: Any) -> None:
    """List the keys whose signatures this machine trusts for this project."""
    from cdconf.artifacts import keys
    from cdconf.cli.tables import show
    from cdconf.events import Notice

    with run_of("key", None, flags) as run:
        found = keys.trusted(run.project)
        run.extra |= {"file": str(keys.trusted_file(run.project)), "keys": [_document(one) for one in found.values()]}
        if not found:
            run.emit(Notice(f"{run.project.name} has no trusted keys here, so unsigned artifacts are accepted"))
        elif not flags["as_json"]:
            show(["fingerprint", "name"], [[one.id, one.name] for one in found.values()])


@command.command()
@click.argument("key", nargs=-1, required=True)
@project_options
@output_options
def trust(key: tuple[str, ...], **flags: Any) -> None:
    """Trust a public KEY: its line, a file that holds it, or `-` for stdin.

    Example: cdconf key trust ssh-ed25519 AAAA… ci@build
    """
    from cdconf.artifacts import keys
    from cdconf.events import Notice

    with run_of("key", None, flags) as run:
        found = keys.parse(*_text(key))
        keys.trust(run.project, found)
        run.extra["key"] = _document(found)
        run.emit(Notice(f"{run.project.name} trusts {found.id} {found.name}".rstrip()))


@command.command()
@click.argument("fingerprint")
@project_options
@output_options
def distrust(fingerprint: str, **flags: Any) -> None:
    """Trust the key with this FINGERPRINT no more; its first letters are enough."""
    from cdconf.artifacts import keys
    from cdconf.events import Notice

    with run_of("key", None, flags) as run:
        gone = keys.distrust(run.project, fingerprint)
        run.extra["key"] = _document(gone)
        run.emit(Notice(f"{run.project.name} trusts {gone.id} no more"))
        if not keys.trusted(run.project):
            run.emit(Notice("no key is trusted any more, so unsigned artifacts are accepted", warning=True))


def _text(words: tuple[str, ...]) -> tuple[str, str]:
    """A key's line, and where it's from. A shell has split it into words unless it was quoted."""
    if words == ("-",):
        return sys.stdin.read().strip(), "stdin"
    if len(words) == 1 and " " not in words[0]:
        from cdconf.errors import UsageError

        try:
            return Path(words[0]).read_text(encoding="utf-8").strip(), words[0]
        except (OSError, ValueError) as error:
            raise UsageError(f"can't read a key from '{words[0]}': {error}") from error
    return " ".join(words), "the argument"


def _document(key: PublicKey) -> dict[str, str]:
    return {"id": key.id, "name": key.name, "public": key.text}
