"""Reads what stages have said of thousands of artifacts, on all processors: to verify a signature takes 0.1 ms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cdconf.artifacts.attestations import STATEMENT, read_opened
from cdconf.pipeline.board.words import Word, words_of
from cdconf.plans.parallel import spread
from cdconf.promotion.checked import check
from cdconf.promotion.said import Held, Proof
from cdconf.promotion.statement import BASE

if TYPE_CHECKING:
    from cdconf.promotion.checked import CheckedObject
    from cdconf.promotion.evidence import Evidence

_AT_ONCE = 400  # objects whose contents are in memory together
_OWN = BASE.encode()


class Gathered(NamedTuple):
    """What was found out of one artifact's statements.

    Attributes:
        words: Those that count, each with the id of the key that has signed it.
        is_plain: Whether everything there could be read, and counts or says nothing to a board.
    """

    words: list[tuple[str, Word]]
    is_plain: bool


def gather(evidence: Evidence, names: Mapping[str, Sequence[str]], processes: int | None = None) -> dict[str, Gathered]:
    """What stages said of artifacts.

    Args:
        evidence: The store; it's told what can't be read.
        names: Archive -> the names of the objects that speak of it.
        processes: How many; by default as many as there are processors to use.

    Raises:
        ArtifactError: The store can't be read.
    """

    def some(archives: Sequence[str]) -> tuple[dict[str, Gathered], list[tuple[str, str]]]:
        found: dict[str, Gathered] = {}
        skipped: list[tuple[str, str]] = []
        for part in _parts(archives, names):
            found |= _read(evidence, {archive: names[archive] for archive in part}, skipped)
        return found, skipped

    found: dict[str, Gathered] = {}
    skip = evidence.skipping()
    for part, skipped in spread(some, list(names), processes):
        found |= part
        for name, why in skipped:
            skip(name, why)
    return found


def _parts(archives: Sequence[str], names: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The archives, so that the contents of some of them have room in memory."""
    found: list[list[str]] = [[]]
    count = 0
    for archive in archives:
        if count >= _AT_ONCE:
            found.append([])
            count = 0
        found[-1].append(archive)
        count += len(names[archive])
    return found


def _read(
    evidence: Evidence, names: Mapping[str, Sequence[str]], skipped: list[tuple[str, str]]
) -> dict[str, Gathered]:
    before = len(skipped)
    objects = [name for some in names.values() for name in some]
    read = read_opened(evidence.place, STATEMENT, objects, lambda name, why: skipped.append((name, why)))
    unread = {name for name, _ in skipped[before:]}
    found = {}
    for archive, some in names.items():
        checked = [
            checked_object
            for name in some
            if name in read and (checked_object := _checked(name, *read[name], evidence)) is not None
        ]
        words = [
            (one.signer.id if one.signer else "", word)
            for one in checked
            for word in words_of(evidence.project.name, archive, [one])
        ]
        found[archive] = Gathered(words, unread.isdisjoint(some) and all(map(_is_plain, checked)))
    return found


def _checked(
    name: str, envelope: Mapping[str, Any], opened: tuple[str, bytes], evidence: Evidence
) -> CheckedObject | None:
    """What it says; None of what's no statement of cdconf's own, such as a test's result for other tools."""
    payload = opened[1]
    if _OWN not in payload and b"\\" not in payload and b"\0" not in payload:  # it isn't there in other words either
        return None
    return check(name, envelope, evidence.signers, evidence.now, opened)


def _is_plain(checked_object: CheckedObject) -> bool:
    return (
        checked_object.refusal is None
        and checked_object.signer is not None
        and isinstance(checked_object.said, (Proof, Held))
    )
