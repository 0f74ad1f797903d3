"""`cdconf secret`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import output_options, project_options
from cdconf.cli.secret_store import record_secrets, secret_store
from cdconf.cli.verbs.secret_exposure import check, exposure, rotate
from cdconf.errors import CdconfError, SecretError

if TYPE_CHECKING:
    from cdconf.secrets import SecretStore


@click.group()
def command() -> None:
    """Read and write secrets: inventories/ENV/secrets.yml, encrypted with age for ENV's recipients.

    Secrets can also stay elsewhere. ~/.config/cdconf/secrets/PROJECT.yml (or the file that $CDCONF_SECRETS names) says
    where cdconf reads a secret that isn't in secrets.yml: environment variables, systemd's credentials, `pass`, `op`,
    sops, a keyring, HashiCorp Vault (experimental), or a command of your own.

    Example: cdconf secret set production shop_mail_password
    """


@command.command()
def key() -> None:
    """Print your public key; make the key pair first if you have none."""
    from cdconf.secrets import age

    click.echo(age.make_identity())


@command.command("set")
@environment_argument
@click.argument("name")
@project_options
def set_(environment: str, name: str, directory: str) -> None:
    """Set secret NAME of ENV. cdconf asks for the value, or reads it from stdin. It is never an argument."""
    if "=" in name:
        hint = f"give the name alone: `cdconf secret set {environment} {name.partition('=')[0]}` asks for the value"
        raise SecretError("a secret's value isn't given on the command line, where every user could read it", hint=hint)
    store = secret_store(directory, environment)
    asked = sys.stdin.isatty()
    value = click.prompt(name, hide_input=True, confirmation_prompt=True, err=True) if asked else _piped()
    if not value:
        raise SecretError("the secret is empty")
    store.set(name, value)
    click.echo(f"{name} is set in {store.shown}", err=True)
    record_secrets(directory, environment, "secret set", name)
    _tell_shift(environment, store)


@command.command()
@environment_argument
@click.argument("name")
@project_options
def get(environment: str, name: str, directory: str) -> None:
    """Print secret NAME of ENV. Into a pipe or a file it writes the exact bytes, without a final newline."""
    from cdconf.errors import did_you_mean

    store = secret_store(directory, environment)
    value = store.get(name)
    if value is None:
        hint = did_you_mean(name, store.names()) or f"`cdconf secret set {environment} {name}` sets it"
        raise SecretError(f"there is no secret '{name}' in {environment}", hint=hint)
    click.echo(value if sys.stdout.isatty() else value.encode("utf-8"), nl=sys.stdout.isatty())


def _piped() -> str:
    """What stdin gives, byte for byte, but for one new line at its end: `echo` and editors put it there."""
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        hint = "encode it: `base64 -w0 FILE | cdconf secret set …`"
        raise SecretError(f"a secret must be UTF-8, and byte {error.start} isn't", hint=hint) from error


@command.command("list")
@environment_argument
@project_options
@output_options
def list_(environment: str, **flags: Any) -> None:
    """List the names of ENV's secrets, and where each is stored."""
    from cdconf.cli.context import run_of

    with run_of("secret", environment, flags) as run:
        run.extra["secrets"] = {name: run.secrets.source(name) for name in run.secrets.names()}
        if not run.flags.as_json:
            for name, source in run.extra["secrets"].items():
                click.echo(f"{name}  {source}")


@command.command()
@environment_argument
@project_options
def edit(environment: str, directory: str) -> None:
    """Edit all of ENV's secrets in $EDITOR. Secrets that you don't change keep their encrypted text.

    Either all changes are written or none. After a mistake, cdconf keeps your text so that you can correct it.
    """
    from cdconf.cli.secret_text import Scratch, as_yaml, changes

    store = secret_store(directory, environment)
    store.recipients()  # before anything is typed
    old = {name: store.get(name) for name in store.names() if store.source(name) != "generated"}
    with Scratch(as_yaml(old)) as scratch:
        while True:
            _open_editor(scratch.file)
            try:
                wanted = changes(old, scratch.read())
                if wanted:
                    store.change(wanted)
                break
            except CdconfError as error:
                if not _again(error):
                    scratch.keep()
                    hint = f"nothing was changed; your text is in {scratch.file}: use it, then remove it"
                    raise SecretError(str(error), hint=f"{error.hint}; {hint}" if error.hint else hint) from error
    done = [
        f"{name} is {'removed from' if value is None else 'set in'} {store.shown}" for name, value in wanted.items()
    ]
    click.echo("\n".join(done) or "nothing was changed", err=True)
    if wanted:
        what = (f"{name} removed" if value is None else name for name, value in wanted.items())
        record_secrets(directory, environment, "secret edit", ", ".join(what))
    _tell_shift(environment, store)


@command.command()
@environment_argument
@project_options
def rekey(environment: str, directory: str) -> None:
    """Encrypt ENV's secrets again for the keys that are in recipients.txt now.

    People whom you removed from recipients.txt still know the old values: change those with `rotate`.
    """
    store = secret_store(directory, environment)
    before = store.shift()
    names = store.rekey()
    click.echo(f"{len(names)} secrets are encrypted for {len(store.recipients())} recipients", err=True)
    dropped = f"; dropped: {', '.join(before.opened)}" if before.opened else ""
    record_secrets(directory, environment, "secret rekey", f"{', '.join(names)}{dropped}")
    for key, opened in before.closed.items():
        click.echo(f"{key}… can read from now on: {', '.join(opened)}", err=True)
    for key, had in before.opened.items():
        text = f"warning: {key}… was dropped, but has been able to read, and may have kept: {', '.join(had)}"
        click.echo(f"{text}; change these values where they're used, too", err=True)
    if before.more:
        text = f"warning: someone was dropped who has been able to read, and may have kept: {', '.join(before.more)}"
        click.echo(f"{text}; change these values where they're used, too", err=True)


command.add_command(check)
command.add_command(exposure)
command.add_command(rotate)


def _tell_shift(environment: str, store: SecretStore) -> None:
    """Says when secrets that were set earlier can't be read by those who should, or can be by those who shouldn't."""
    try:
        found = store.shift()
    except SecretError:  # nobody is a recipient, which matters when something is set
        return
    end = f"`cdconf secret rekey {environment}` mends that"
    for key, names in found.closed.items():
        click.echo(f"warning: {key}… can't read {', '.join(names)}, set earlier: {end}", err=True)
    for key, names in found.opened.items():
        click.echo(f"warning: {key}… is no recipient, and can still read {', '.join(names)}: {end}", err=True)
    if found.fewer:
        click.echo(f"warning: not all recipients can read {', '.join(found.fewer)}, set earlier: {end}", err=True)
    if found.more:
        text = f"warning: someone who is no recipient can still read {', '.join(found.more)}"
        click.echo(f"{text}: {end}", err=True)


def _open_editor(file: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        status = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
    except (OSError, ValueError) as error:
        raise SecretError(f"the editor '{editor}' can't be started: {error}", hint="set $EDITOR") from error
    if status != 0:
        raise SecretError(f"the editor failed (exit status {status}); nothing was changed")


def _again(error: CdconfError) -> bool:
    """Asks whether to edit again; where nobody can answer, no."""
    if not sys.stdin.isatty():
        return False
    click.echo(f"error: {error}" + (f"\n  hint: {error.hint}" if error.hint else ""), err=True)
    return click.confirm("Edit again?", default=True, err=True)
