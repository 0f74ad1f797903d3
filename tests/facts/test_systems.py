"""Whether a host runs the system that its inventory names."""

import pytest

from cdconf.facts import is_system, system_name

DEBIAN = {"id": "debian", "version": "12", "codename": "bookworm"}
ROCKY = {"id": "rocky", "version": "9.4", "codename": ""}
LEAP = {"id": "opensuse-leap", "version": "15.6", "codename": ""}
ARCH = {"id": "arch", "version": "", "codename": ""}
SID = {"id": "debian", "version": "", "codename": "trixie"}


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("debian-12", DEBIAN),
        ("Debian-12", DEBIAN),
        ("debian", DEBIAN),
        ("debian-bookworm", DEBIAN),
        ("rocky-9", ROCKY),
        ("rocky-9.4", ROCKY),
        ("opensuse-leap-15.6", LEAP),
        ("opensuse-leap-15", LEAP),
        ("arch", ARCH),
        ("debian-trixie", SID),
        ("ubuntu-24.04", {"id": "ubuntu", "version": "24.04", "codename": "noble"}),
    ],
)
def test_it_runs_what_the_inventory_names(name, about):
    assert is_system(name, about)


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("debian-13", DEBIAN),
        ("debian-1", DEBIAN),
        ("debian-12.1", DEBIAN),
        ("ubuntu-12", DEBIAN),
        ("deb", DEBIAN),
        ("debian-", DEBIAN),
        ("rocky-9.40", ROCKY),
        ("opensuse-15.6", LEAP),
        ("debian-12", SID),
        ("debian-12", {}),
        ("-12", {"id": "", "version": "12"}),
    ],
)
def test_it_runs_another_one(name, about):
    assert not is_system(name, about)


def test_a_system_is_called_as_an_inventory_would():
    assert [system_name(one) for one in (DEBIAN, ARCH, {})] == ["debian-12", "arch", "unknown"]
