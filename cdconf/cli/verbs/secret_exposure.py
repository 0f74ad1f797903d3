"""`cdconf secret check`, `exposure` and `rotate`: who could read secrets, and how that's ended."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import output_options, project_options
from cdconf.errors import DIFFERENT, SecretError, did_you_mean
from cdconf.events import Notice

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.secrets.exposure import Exposure

_SHORTEST = 16
_CURRENT = {True: "today's", False: "an older one", None: "perhaps today's"}


def _found(run: Run) -> list[Exposure]:
    from cdconf.secrets.exposure import exposures, is_shallow

    root = run.project.root
    if is_shallow(root):
        run.emit(Notice("this clone has only a part of its history (`git fetch --unshallow`)", warning=True))
    return exposures(root, run.project.shown_folder(run.environment.name), run.secrets)


@click.command()
@environment_argument
@click.option("--recipient", metavar="KEY", help="Only this recipient: a name, or the beginning of a public key.")
@project_options
@output_options
def exposure(environment: str, recipient: str | None, **flags: Any) -> None:
    """Show who could ever read which of ENV's secrets, by the git history of all branches.

    Encrypting a secret again doesn't change its value: everybody who could read it before still knows it.
    """
    from cdconf.cli.context import run_of
    from cdconf.cli.show.tables import show

    with run_of("secret", environment, flags) as run:
        found = [one for one in _found(run) if recipient is None or _is(one, recipient)]
        run.extra["exposure"] = [vars(one) for one in found]
        if not run.flags.as_json:
            heads = ["secret", "key", "name", "value", "since", "commit", "recipient"]
            show(heads, [_row(one) for one in found])


@click.command()
@environment_argument
@project_options
@output_options
def check(environment: str, **flags: Any) -> None:
    """Find secrets of ENV whose recipients differ from recipients.txt, or that a former recipient still knows.

    Exit code 2: there are some. Changes nothing.
    """
    from cdconf.cli.context import run_of
    from cdconf.secrets.exposure import left

    with run_of("secret", environment, flags) as run:
        shift, known = run.secrets.shift(), left(_found(run))
        lines = [f"{key}… can't read {', '.join(names)}" for key, names in shift.closed.items()]
        lines += [f"{key}… is no recipient, and can read {', '.join(names)}" for key, names in shift.opened.items()]
        lines += [f"not all recipients can read {', '.join(shift.fewer)}"] if shift.fewer else []
        lines += [f"someone who is no recipient can read {', '.join(shift.more)}"] if shift.more else []
        rekey = bool(lines)
        for name, who in known.items():
            people = ", ".join(dict.fromkeys(_person(one) for one in who))
            surely = any(one.current for one in who)
            lines.append(f"{name} {'has' if surely else 'may have'} the value that {people} could read")
        run.extra["findings"] = lines
        if lines:
            run.code = DIFFERENT
        if not run.flags.as_json:
            click.echo("\n".join(lines) or f"the secrets of {environment} are known to its recipients alone")
            if rekey:
                click.echo(f"`cdconf secret rekey {environment}` encrypts them for the recipients of now", err=True)
            if known:
                names = " ".join(known)
                click.echo(f"`cdconf secret rotate {environment} {names}` gives them new values", err=True)


@click.command()
@environment_argument
@click.argument("names", nargs=-1, required=True)
@click.option("--length", type=click.IntRange(8, 1024), help="Number of characters (default: as before; at least 16).")
@project_options
def rotate(environment: str, names: tuple[str, ...], length: int | None, directory: str) -> None:
    """Give secrets NAMES of ENV new random values (letters and digits) in secrets.yml.

    `rekey` changes who can read a value; `rotate` changes the value. Hosts get the new value with the next `provision`.
    You must change it yourself everywhere else, such as in a database or a mail relay. For a value that somebody gives
    you, use `cdconf secret set`.

    Example: cdconf secret rotate production shop_db_password
    """
    from cdconf.cli.secret_store import record_secrets, secret_store

    store = secret_store(directory, environment)
    mine = store.ciphertexts()
    for name in names:
        if name not in mine:
            hint = did_you_mean(name, mine) or "only those of secrets.yml can be rotated here"
            raise SecretError(f"there is no secret '{name}' in {store.shown}", hint=hint)
    sizes = {name: length or max(_SHORTEST, len(store.get(name) or "")) for name in names}
    alphabet = string.ascii_letters + string.digits
    store.change({name: "".join(secrets.choice(alphabet) for _ in range(size)) for name, size in sizes.items()})
    click.echo(f"{', '.join(sizes)}: new values in {store.shown}", err=True)
    click.echo(f"`cdconf provision {environment}` brings them to the hosts", err=True)
    record_secrets(directory, environment, "secret rotate", ", ".join(sizes))


def _is(one: Exposure, recipient: str) -> bool:
    key = one.key or ""
    return bool(key) and (recipient.startswith(key) or key.startswith(recipient) or one.name == recipient)


def _person(one: Exposure) -> str:
    key = f"{one.key}…" if one.key else "somebody unknown"
    return f"{one.name} ({key})" if one.name else key


def _row(one: Exposure) -> list[str]:
    key, now = f"{one.key}…" if one.key else "unknown", "yes" if one.recipient else "no"
    return [one.secret, key, one.name, _CURRENT[one.current], one.since, one.commit, now]
