"""`cdconf secret`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from cdconf.cli.options import environment_argument, project_options
from cdconf.errors import SecretError


@click.group()
def command() -> None:
    """Read and write secrets: inventories/ENV/secrets.yml, encrypted with age for ENV's recipients.

    Example: cdconf secret set production shop_mail_password
    """


def _store(directory: str, environment: str) -> Any:
    from cdconf.inventory import load_environment, load_project
    from cdconf.secrets import SecretStore

    project = load_project(Path(directory))
    return SecretStore(project, load_environment(project, environment))


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
    """Set secret NAME of ENV. The value is asked for, or read from stdin; never an argument."""
    store = _store(directory, environment)
    if sys.stdin.isatty():
        value = click.prompt(name, hide_input=True, confirmation_prompt=True, err=True)
    else:
        value = sys.stdin.read().removesuffix("\n")
    if not value:
        raise SecretError("an empty secret is none")
    store.set(name, value)
    click.echo(f"{name} is set in {store.shown}", err=True)


@command.command()
@environment_argument
@click.argument("name")
@project_options
def get(environment: str, name: str, directory: str) -> None:
    """Print secret NAME of ENV."""
    from cdconf.errors import did_you_mean

    store = _store(directory, environment)
    value = store.get(name)
    if value is None:
        raise SecretError(f"there is no secret '{name}' in {environment}", hint=did_you_mean(name, store.names()))
    click.echo(value)


@command.command("list")
@environment_argument
@project_options
def list_(environment: str, directory: str) -> None:
    """List the names of ENV's secrets, and where each lies."""
    store = _store(directory, environment)
    for name in store.names():
        click.echo(f"{name}  {store.source(name)}")


@command.command()
@environment_argument
@project_options
def edit(environment: str, directory: str) -> None:
    """Edit all of ENV's secrets in $EDITOR; what isn't changed keeps its ciphertext."""
    from cdconf.yamlfile import loads

    store = _store(directory, environment)
    old = {name: str(store.get(name)) for name in store.names() if store.source(name) != "generated"}
    memory = Path("/dev/shm")  # noqa: S108  plain secrets shouldn't reach a disk
    with tempfile.TemporaryDirectory(prefix="cdconf-secret-", dir=memory if memory.is_dir() else None) as folder:
        file = Path(folder) / "secrets.yml"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(_as_yaml(old))
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        if subprocess.run([*shlex.split(editor), str(file)], check=False).returncode != 0:
            raise SecretError("the editor failed; nothing was changed")
        new = loads(file.read_text(encoding="utf-8"), "secrets.yml")
    for name, value in new.items():
        if not isinstance(value, str) or not value:
            raise new.error(f"the secret '{name}' must be text", name, "quote it")
    for name in sorted({*old, *new}):
        if name not in new:
            store.remove(name)
        elif old.get(name) != new[name]:
            store.set(name, new[name])


def _as_yaml(values: dict[str, str]) -> str:
    import yaml

    text: str = yaml.safe_dump(values, allow_unicode=True, default_style='"') if values else ""
    return text
