"""Lines of /etc/hosts (hosts(5)), edited in their place with all others untouched."""

import ipaddress

from cdconf.agent import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address, IPv6Address


def parse(line: "str") -> "tuple[IPv4Address | IPv6Address, list[str]] | None":
    """(address, names) of a line; None for comments and what isn't an entry."""
    words = texts.words(line.partition("#")[0])
    if len(words) < 2:
        return None
    try:
        return ipaddress.ip_address(words[0].partition("%")[0]), words[1:]
    except ValueError:
        return None


def names(text: "str", address: "str") -> "list[str] | None":
    """All names of an address in their order, or None; several lines of one address count together."""
    wanted = ipaddress.ip_address(address)
    found: "list[str]" = []
    for line in texts.lines(text):
        entry = parse(line)
        if entry is not None and entry[0] == wanted:
            found.extend(name for name in entry[1] if name not in found)
    return found or None


def put(text: "str", address: "str", wanted: "Sequence[str] | None") -> "str":
    """The text with the address's names replaced, added at the end, or with None removed; a comment stays."""
    number, done = ipaddress.ip_address(address), wanted is None
    kept: "list[str]" = []
    for line in texts.whole_lines(text):
        entry = parse(line)
        if entry is None or entry[0] != number:
            kept.append(line)
        elif not done:
            comment = line.partition("#")[2].rstrip("\r\n")
            kept.append(_form(address, wanted or ()) + (" #" + comment if "#" in line else "") + "\n")
            done = True
    if not done:
        if kept and not kept[-1].endswith("\n"):
            kept[-1] += "\n"
        kept.append(_form(address, wanted or ()) + "\n")
    return "".join(kept)


def _form(address: "str", wanted: "Sequence[str]") -> "str":
    return "{}\t{}".format(address, " ".join(wanted))
