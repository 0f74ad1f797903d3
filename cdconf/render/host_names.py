"""Many hosts in a few words: `all 100 hosts`, `98 of 100 hosts (all but web3, web7)`, `web1 to web60, db1`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

FEW = 3  # names that stand by themselves; hosts that `all but` names
PARTS = 6  # of a list of names and ranges, before the rest of it is counted
_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})([^0-9]*)", re.DOTALL)


def named(hosts: Sequence[str], among: Sequence[str], *, every: bool = False) -> str:
    """Hosts for a line that speaks of them together.

    Args:
        hosts: Their names, at least one.
        among: All hosts of the run.
        every: Whether each must be told, however many parts that takes.
    """
    short, listed = counted(hosts, among, every=every)
    return f"{short} ({listed})" if listed else short


def counted(hosts: Sequence[str], among: Sequence[str], *, every: bool = False) -> tuple[str, str]:
    """The same in two parts: `98 of 100 hosts` and `all but web3, web7`; the second is empty where there's no need."""
    if len(hosts) <= FEW and len(hosts) < len(among):
        return ", ".join(hosts), ""
    if len(hosts) >= len(among):
        return f"all {len(hosts)} hosts", ""
    members = frozenset(hosts)
    others = [name for name in among if name not in members]
    listed = f"all but {', '.join(others)}" if len(others) <= FEW else listed_in_short(hosts, every=every)
    return f"{len(hosts)} of {len(among)} hosts", listed


def listed_in_short(hosts: Sequence[str], *, every: bool = False) -> str:
    """`web1 to web60, db1`; more than six parts end with `and N more hosts, which -v names`.

    Args:
        hosts: Their names.
        every: Whether each must be told.
    """
    parts = list(_ranges(hosts))
    if every or len(parts) <= PARTS:
        return ", ".join(text for text, _ in parts)
    left = sum(count for _, count in parts[PARTS:])
    told = ", ".join(text for text, _ in parts[:PARTS])
    return f"{told} and {left} more host{'' if left == 1 else 's'}, which -v names"


def _ranges(hosts: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Names and ranges of names that count on by one, each with how many hosts it is, in the order of the hosts."""
    run: list[str] = []
    for name in hosts:
        if run and not _follows(run[-1], name):
            yield from _parts(run)
            run = []
        run.append(name)
    yield from _parts(run)


def _parts(run: Sequence[str]) -> Iterator[tuple[str, int]]:
    if len(run) < FEW:
        yield from ((name, 1) for name in run)
    else:
        yield f"{run[0]} to {run[-1]}", len(run)


def _follows(before: str, name: str) -> bool:
    """Whether a name is the next one: `web09` and `web10`, `web9.example` and `web10.example`."""
    one, other = _NUMBERED.fullmatch(before), _NUMBERED.fullmatch(name)
    if one is None or other is None or (one[1], one[3]) != (other[1], other[3]):
        return False
    is_padded = one[2].startswith("0") or other[2].startswith("0")
    return int(other[2]) == int(one[2]) + 1 and (len(one[2]) == len(other[2]) or not is_padded)
