"""`cdconf key`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options
from cdconf.cli.verbs import key_offices
from cdconf.cli.verbs.key_offices import document, office_option


@click.group()
def command() -> None:
    """Manage the keys that sign artifacts, and the trusted keys. Both lie outside the repository.

    With --office, a key isn't for builds, but for a stage of the pipeline or for overriding gates.

    Example: cdconf key new
    """


@command.command()
@office_option
@project_options
@output_options
def new(office: str | None, **flags: Any) -> None:
    """Make this project's signing key, or that of an office, and trust it on this machine.

    From then on this machine refuses artifacts without a trusted signature. `cdconf artifact sign` signs older ones.

    Example: cdconf key new --office stage:manual
    """
    from cdconf.artifacts import keys, trust
    from cdconf.events import Notice

    with run_of("key", None, flags) as run:
        if office:
            key_offices.new(run, office, as_json=run.flags.as_json)
            return
        trust.trusted(run.project)  # a broken file is found before a key is made
        made = keys.new(run.project)
        trust.trust(run.project, made)
        run.record_as("key new", made.id)
        run.extra["key"] = document(made)
        run.emit(Notice(f"the private key is in {keys.private_file(run.project)}; keep a copy in a safe place"))
        run.emit(Notice(f"trusted here from now on, in {trust.trusted_file(run.project)}: {made.id}"))
        if not run.flags.as_json:
            click.echo(made.text)


@command.command("show")
@office_option
@project_options
@output_options
def show_(office: str | None, **flags: Any) -> None:
    """Print the public part of this project's signing key, or of an office's, for `key trust` elsewhere."""
    from cdconf.artifacts import keys
    from cdconf.errors import ArtifactError

    with run_of("key", None, flags) as run:
        if office:
            key_offices.show_own(run, office, as_json=run.flags.as_json)
            return
        key = keys.own(run.project)
        if key is None:
            raise ArtifactError(
                f"there is no key for {run.project.name}: {keys.private_file(run.project)}",
                hint="make one with `cdconf key new`",
            )
        public = keys.public_of(key)
        run.extra["key"] = document(public)
        if not run.flags.as_json:
            click.echo(public.text)


@command.command("list")
@office_option
@click.option("--offices", is_flag=True, help="List the keys of all offices.")
@project_options
@output_options
def list_(office: str | None, offices: bool, **flags: Any) -> None:
    """List the keys that this machine trusts for this project: for its builds, or for an office."""
    from cdconf.artifacts.trust import trust_of, trusted_file
    from cdconf.cli.show.tables import show
    from cdconf.events import Notice

    with run_of("key", None, flags) as run:
        if office or offices:
            key_offices.list_(run, office, as_json=run.flags.as_json)
            return
        found = trust_of(run.project)
        run.extra |= {"file": str(trusted_file(run.project)), "state": found.state}
        run.extra["keys"] = [document(key) for key in found.keys.values()]
        name = run.project.name
        if found.state == "undecided":
            run.emit(Notice(f"{name} has no trusted keys here, so unsigned artifacts are accepted"))
        elif found.state == "nobody":
            run.emit(Notice(f"{name} trusts no key here, so every artifact is refused: {found.why}", warning=True))
        elif found.state == "anybody":
            text = f"{name} trusts anybody here, so unsigned artifacts are accepted (`cdconf key distrust --anybody`)"
            run.emit(Notice(text, warning=True))
        if found.keys and not run.flags.as_json:
            show(["fingerprint", "name"], [[key.id, key.name] for key in found.keys.values()])


@command.command("trust")
@click.argument("key", nargs=-1)
@click.option("--anybody", is_flag=True, help="Accept all artifacts: unsigned ones, and those signed by any key.")
@office_option
@click.option(
    "--valid-before", metavar="DAY", help="With --office: the day from which the key no longer counts (2027-01-31)."
)
@project_options
@output_options
def trust_(key: tuple[str, ...], anybody: bool, office: str | None, valid_before: str | None, **flags: Any) -> None:
    """Trust a public KEY: its line, a file that holds it, or `-` for stdin. This ends `trust --anybody`.

    With --office, the key is trusted for that office, and not for builds.

    Example: cdconf key trust ssh-ed25519 AAAA… ci@build
    """
    from cdconf.artifacts import keys, trust
    from cdconf.errors import UsageError
    from cdconf.events import Notice

    if anybody == bool(key):
        raise UsageError("say either a KEY or --anybody", hint="`cdconf key show` prints a key where it was made")
    if (anybody and office) or (valid_before and not office):
        raise UsageError(
            "--anybody can't be combined with --office" if anybody else "--valid-before belongs to --office"
        )
    with run_of("key", None, flags) as run:
        if office:
            key_offices.trust(run, office, keys.parse(*_text(key)), valid_before)
            return
        if anybody:
            trust.trust_anybody(run.project)
            run.record_as("key trust", "anybody")
            text = f"{run.project.name} trusts anybody from now on: unsigned artifacts are accepted here"
            run.emit(Notice(text, warning=True))
            return
        found = keys.parse(*_text(key))
        trust.trust(run.project, found)
        run.record_as("key trust", f"{found.id} {found.name}".rstrip())
        run.extra["key"] = document(found)
        run.emit(Notice(f"{run.project.name} trusts {found.id} {found.name}".rstrip()))


@command.command()
@click.argument("fingerprint", required=False)
@click.option(
    "--anybody", is_flag=True, help="Undo `trust --anybody`: accept only artifacts that a trusted key has signed."
)
@project_options
@output_options
def distrust(fingerprint: str | None, anybody: bool, **flags: Any) -> None:
    """Stop trusting the key with this FINGERPRINT; its first letters are enough.

    When no trusted key is left, no artifact is accepted on this machine until you trust another key.
    """
    from cdconf.artifacts import trust
    from cdconf.errors import UsageError
    from cdconf.events import Notice

    if anybody == bool(fingerprint):
        raise UsageError("say either a FINGERPRINT or --anybody", hint="`cdconf key list` shows the fingerprints")
    with run_of("key", None, flags) as run:
        name = run.project.name
        if fingerprint:
            gone = trust.distrust(run.project, fingerprint)
            run.record_as("key distrust", f"{gone.id} {gone.name}".rstrip())
            run.extra["key"] = document(gone)
            run.emit(Notice(f"{name} no longer trusts {gone.id}"))
        else:
            trust.distrust_anybody(run.project)
            run.record_as("key distrust", "anybody")
            run.emit(Notice(f"{name} no longer trusts everybody"))
        left = trust.file_state(run.project)
        run.extra["state"] = left
        if left == "nobody":
            text = "no trusted key is left, so every artifact is refused here: `cdconf key trust KEY` trusts another"
            run.emit(Notice(f"{text} one; to do without signatures: `cdconf key trust --anybody`", warning=True))


@command.command()
@click.argument("fingerprint")
@click.option("--office", metavar="O", required=True, help="The key's office: `stage:NAME`, `override` or `approve`.")
@project_options
@output_options
def revoke(fingerprint: str, office: str, **flags: Any) -> None:
    """Revoke the key with this FINGERPRINT for every office: nothing that it has signed counts any more.

    To revoke a person's key for approvals, give its whole line ('ssh-ed25519 AAAA…') and `--office approve`.

    Example: cdconf key revoke SHA256:Xy12 --office stage:manual
    """
    with run_of("key", None, flags) as run:
        key_offices.revoke(run, office, fingerprint)


def _text(words: tuple[str, ...]) -> tuple[str, str]:
    """A key's line, and where it's from. A shell has split it into words unless it was quoted."""
    if words == ("-",):
        return sys.stdin.read().strip(), "stdin"
    if len(words) == 1 and " " not in words[0]:
        from cdconf.errors import UsageError

        try:
            return Path(words[0]).read_text(encoding="utf-8").strip(), words[0]
        except (OSError, ValueError) as error:
            raise UsageError(
                f"can't read a key from '{words[0]}': {getattr(error, 'strerror', None) or error}"
            ) from error
    return " ".join(words), "the argument"
