"""Host patterns of Ansible's inventories: ranges such as `web[01:10:2].example.com`, and ports."""

from __future__ import annotations

import re
import string

_RANGE = re.compile(r"\[([^\[\]]*:[^\[\]]*)\]")
_PORT = re.compile(r"((?:\[[^\[\]]*\]|[^:\[\]])+):([0-9]+)\Z")
_ADDRESS = re.compile(r"\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]\Z")  # IPv6
_MOST = 100_000  # a slip such as [1:1000000000] shouldn't fill the memory


def expand(pattern: str) -> tuple[list[str], int | None]:
    """The hosts that a pattern stands for, and their port.

    Raises:
        ValueError: The pattern breaks a rule; the message says which.
    """
    if pattern.endswith(":"):
        raise ValueError(f"'{pattern}' ends in a colon")
    match = _PORT.match(pattern)
    name, port = (match[1], int(match[2])) if match else (pattern, None)
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"'{port}' isn't a port")
    address = _ADDRESS.match(name)
    return ([address[1]] if address else _ranges(name)), port


def _ranges(name: str) -> list[str]:
    match = _RANGE.search(name)
    if match is None:
        if "[" in name or "]" in name:
            raise ValueError(f"'{name}' has a bracket, but no range such as [1:3]")
        return [name]
    members = _members(match[1])
    rest = _ranges(name[match.end() :])
    if len(members) * len(rest) > _MOST:
        raise ValueError(f"'{name}' stands for more than {_MOST} hosts")
    return [name[: match.start()] + member + end for member in members for end in rest]


def _members(text: str) -> list[str]:
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(f"the range [{text}] must be begin:end or begin:end:step")
    begin, end = parts[0] or "0", parts[1]
    step = int(parts[2]) if len(parts) == 3 and parts[2].isdigit() else 1 if len(parts) == 2 else 0
    if not end or step < 1:
        raise ValueError(f"the range [{text}] needs an end, and a step of 1 or more")
    letters = string.ascii_letters
    if begin in letters and end in letters and len(begin) == len(end) == 1:
        first, last = letters.index(begin), letters.index(end)
        members = list(letters[first : last + 1 : step])
    elif begin.isdigit() and end.isdigit():
        width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
        if width and width != len(end):
            raise ValueError(f"begin and end of the range [{text}] must be of equal length")
        members = [
            str(number).zfill(width) for number in range(int(begin), min(int(end), int(begin) + _MOST * step) + 1, step)
        ]
    else:
        raise ValueError(f"the range [{text}] is neither of numbers nor of letters")
    if not members:
        raise ValueError(f"the range [{text}] ends before it begins")
    return members
