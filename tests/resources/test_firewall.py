"""Firewall entries, what they become, and whom they let in."""

import copy
import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.errors import Failed
from cdconf.agent.system.connection import ControllerConnection
from cdconf.resources.firewall import agent, rules

PORT = st.integers(1, 65535)


@given(st.lists(st.tuples(PORT, PORT).map(sorted), min_size=1, max_size=8))
def test_ports_are_merged_and_none_is_lost(pairs):
    merged = rules.parse({"accept": [f"{low}-{high}" for low, high in pairs]})["ports"]
    assert all(first[1] + 1 < second[0] for first, second in itertools.pairwise(merged))
    for low, high in pairs:
        assert any(one[0] <= low and high <= one[1] for one in merged)
    assert sum(one[1] - one[0] + 1 for one in merged) <= sum(high - low + 1 for low, high in pairs)


def test_each_family_and_protocol_has_a_line():
    rule = rules.parse(
        {"accept": [53, 5353], "from": ["10.0.0.0/8", "fd00::/8"], "protocol": ["udp", "tcp"], "comment": "names"}
    )
    assert rules.lines(rule) == [
        'ip saddr 10.0.0.0/8 tcp dport { 53, 5353 } accept comment "names"',
        'ip saddr 10.0.0.0/8 udp dport { 53, 5353 } accept comment "names"',
        'ip6 saddr fd00::/8 tcp dport { 53, 5353 } accept comment "names"',
        'ip6 saddr fd00::/8 udp dport { 53, 5353 } accept comment "names"',
    ]
    assert rules.lines(rules.parse({"drop": "all", "interface": "eth0"})) == ['iifname "eth0" drop']
    assert rules.lines(rules.parse({"reject": "all", "protocol": "icmp"})) == ["meta l4proto { 1, 58 } reject"]


@pytest.mark.parametrize(
    "entry",
    [
        "accept 22",
        {},
        {"accept": 22, "drop": 23},
        {"accept": 0},
        {"accept": 70000},
        {"accept": True},
        {"accept": "90-80"},
        {"accept": []},
        {"accept": 22, "protocol": "tpc"},
        {"accept": 22, "protocol": "icmp"},
        {"accept": 22, "from": "everywhere"},
        {"accept": 22, "interface": 'eth0" accept'},
        {"accept": 22, "comment": 'a" drop'},
    ],
)
def test_what_makes_no_sense_is_refused(entry):
    with pytest.raises(ValueError):
        rules.parse(entry)


def fields(*entries, policy="drop"):
    return {"name": "x", "policy": policy, "rules": [rules.parse(entry) for entry in entries]}


def ssh(client="10.1.2.3", port=22, interface="eth0"):
    return ControllerConnection(ipaddress.ip_address(client), port, interface)


@pytest.mark.parametrize(
    ("wanted", "ours"),
    [
        (fields({"accept": 22}), ssh()),
        (fields({"accept": "all", "from": "10.0.0.0/8"}, {"drop": 22}), ssh()),
        (fields({"accept": 22, "interface": "eth0"}), ssh()),
        (fields({"drop": 23}, policy="accept"), ssh()),
        (fields({"accept": [2222]}), ssh(port=2222)),
        (fields({"accept": 22, "from": "2001:db8::/32"}), ssh("2001:db8::7")),
        (fields(), ssh("127.0.0.1")),
        (fields(), None),
        (dict(fields(), allow_lockout=True), ssh()),
    ],
)
def test_rules_that_let_us_in_are_fine(wanted, ours):
    agent.check_lockout(wanted, ours)


@pytest.mark.parametrize(
    ("wanted", "ours"),
    [
        (fields(), ssh()),
        (fields({"accept": 80}), ssh()),
        (fields({"accept": 22, "from": "192.0.2.0/24"}), ssh()),
        (fields({"accept": 22, "protocol": "udp"}), ssh()),
        (fields({"accept": 22, "interface": "eth1"}), ssh()),
        (fields({"accept": 22, "interface": "eth0"}), ssh(interface=None)),
        (fields({"drop": "all", "interface": "eth1"}, policy="accept"), ssh(interface=None)),
        (fields({"reject": "20-30"}, {"accept": 22}, policy="accept"), ssh()),
        (fields({"accept": 22}), ssh(port=2222)),
    ],
)
def test_rules_that_shut_us_out_are_refused(wanted, ours):
    with pytest.raises(Failed, match="lock cdconf out"):
        agent.check_lockout(wanted, ours)


LISTED = [
    {"metainfo": {"version": "1.0.6"}},
    {"set": {"name": "seen", "flags": ["dynamic"], "handle": 3, "elem": ["192.0.2.1"]}},
    {"set": {"name": "bad", "handle": 4, "elem": ["192.0.2.2", "192.0.2.1"]}},
    {"rule": {"chain": "input", "handle": 9, "expr": [{"counter": {"packets": 3, "bytes": 185}}, {"accept": None}]}},
]


def test_counters_handles_and_order_in_sets_are_no_drift():
    later = copy.deepcopy(LISTED)
    later[0]["metainfo"]["version"] = "1.0.9"
    later[1]["set"]["elem"] = ["198.51.100.1"]
    later[2]["set"]["elem"].reverse()
    later[3]["rule"].update(handle=12)
    later[3]["rule"]["expr"][0]["counter"]["packets"] = 4000
    assert agent._digest(later) == agent._digest(LISTED)


@pytest.mark.parametrize("change", ["rule", "element", "verdict"])
def test_what_the_rules_say_is(change):
    later = copy.deepcopy(LISTED)
    if change == "rule":
        later.pop()
    elif change == "element":
        later[2]["set"]["elem"].append("192.0.2.3")
    else:
        later[3]["rule"]["expr"][1] = {"drop": None}
    assert agent._digest(later) != agent._digest(LISTED)
