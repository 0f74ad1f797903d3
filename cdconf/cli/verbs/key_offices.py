"""`cdconf key … --office O`: keys that say that a stage has passed, that approve, or that override."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cdconf.artifacts.keys import PublicKey
    from cdconf.cli.context import Run

office_option = click.option(
    "--office", metavar="O", help="For this office (`stage:NAME`, `approve` or `override`) instead of for builds."
)


def new(run: Run, word: str, *, as_json: bool) -> None:
    """Makes an office's key, and trusts it here."""
    from cdconf.events import Notice
    from cdconf.promotion import office_keys, signers
    from cdconf.promotion.offices import shown

    office = _office(run, word)
    signers.written(run.project)  # a broken file is found before a key is made
    made = office_keys.new(run.project, office)
    signers.trust(run.project, office, made)
    run.record_as("key new", f"{shown(office)} {made.id}")
    run.extra |= {"key": document(made), "office": office}
    run.emit(Notice(f"the private key of {shown(office)} is in {office_keys.private_file(run.project, office)}"))
    run.emit(Notice(f"it may speak for {shown(office)} here, in {signers.signers_file(run.project)}: {made.id}"))
    _tell_of_people(run, office)
    if not as_json:
        click.echo(made.text)


def show_own(run: Run, word: str, *, as_json: bool) -> None:
    """Prints the public part of an office's key."""
    from cdconf.artifacts.keys import public_of
    from cdconf.promotion.office_keys import needed

    office = _office(run, word)
    public = public_of(needed(run.project, office).key)
    run.extra |= {"key": document(public), "office": office}
    if not as_json:
        click.echo(public.text)


def trust(run: Run, word: str, key: PublicKey, valid_before: str | None) -> None:
    """Lets a key speak for an office on this machine."""
    from cdconf.events import Notice
    from cdconf.promotion import signers
    from cdconf.promotion.offices import shown

    office = _office(run, word)
    signers.trust(run.project, office, key, _day(valid_before))
    run.record_as("key trust", f"{shown(office)} {key.id} {key.name}".rstrip())
    run.extra |= {"key": document(key), "office": office}
    run.emit(Notice(f"{key.id} {key.name} may speak for {shown(office)} of {run.project.name} here"))
    _tell_of_people(run, office)


def list_(run: Run, word: str | None, *, as_json: bool) -> None:
    """Lists who may speak for an office, or for any."""
    from cdconf.cli.show.tables import show
    from cdconf.events import Notice
    from cdconf.promotion.offices import shown
    from cdconf.promotion.signers import signers_of

    office = _office(run, word) if word else None
    found = signers_of(run.project)
    now = time.time()
    chosen = [signer for signer in found.signers if office is None or office in signer.offices]
    run.extra |= {
        "file": found.file,
        "signers": [
            {
                "id": signer.id,
                "principals": signer.principals,
                "offices": sorted(signer.offices),
                "valid_before": signer.valid_before,
                "problem": found.problem(signer, now),
            }
            for signer in chosen
        ],
    }
    if not chosen:
        what = shown(office) if office else "any office"
        run.emit(Notice(f"nobody may speak for {what} here ({found.file}), so gates that require it are closed"))
    elif not as_json:
        rows = [
            [
                signer.id,
                signer.principals,
                ", ".join(map(shown, sorted(signer.offices))),
                found.problem(signer, now) or "valid",
            ]
            for signer in chosen
        ]
        show(["fingerprint", "name", "offices", "state"], rows)


def revoke(run: Run, word: str, fingerprint: str) -> None:
    """Makes a key prove nothing any more, on this machine."""
    from cdconf.events import Notice
    from cdconf.promotion.offices import shown
    from cdconf.promotion.signers import revoke as revoke_key
    from cdconf.promotion.signers import revoke_line, revoked_file

    office = _office(run, word)
    if " " in fingerprint.strip():
        gone_id = revoke_line(run.project, fingerprint)
        run.record_as("key revoke", gone_id)
        run.extra |= {"office": office, "key": {"id": gone_id}}
        text = f"{gone_id} proves nothing any more here, whatever it signed ({revoked_file(run.project)})"
        run.emit(Notice(text, warning=True))
        return
    gone = revoke_key(run.project, office, fingerprint)
    run.record_as("key revoke", f"{shown(office)} {gone.id}")
    run.extra |= {"office": office, "key": {"id": gone.id, "principals": gone.principals}}
    offices = ", ".join(map(shown, sorted(gone.offices)))
    text = f"{gone.id} proves nothing any more here, whatever it signed, for {offices} ({revoked_file(run.project)})"
    run.emit(Notice(text, warning=True))


def document(key: PublicKey) -> dict[str, str]:
    """A public key in the JSON document."""
    return {"id": key.id, "name": key.name, "public": key.text}


def _office(run: Run, word: str) -> str:
    """The office that a word names; says that a stage isn't in the pipeline, which a later commit may have.

    Raises:
        UsageError: There's no such office.
    """
    from cdconf.errors import nearest_or_all
    from cdconf.events import Notice
    from cdconf.promotion.offices import STAGE, named

    known = [one.name for one in run.project.pipeline.stages]
    office = named(word, known)
    stage = office.removeprefix(STAGE)
    if office.startswith(STAGE) and stage not in known:
        run.emit(Notice(f"cdconf.yml has no stage '{stage}': {nearest_or_all(stage, known)}", warning=True))
    return office


def _tell_of_people(run: Run, office: str) -> None:
    """Says that this office isn't what approvals take."""
    from cdconf.events import Notice
    from cdconf.promotion.offices import APPROVE
    from cdconf.promotion.policy import policy_file

    if office == APPROVE:
        text = f"it may stop the line; who approves stands under `people` in {policy_file(run.project)}"
        run.emit(Notice(f"{text}, with their own SSH keys", warning=True))


def _day(text: str | None) -> str | None:
    """`20270131Z` from `2027-01-31`, as OpenSSH writes days.

    Raises:
        UsageError: It's no day.
    """
    from cdconf.errors import UsageError

    if text is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        return datetime.fromisoformat(text).replace(tzinfo=UTC).strftime("%Y%m%dZ")
    except ValueError as error:
        raise UsageError(f"'{text}' isn't a day", hint="such as --valid-before 2027-01-31") from error
