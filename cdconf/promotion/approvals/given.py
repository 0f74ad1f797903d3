"""Approvals and rejections as they lie in the store: whose they are, and whether they count for anything at all.

Who has signed is told by the key in the SSH signature, which the operator's policy maps to a person. What an approval
says of itself, such as `by`, is for people.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import dsse
from cdconf.artifacts.attestations import content_of
from cdconf.errors import ArtifactError
from cdconf.promotion.checked import AHEAD
from cdconf.promotion.offices import APPROVE
from cdconf.promotion.said import Approval
from cdconf.promotion.ssh.signature import SshSignature, signature_of, verify
from cdconf.promotion.ssh.wire import Malformed
from cdconf.promotion.statement import NotSaid, read

if TYPE_CHECKING:
    from cdconf.promotion.people import People, Person


@dataclass(frozen=True)
class Given:
    """An object of the store that may be an approval.

    Attributes:
        name: The object's name.
        said: What it says; None when that can't be read.
        person: Whose it is; None when that isn't proven.
        refusal: Why it counts for nothing, after "it"; None when it counts.
    """

    name: str
    said: Approval | None = None
    person: Person | None = None
    refusal: str | None = None

    @property
    def shown(self) -> str:
        """For people: `approval 1f2e3d4c5b6a by anna`."""
        by = f" by {self.person.name}" if self.person else ""
        return f"approval {content_of(self.name)[:12]}{by}"


def given_all(
    envelopes: Mapping[str, Mapping[str, Any]], people: People, revoked: Collection[str], now: float
) -> list[Given]:
    """Checks the objects of a store.

    Args:
        envelopes: Object's name -> envelope.
        people: Everybody whom the operator's policy knows.
        revoked: The fingerprints of keys that prove nothing any more.
        now: This machine's time.
    """
    return [given(name, envelope, people, revoked, now) for name, envelope in envelopes.items()]


def given(name: str, envelope: Mapping[str, Any], people: People, revoked: Collection[str], now: float) -> Given:
    """Checks one; see `given_all`."""
    found = Given(name)
    try:
        said = read(envelope)
        if not isinstance(said, Approval):
            return replace(found, refusal="is no approval")
        found = replace(found, said=said)
        signature = _signature(envelope)
        person = _person(signature.key.id, people, revoked)
        verify(signature, dsse.pae(*dsse.content(envelope)), APPROVE)
    except (NotSaid, Malformed) as error:
        return replace(found, refusal=str(error))
    except ArtifactError as error:
        return replace(found, refusal=f"can't be read: {error.message}")
    found = replace(found, person=person)
    ahead = said.at - now
    if ahead > AHEAD and said.decision == "approved":  # a rejection stands, whatever the clock of who rejects
        return replace(found, refusal=f"was given {ahead:.0f} s in the future, by its signer's clock")
    return found


def _signature(envelope: Mapping[str, Any]) -> SshSignature:
    """The signature, of which there's one: an approval is one person's."""
    dsse.content(envelope)
    signatures = envelope["signatures"]
    if not signatures:
        raise Malformed("isn't signed")
    if len(signatures) > 1:
        raise Malformed(f"has {len(signatures)} signatures, and an approval is one person's")
    try:
        data = base64.b64decode(signatures[0]["sig"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("has a signature that isn't Base64") from error
    return signature_of(data)


def _person(fingerprint: str, people: People, revoked: Collection[str]) -> Person:
    if fingerprint in revoked:
        raise Malformed(f"is signed by a revoked key: {fingerprint}")
    found = people.by_key(fingerprint)
    if found is None:
        raise Malformed(f"is signed by a key that the policy assigns to nobody: {fingerprint}")
    return found
