"""Readable firewall entries: checked, normalised, and put into nft's words (nft(8))."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

VERDICTS = ("accept", "drop", "reject")
PROTOCOLS = ("tcp", "udp", "sctp", "icmp")
# By number, since a small host has no /etc/protocols that nft could look names up in.
NUMBERS = {"tcp": ("6",), "udp": ("17",), "sctp": ("132",), "icmp": ("1", "58")}
_KEYS = (*VERDICTS, "from", "protocol", "interface", "comment")
_INTERFACE = re.compile(r'[^\s/"\\]{1,15}\Z')
_COMMENT = re.compile(r'[^"\\\n\r\0]{1,120}\Z')
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?\Z")
ALL = "all"

Rule = dict[str, Any]


def parse(entry: Any) -> Rule:
    """One entry as plain data: `{verdict, ports, protocols, sources4, sources6, interfaces, comment}`.

    Ports are `[low, high]` pairs; empty lists mean any.

    Raises:
        ValueError: The entry breaks a rule; the text says which.
    """
    if not isinstance(entry, Mapping):
        text = f"a rule is a mapping such as {{accept: [22], from: 10.0.0.0/8}}, not '{entry}'"
        raise ValueError(text)  # noqa: TRY004  all that's wrong with an entry is the same to its reader
    unknown = [str(key) for key in entry if key not in _KEYS]
    if unknown:
        raise ValueError(f"unknown key '{unknown[0]}' in a rule; there are {', '.join(_KEYS)}")
    verdicts = [verdict for verdict in VERDICTS if verdict in entry]
    if len(verdicts) != 1:
        raise ValueError("a rule needs one of accept, drop and reject")
    ports = [] if entry[verdicts[0]] == ALL else _ports(_listed(entry[verdicts[0]]))
    protocols = _protocols(entry, ports)
    networks = [_network(one) for one in _listed(entry.get("from", []))]
    return {
        "verdict": verdicts[0],
        "ports": ports,
        "protocols": protocols,
        "sources4": [str(address) for address in ipaddress.collapse_addresses(n for n in networks if n.version == 4)],
        "sources6": [str(address) for address in ipaddress.collapse_addresses(n for n in networks if n.version == 6)],
        "interfaces": [_matching(_INTERFACE, one, "interface") for one in _listed(entry.get("interface", []))],
        "comment": _matching(_COMMENT, entry["comment"], "comment") if "comment" in entry else "",
    }


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _matching(pattern: re.Pattern[str], value: Any, what: str) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise ValueError(f"'{value}' can't be the {what} of a rule")
    return value


def _protocols(entry: Mapping[str, Any], ports: Sequence[Any]) -> list[str]:
    protocols = _listed(entry.get("protocol", ["tcp"] if ports else []))
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise ValueError(f"'{protocol}' isn't one of the protocols {', '.join(PROTOCOLS)}")
        if protocol == "icmp" and ports:
            raise ValueError("ICMP has no ports: say `accept: all`")
    return sorted(set(protocols), key=PROTOCOLS.index)


def _ports(values: Sequence[Any]) -> list[list[int]]:
    """Ports and ranges, sorted and merged: nft refuses sets whose members overlap."""
    pairs = []
    for value in values:
        found = _PORTS.match(str(value)) if not isinstance(value, bool) else None
        low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= low <= high <= 65535:
            raise ValueError(f"'{value}' is no port: a number from 1 to 65535, a range such as 8000-8100, or `all`")
        pairs.append([low, high])
    if not pairs:
        raise ValueError("a rule without ports; say `all` for all of them")
    merged: list[list[int]] = []
    for low, high in sorted(pairs):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return merged


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(str(text))
    except ValueError as error:
        raise ValueError(f"'from' needs addresses or networks: {error}") from None


def lines(rule: Rule) -> list[str]:
    """The rule as nft's: one line for each address family and protocol."""
    end = rule["verdict"] + (f' comment "{rule["comment"]}"' if rule["comment"] else "")
    where = f"iifname {_set([_quoted(one) for one in rule['interfaces']])} " if rule["interfaces"] else ""
    sources = [f"ip saddr {_set(rule['sources4'])} "] if rule["sources4"] else []
    sources += [f"ip6 saddr {_set(rule['sources6'])} "] if rule["sources6"] else []
    return [f"{where}{source}{match}{end}" for source in sources or [""] for match in _matches(rule)]


def _matches(rule: Rule) -> list[str]:
    if rule["ports"]:
        ports = _set([str(low) if low == high else f"{low}-{high}" for low, high in rule["ports"]])
        return [f"{protocol} dport {ports} " for protocol in rule["protocols"]]
    numbers = [number for one in rule["protocols"] for number in NUMBERS[one]]
    return [f"meta l4proto {_set(numbers)} "] if numbers else [""]


def _quoted(text: str) -> str:
    return f'"{text}"'


def _set(members: Sequence[str]) -> str:
    return members[0] if len(members) == 1 else "{ " + ", ".join(members) + " }"


def body(policy: str, rules: Sequence[Rule]) -> str:
    """The table's content: what's always accepted, then the rules in their order."""
    statements = [
        f"type filter hook input priority filter; policy {policy};",
        'iifname "lo" accept',
        "ct state established,related accept",
        "ct state invalid drop",
        'meta l4proto { 1, 58 } accept comment "ICMP, ICMPv6"',
        'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "DHCPv6"',
        *(line for rule in rules for line in lines(rule)),
    ]
    return "\tchain input {\n" + "".join(f"\t\t{statement}\n" for statement in statements) + "\t}\n"
