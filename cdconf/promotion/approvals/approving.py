"""Gives an approval, or a rejection: whose key, what is signed, where it goes."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cdconf.errors import GateClosed, UsageError
from cdconf.promotion.heads import journal_head
from cdconf.promotion.offices import APPROVE
from cdconf.promotion.said import Approval
from cdconf.promotion.saying import say_approved, whoami
from cdconf.promotion.ssh.own_keys import OwnKey, key_in, keys_here
from cdconf.promotion.ssh.signing import sign

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.promotion.people import Person
    from cdconf.promotion.review import Review


@dataclass(frozen=True)
class Approver:
    """Who is about to sign, and with what.

    Attributes:
        own: The key.
        person: Whose it is; None when this machine has no policy that could say so.
    """

    own: OwnKey
    person: Person | None

    @property
    def name(self) -> str:
        """For people."""
        return self.person.name if self.person else "somebody whom no policy here knows"


def approver(review: Review, file: str | None) -> Approver:
    """Who signs: with the key that's named, or else with the first one here that the policy knows.

    Args:
        review: What's approved.
        file: `--key`.

    Raises:
        GateClosed: The key is revoked.
        UsageError: There's no such key, or none that the policy knows.
    """
    people, policy, revoked = review.about.people, review.about.policy, review.evidence.signers.revoked
    own = _first(keys_here(), review) if file is None else key_in(Path(file).expanduser())
    if own.key.id in revoked:
        raise GateClosed(f"{own.shown} is a revoked key, and approves nothing: {own.key.id}")
    person = people.by_key(own.key.id)
    if person is None and people.persons:
        hint = f"add it to `keys` of a person there: '{own.key.line}'"
        raise UsageError(f"the policy doesn't say whose key {own.shown} is, {own.key.id} ({policy})", hint=hint)
    return Approver(own, person)


def _first(found: list[OwnKey], review: Review) -> OwnKey:
    """The first key of those here that the policy knows, if they're all one person's."""
    people, policy = review.about.people, review.about.policy
    usable = [key for key in found if key.key.id not in review.evidence.signers.revoked]
    owners = {key.key.id: person.name for key in usable if (person := people.by_key(key.key.id)) is not None}
    if not owners:
        raise _no_key(found, policy, is_known=bool(people.persons))
    if len(set(owners.values())) > 1:
        names = " and ".join(sorted(set(owners.values())))
        raise UsageError(f"the SSH keys here are those of {names}", hint="say with which one to sign: --key FILE")
    return next(key for key in usable if key.key.id in owners)


def _no_key(found: list[OwnKey], policy: str, *, is_known: bool) -> UsageError:
    if not is_known:
        hint = "`people` there says who may approve; without it, --key FILE names the key to sign with"
        return UsageError(f"there's no policy here that says whose keys these are ({policy})", hint=hint)
    if not found:
        hint = "start an ssh-agent and `ssh-add` your key, or name its file: --key ~/.ssh/id_ed25519"
        return UsageError("there's no SSH key to sign with: none in an ssh-agent, none in ~/.ssh", hint=hint)
    listed = ", ".join(f"{key.shown} {key.key.id}" for key in found)
    hint = f"add one to `keys` of a person in {policy}, or name another: --key FILE"
    return UsageError(f"the policy doesn't know any of the SSH keys here: {listed}", hint=hint)


def check_counts(review: Review, who: Approver) -> None:
    """Raises `GateClosed` where this machine knows already that the approval couldn't count for anything."""
    if who.person is None or not review.wanted.approvals:
        return
    label, where = review.gate.label, review.gate.environment
    people, problems = review.about.people, []
    written = review.authors.known(people).get(who.person.name)
    for approval in review.wanted.approvals:
        if not people.are_of(who.person, approval.groups):
            problems.append(f"{approval.source} asks for {', '.join(approval.groups)}, and {who.name} isn't of them")
        elif approval.not_author and written is not None:
            problems.append(
                f"{approval.source} takes no author, and {who.name} has written commit {written.commit[:10]}"
            )
        else:
            return
    raise GateClosed(f"{who.name} can't approve {label} for {where}: {'; '.join(problems)}", hint="ask somebody else")


def give(
    review: Review,
    artifact: Artifact,
    who: Approver,
    decision: Literal["approved", "rejected"],
    note: str,
    lasts: float | None,
) -> str:
    """Signs it and stores it; returns the object's name.

    Args:
        review: What's approved.
        artifact: The artifact.
        who: Who signs.
        decision: What they say.
        note: Why.
        lasts: For how many seconds; if not given, as long as the environment takes approvals at most.

    Raises:
        ArtifactError: The store can't be written to.
        CdconfError: Nothing could be signed.
    """
    candidate, now = review.about.candidate, time.time()
    limits = [approval.expires for approval in review.wanted.approvals]
    if lasts is None and limits and None not in limits:
        lasts = max(limit for limit in limits if limit is not None)
    said = Approval(
        subject=candidate.subject,
        project=candidate.project,
        app=candidate.app,
        version=artifact.version,
        environment=candidate.environment,
        procedure=candidate.procedure or "",
        commit=candidate.commit,
        decision=decision,
        note=note.strip(),
        seen=review.seen,
        by=whoami(),
        at=now,
        expires=now + lasts if lasts is not None and decision == "approved" else None,
        nonce=secrets.token_hex(16),
    )
    head = journal_head(review.evidence.project)
    return say_approved(
        review.evidence.place, said, lambda message: sign(message, who.own, APPROVE), who.own.key.id, head
    )
