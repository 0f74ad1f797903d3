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
        for one in waivers:
            self._about.setdefault((one.type, one.title), []).append(one)

    def judge(self, host: str, kind: str, title: str, now: float, *, is_unknown: bool = False) -> Judged:
        """What they say of a finding.

        Args:
            host: Where it was found.
            kind: Its type.
            title: Its title.
            now: The time that counts, in seconds since 1970.
            is_unknown: Whether it can't be told how the resource stands: only waivers that say so cover that.
        """
        about = [one for one in self._about.get((kind, title), ()) if host in self._hosts[one.host]]
        longest_first = sorted(about, key=lambda one: one.until, reverse=True)
        there = [one for one in longest_first if one.holds(now)]
        sure = next((one for one in there if one.unknown or not is_unknown), None)
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
            if any(host in self._hosts[one.host] and one.holds(now) for one in several)
        ]

    def unused(self, used: AbstractSet[tuple[str, str, str]], looked: AbstractSet[str]) -> list[Waiver]:
        """Those that no finding needs any more.

        Args:
            used: The names of those that findings need, or needed before they ended.
            looked: The hosts that were looked at, from the first resource to the last one.
        """
        return [one for one in self._all if one.names not in used and self._hosts[one.host] <= looked]
