"""The types' cases, on real hosts.

`cdconf.authoring.cases` says what a case may hold and what all must show.
"""

import pytest
import yaml

from cdconf.authoring.cases import cases_of, run_case
from cdconf.resources.discovery import Types
from tests.case_host import case_host

TYPES = Types()
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}") for name in TYPES for case in cases_of(TYPES.folder(name))
]


@pytest.fixture(scope="class")
def host(tmp_path_factory):
    with case_host(tmp_path_factory.mktemp("cases")) as one:
        yield one


def quarter(number):
    """Every fourth type, all cases of a type together."""
    mine = [case for name in sorted(TYPES)[number::4] for case in CASES if case.values[0] == name]
    return pytest.mark.parametrize(("name", "case"), mine)


@pytest.mark.hosts
class Quarter:
    """A part of the cases, on a host of its own, so that workers share them."""

    def test_case(self, host, name, case):
        run_case(host, case)


@quarter(0)
class TestFirst(Quarter): ...


@quarter(1)
class TestSecond(Quarter): ...


@quarter(2)
class TestThird(Quarter): ...


@quarter(3)
class TestFourth(Quarter): ...


FLIP = "f=/proc/sys/net/ipv4/conf/lo/forwarding; echo $((1 - $(cat $f))) > $f"
# What is so before, what's done, and what undoes it.
CHANGES = {
    "a new file, as old as it likes": ("true", "touch -d 2020-01-01 /etc/looked", "rm /etc/looked"),
    "a mode": ("touch /etc/looked", "chmod 600 /etc/looked", "rm /etc/looked"),
    "a file that's gone": ("touch /etc/looked", "rm /etc/looked", "true"),
    "a file in memory": ("true", "touch /run/looked", "rm /run/looked"),
    "a file for programs": ("true", "touch /dev/shm/looked", "rm /dev/shm/looked"),
    "a mount": ("true", "mount -t tmpfs none /mnt", "umount /mnt"),
    "a start": ("systemctl stop nginx", "systemctl start nginx", "systemctl stop nginx"),
    "a restart": ("systemctl start nginx", "systemctl restart nginx", "systemctl stop nginx"),
    "a reload": ("systemctl start nginx", "systemctl reload nginx", "systemctl stop nginx"),
    "a parameter": ("true", FLIP, FLIP),
    "an address": ("true", "ip address add 192.0.2.77 dev lo", "ip address del 192.0.2.77/32 dev lo"),
    "a route": ("true", "ip route add 198.51.100.0/24 dev lo", "ip route del 198.51.100.0/24"),
    "a rule": ("true", "nft add table inet looked", "nft delete table inet looked"),
    "a process": ("true", "setsid tail -f /dev/null >/dev/null 2>&1 &", "pkill -x tail"),
}


@pytest.mark.hosts
class TestLook:
    @pytest.mark.parametrize("change", CHANGES)
    def test_what_check_mode_may_not_do_is_seen(self, host, change):
        before, line, undo = CHANGES[change]
        host.must([before])
        try:
            moment, state = host.mark()
            assert host.changed(moment, state) == []
            host.must([line])
            assert host.changed(moment, state) != []
        finally:
            host.must([undo])


def test_every_type_is_documented_and_has_cases():
    for name in TYPES:
        kind = TYPES[name]
        assert kind.doc, name
        assert all(one.doc for one in kind.fields.values()), name
        assert any(case.values[0] == name for case in CASES), f"{name} has no cases"
        assert yaml.safe_load(kind.example)[name], name
