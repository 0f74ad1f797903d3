"""The rows of `status` above 20 hosts: equal ones are one row, with their hosts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cdconf.render.grouped import ABOVE
from cdconf.render.host_names import counted

_HOST, _DEPLOYED = 0, 4  # columns


def alike(
    rows: Sequence[Sequence[str]], red: Collection[int], hosts: Sequence[str], *, every: bool = False
) -> tuple[list[list[str]], set[int]]:
    """Rows that differ only in their host, and in when it was deployed to, as one row.

    Args:
        rows: The cells of each row: host, app, release, state, deployed, lease.
        red: The numbers of the rows that are shown in red.
        hosts: The names of all hosts.
        every: Whether each host is to have its rows, however many there are.

    Returns:
        The rows in the order of their first host, and the numbers of those that are red.
    """
    if every or len(hosts) <= ABOVE:
        return [list(row) for row in rows], set(red)
    groups: dict[tuple[object, ...], list[Sequence[str]]] = {}
    for number, row in enumerate(rows):
        _, _, owner = row[_DEPLOYED].partition(" by ")
        others = (cell for place, cell in enumerate(row) if place not in (_HOST, _DEPLOYED))
        groups.setdefault((number in red, owner, *others), []).append(row)
    told = [_one(same, hosts) for same in groups.values()]
    return told, {number for number, key in enumerate(groups) if key[0]}


def _one(same: Sequence[Sequence[str]], hosts: Sequence[str]) -> list[str]:
    row = list(same[0])
    row[_HOST], listed = counted([one[_HOST] for one in same], hosts)
    if listed:  # behind all columns, where a long list pushes none of them off the screen
        row[-1] = f"{row[-1]}  ({listed})".lstrip()
    times = sorted({one[_DEPLOYED].partition(" by ")[0] for one in same})
    if len(times) > 1:
        row[_DEPLOYED] = f"{times[0]} to {times[-1]}{row[_DEPLOYED].removeprefix(row[_DEPLOYED].partition(' by ')[0])}"
    return row
