"""Whether a journal is what it was: by its own chain, by what the index has seen of it, and by signed heads; pure.

Whoever can write a journal can rewrite all of it, link by link. A head in a signed statement holds for the very lines
that were there when it was signed; what came after the last one is covered by none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cdconf.history.chain import Head, JournalLine

FindingKind = Literal["cut_out", "rewritten", "lost", "added", "damaged"]
_SHORT = 12  # characters of an id


@dataclass(frozen=True)
class SeenLine:
    """A line of a journal as an index has seen it; `id` is None of a damaged one."""

    number: int
    link: str
    id: str | None
    digest: str


@dataclass(frozen=True)
class Claim:
    """What a signed statement says of a checkout's journal.

    Attributes:
        statement: The object's name.
        checkout: Whose journal.
        head: How far it reached.
        at: When the statement was made.
    """

    statement: str
    checkout: str
    head: Head
    at: float


@dataclass(frozen=True)
class JournalFinding:
    """Something that isn't as it was.

    Attributes:
        kind: `cut_out`: entries are gone. `rewritten`: they say something else than they did. `lost`: a checkout's
            journal is nowhere. `added`: entries that no later one knows of. `damaged`: no entry can be read there.
        text: For people.
        checkout: Whose journal it is.
        first: The number of the first entry.
        last: The number of the last one.
        id: The run's row, where one is known.
        statement: The object that says otherwise, where it's one that does.
    """

    kind: FindingKind
    text: str
    checkout: str
    first: int
    last: int
    id: str | None = None
    statement: str | None = None


@dataclass(frozen=True)
class Verified:
    """What's to be said of a checkout's journal.

    Attributes:
        entries: How many it has.
        covered: The number of the last one that a signed head covers; 0: none.
        by: The statement with that head.
        uncovered_since: The first one's time that none covers; None: all are covered, or it says none.
        findings: What isn't as it was, by number.
    """

    entries: int
    covered: int
    by: str | None
    uncovered_since: float | None
    findings: tuple[JournalFinding, ...]

    @property
    def uncovered(self) -> int:
        """How many entries no signed head covers."""
        return self.entries - self.covered


def verify(checkout: str, lines: Sequence[JournalLine], seen: Sequence[SeenLine], claims: Sequence[Claim]) -> Verified:
    """Verifies a checkout's own journal.

    Args:
        checkout: Its id.
        lines: The journal.
        seen: What the index has seen of it, also what isn't there any more.
        claims: What statements say of it.
    """
    named = list(_against_index(checkout, lines, seen))
    explained = {number for finding in named for number in range(finding.first, finding.last + 1)}
    links = {line.link: place for place, line in enumerate(lines, 1)}
    found = named + [finding for finding in _by_chain(checkout, lines) if not _is_explained(finding, explained)]
    holding = [claim for claim in claims if claim.head.link in links]
    covering = max(holding, key=lambda claim: links[claim.head.link], default=None)
    covered = links[covering.head.link] if covering is not None else 0
    for claim in sorted((one for one in claims if one not in holding), key=lambda one: one.head.number):
        found += _unmet(claim, lines, found)
    since = next((line.record.get("started_at") for line in lines[covered:] if line.record is not None), None)
    return Verified(
        entries=len(lines),
        covered=covered,
        by=covering.statement if covering is not None else None,
        uncovered_since=float(since) if isinstance(since, (int, float)) else None,
        findings=tuple(sorted(found, key=lambda finding: (finding.first, finding.kind))),
    )


def _is_explained(finding: JournalFinding, numbers: set[int]) -> bool:
    return (
        finding.kind in ("cut_out", "rewritten")
        and set(range(finding.first, min(finding.last, finding.first + 9999) + 1)) <= numbers
    )


def _by_chain(checkout: str, lines: Sequence[JournalLine]) -> Iterator[JournalFinding]:
    """What the lines say of each other."""
    unchained = 0  # lines of older versions, or of somebody's hand, since the last one that says its place
    before = ""  # the link of that one
    for line in lines:
        if line.record is None:
            yield JournalFinding("damaged", "can't be read", checkout, line.number, line.number)
        claimed, counted = line.claimed, line.counted
        if claimed is None:
            unchained += 1
            continue
        if claimed.number - 1 > counted.number:
            text = "is missing: the next one says that it was there"
            yield JournalFinding("cut_out", text, checkout, counted.number + 1, claimed.number - 1)
        elif claimed.number - 1 == counted.number and claimed.link != counted.link:
            text = "isn't what the next one says that it was"
            yield JournalFinding("rewritten", text, checkout, max(1, counted.number), max(1, counted.number))
        elif claimed.number - 1 < counted.number:
            beside = unchained and claimed.link == before
            text = "came from an older version at the same time, or from somebody's hand" if beside else "was put in"
            yield JournalFinding("added", text, checkout, claimed.number, counted.number)
        unchained, before = 0, line.link


def _against_index(checkout: str, lines: Sequence[JournalLine], seen: Sequence[SeenLine]) -> Iterator[JournalFinding]:
    """What the index has seen otherwise, run by run."""
    there = {line.link for line in lines}
    digests: dict[str, set[str]] = {}
    for line in lines:
        if line.id is not None:
            digests.setdefault(line.id, set()).add(line.digest)
    told: set[tuple[str, str]] = set()
    for seen_line in sorted(seen, key=lambda one: one.number):
        if seen_line.link in there or seen_line.id is None or seen_line.digest in digests.get(seen_line.id, ()):
            continue  # where others before it were changed, it has another link, and says the same
        kind: FindingKind = "rewritten" if seen_line.id in digests else "cut_out"
        if (seen_line.id, kind) in told:
            continue
        told.add((seen_line.id, kind))
        verb = "says something else than the index has seen" if kind == "rewritten" else "is missing"
        yield JournalFinding(
            kind, f"{verb}: run {seen_line.id}", checkout, seen_line.number, seen_line.number, seen_line.id
        )


def _unmet(claim: Claim, lines: Sequence[JournalLine], found: Sequence[JournalFinding]) -> Iterator[JournalFinding]:
    """What a head means that no line has: where nothing else explains it, the journal was changed link by link."""
    last = lines[-1].number if lines else 0
    number = claim.head.number
    if any(finding.kind in ("cut_out", "rewritten") and finding.first <= number for finding in found):
        return
    if number > last:
        text = f"is missing from the end: {claim.statement} has seen it"
        yield JournalFinding("cut_out", text, claim.checkout, last + 1, number, statement=claim.statement)
        return
    text = f"aren't all what {claim.statement} has seen: the journal was changed, link by link"
    yield JournalFinding("rewritten", text, claim.checkout, 1, number, statement=claim.statement)


def lost(own: str, claims: Sequence[Claim], known: Mapping[str, Sequence[SeenLine]]) -> list[JournalFinding]:
    """Checkouts of which statements say that they had a journal, and whose entries are nowhere here.

    Args:
        own: This checkout's id.
        claims: What statements say.
        known: Checkout -> what a team's database has of its journal.
    """
    last: dict[str, Claim] = {}
    for claim in claims:
        if claim.checkout != own and claim.head.number > last.get(claim.checkout, claim).head.number - 1:
            last[claim.checkout] = claim
    found = []
    for checkout, claim in sorted(last.items()):
        have = known.get(checkout, ())
        if any(line.link == claim.head.link for line in have):
            continue
        most = max((line.number for line in have), default=0)
        if most >= claim.head.number:
            text = f"of checkout {checkout} aren't all what {claim.statement} has seen"
            found.append(JournalFinding("rewritten", text, checkout, 1, claim.head.number, statement=claim.statement))
            continue
        text = f"of checkout {checkout} is nowhere here: its journal is on another machine, or lost"
        found.append(JournalFinding("lost", text, checkout, most + 1, claim.head.number, statement=claim.statement))
    return found
