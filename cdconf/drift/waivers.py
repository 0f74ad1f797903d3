"""Which waiver covers a finding, at what time, and which ones cover nothing any more. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.inventory.waivers import Waiver


@dataclass(frozen=True, slots=True)
class Judged:
    """What the waivers say of one finding.

    Attributes:
        waived: The waiver that covers it; None: none does.
        ended: Where none does: the one that has covered it last.
        unsure: Where none does: the one that would, if it said `unknown: true`.
    """

    waived: Waiver | None = None
    ended: Waiver | None = None
    unsure: Waiver | None = None


class Waivers:
    """An environment's waivers, by what they're about.

    Args:
        waivers: Those of its file.
        hosts: Pattern -> the names of the hosts that it names, for the `host` of each waiver.
    """

    def __init__(self, waivers: Sequence[Waiver], hosts: Mapping[str, AbstractSet[str]]) -> None:
        self._hosts = hosts
        self._all = waivers
        self._about: dict[tuple[str, str], list[Waiver]] = {}
        for waiver in waivers:
            self._about.setdefault((waiver.type, waiver.title), []).append(waiver)

    def judge(self, host: str, kind: str, title: str, now: float, *, is_unknown: bool = False) -> Judged:
        """What they say of a finding.

        Args:
            host: Where it was found.
            kind: Its type.
            title: Its title.
            now: The time that counts, in seconds since 1970.
            is_unknown: Whether it can't be told how the resource stands: only waivers that say so cover that.
        """
        about = [waiver for waiver in self._about.get((kind, title), ()) if host in self._hosts[waiver.host]]
        longest_first = sorted(about, key=lambda waiver: waiver.until, reverse=True)
        there = [waiver for waiver in longest_first if waiver.holds(now)]
        sure = next((waiver for waiver in there if waiver.unknown or not is_unknown), None)
        if sure is not None:
            return Judged(waived=sure)
        if there:
            return Judged(unsure=there[0])
        return Judged(ended=longest_first[0] if longest_first else None)

    def titles(self, host: str, now: float) -> list[tuple[str, str]]:
        """(type, title) of all that is waived on a host, whether or not it differs."""
        return [
            about
            for about, several in self._about.items()
            if any(host in self._hosts[waiver.host] and waiver.holds(now) for waiver in several)
        ]

    def unused(self, used: AbstractSet[tuple[str, str, str]], looked: AbstractSet[str]) -> list[Waiver]:
        """Those that no finding needs any more.

        Args:
            used: The names of those that findings need, or needed before they ended.
            looked: The hosts that were looked at, from the first resource to the last one.
        """
        return [waiver for waiver in self._all if waiver.names not in used and self._hosts[waiver.host] <= looked]
