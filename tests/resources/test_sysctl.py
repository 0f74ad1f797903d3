"""Names of kernel parameters and sysctl's files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.system import sysctl

NAME = st.text("abz09_-.", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_both_spellings(key, path):
    assert sysctl.path_of(key) == path
    assert sysctl.path_of(sysctl.key_of(path)) == path


@given(NAME)
def test_dots_in_interfaces_survive(interface):
    path = f"net/ipv4/conf/{interface}/forwarding"
    assert sysctl.path_of(sysctl.key_of(path)) == path


@given(
    st.lists(st.sampled_from(["# x", "", "vm.swappiness=10", "a/b = 1", "-net.core.x =  2 3", "rubbish"])),
    st.booleans(),
)
def test_only_the_one_line_changes(lines, ends):
    text = "\n".join(lines) + ("\n" if ends and lines else "")
    changed = sysctl.put(text, "vm.swappiness", "60")
    assert sysctl.read(changed)["vm/swappiness"] == "60"
    others = [line for line in text.splitlines() if "swappiness" not in line]
    assert [line for line in changed.splitlines() if "swappiness" not in line] == others
    assert sysctl.put(changed, "vm.swappiness", "60") == changed
    assert "vm/swappiness" not in sysctl.read(sysctl.put(changed, "vm.swappiness", None))


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ("9148,8080,8081", "8080-8081,9148"),
        ("1-3,2-5,6", "1-6"),
        ("0x1F", "31"),
        ("010", "8"),
        ("-0x2", "-2"),
        ("04096 0x20000 6291456", "4096 131072 6291456"),
        ("1-2-3-ab", "00000001-00000002-00000003-000000ab"),
        ("", ""),
        ("|/usr/bin/core %p", "|/usr/bin/core %p"),
    ],
)
def test_the_kernel_shows_the_same_otherwise(wanted, live):
    assert sysctl.is_same("net/x", wanted, live)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ("010", "10"),
        ("1,2", "1-3"),
        ("8080", ""),
        ("", "8080"),
        ("1 2", "2 1"),
        ("cubic reno", "reno cubic"),
        ("1", "1 1"),
    ],
)
def test_the_kernel_shows_something_else(wanted, live):
    assert not sysctl.is_same("net/x", wanted, live)


def test_the_kernel_has_its_own_order():
    assert sysctl.is_same("net/ipv4/tcp_allowed_congestion_control", "cubic reno", "reno cubic")
