"""What `approve` shows before it asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.cli.show.approve_plan import Planned
    from cdconf.promotion.approvals.authors import CommitAuthor
    from cdconf.promotion.review import Review
    from cdconf.promotion.said import Proof

_COMMITS, _COMMITS_AS_DATA = 20, 1000
_CHANGES = 12
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_STATES = {"there": "there", "missing": "MISSING", "asked_later": "asked later"}


def lines(review: Review, artifact: Artifact, plan: Planned | None) -> Iterator[str]:
    """The review for people."""
    from cdconf.promotion.reasons import clock

    candidate, since = review.about.candidate, review.authors.since
    yield f"{artifact.label} to {candidate.environment}"
    yield f"  artifact   sha256 {artifact.archive}"
    yield f"  built from {artifact.commit[:10] if artifact.commit else candidate.not_built}"
    if since is None:
        yield f"  replaces   nobody has said what {candidate.environment} runs"
    else:
        yield f"  replaces   {since.label}, released {clock(since.at)} ({since.statement})"
    yield from _commits(review)
    yield from _procedure(review)
    if plan is not None:
        yield f"what `provision` would change on hosts: {plan.summary or 'not compared here'} (`{plan.command}`)"
    yield "what stages have found out:" if review.proofs else "no stage has said anything that counts here"
    for name, proof in sorted(review.proofs.items(), key=lambda pair: pair[1].finished):
        yield f"  {proof.stage}: {_result(proof)}"
        yield f"    {name}"
    yield "the gate:" if review.gate.links else f"{candidate.environment} asks for nothing"
    for link in review.gate.links:
        yield f"  {_STATES[link.state]:<11} {link.name}: {link.why}"


def _commits(review: Review) -> Iterator[str]:
    authors, people = review.authors, review.about.people
    since = f"since {authors.since.label}" if authors.since else "in all of the history"
    if authors.problem:
        yield f"commits {since}: can't be told: {authors.problem}"
        return
    yield f"{len(authors.commits)} commit{'' if len(authors.commits) == 1 else 's'} {since}:"
    for commit in authors.commits[:_COMMITS]:
        yield f"  {commit.commit[:10]}  {commit.subject}"
        yield f"    by {', '.join(_author(commit, place, people) for place in range(len(commit.authors)))}"
    if len(authors.commits) > _COMMITS:
        begin = f"{authors.since.built_from[:10]}.." if authors.since else ""
        yield f"  and {len(authors.commits) - _COMMITS} more: `git log {begin}{authors.commits[0].commit[:10]}`"


def _author(commit: CommitAuthor, place: int, people: Any) -> str:
    author = commit.authors[place]
    person = people.by_address(author.address)
    return f"{author} ({person.name if person else 'unknown to the policy'})"


def _procedure(review: Review) -> Iterator[str]:
    candidate, since = review.about.candidate, review.authors.since
    yield f"procedure {candidate.procedure}, of commit {candidate.commit[:10]}"
    if since is None or review.changed is None:
        return
    if not review.changed:
        yield f"  the same as that of {since.label}"
        return
    for change in review.changed[:_CHANGES]:
        yield f"  {_SIGNS[change.how]} {change.kind} {change.name}"
    command = f"cdconf procedure {candidate.app} --from {since.commit[:10]} --to {candidate.commit[:10]}"
    more = f"{len(review.changed) - _CHANGES} more: " if len(review.changed) > _CHANGES else ""
    yield f"  {more}`{command}`"


def _result(proof: Proof) -> str:
    from cdconf.promotion.reasons import clock

    parts = [f"{proof.result} in {proof.environment} at {clock(proof.finished)}"]
    for name, found in (("smoke", proof.smoke), ("acceptance", proof.acceptance)):
        if found:
            parts.append(f"{name} {found.get('passed', 0)} passed, {found.get('failed', 0)} failed")
    if proof.parity:
        alike = "alike" if proof.parity.get("alike") else "NOT ALIKE"
        parts.append(f"parity with {', '.join(map(str, proof.parity.get('with', ())))}: {alike}")
    return "; ".join(parts)


def document(review: Review, artifact: Artifact, plan: Planned | None) -> dict[str, Any]:
    """The review as the JSON document's own keys."""
    candidate, authors = review.about.candidate, review.authors
    return {
        "app": artifact.app,
        "version": artifact.version,
        "artifact": artifact.archive,
        "procedure": candidate.procedure,
        "since": asdict(authors.since) if authors.since else None,
        "commits": [_written(commit, review) for commit in authors.commits[:_COMMITS_AS_DATA]],
        "commits_count": len(authors.commits),
        "authors_unknown": authors.problem or None,
        "changes": None if review.changed is None else [asdict(change) for change in review.changed],
        "plan": asdict(plan) if plan else None,
        "results": [proof.document(name) for name, proof in review.proofs.items()],
        "seen": list(review.seen),
        "gates": [asdict(link) for link in review.gate.links],
    }


def _written(commit: CommitAuthor, review: Review) -> dict[str, Any]:
    people = review.about.people
    authors = []
    for author in commit.authors:
        person = people.by_address(author.address)
        authors.append({"name": author.name, "address": author.address, "person": person.name if person else None})
    return {"commit": commit.commit, "subject": commit.subject, "authors": authors}
