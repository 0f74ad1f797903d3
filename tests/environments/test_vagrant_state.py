"""What is remembered of machines, and whose first host key is believed."""

import pytest

from cdconf.environments.host_keys import is_within, shown_key
from cdconf.environments.vagrant.state import KnownMachine, MadeMachine, folders, made, recall, remember
from tests.conftest import write

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"


def test_machines_of_one_environment_only(tmp_path):
    write(
        tmp_path,
        {
            ".vagrant/machines/staging.web1/docker/id": "abc\n",
            ".vagrant/machines/staging.gone/virtualbox/id": "def",
            ".vagrant/machines/staging.new/docker/vagrant_cwd": "/somewhere",
            ".vagrant/machines/staging.eu.web1/docker/id": "of the environment staging.eu",
            ".vagrant/machines/stagingweb1/docker/id": "no environment's",
        },
    )
    found = made(tmp_path, "staging")
    assert {name: (one.id, one.provider) for name, one in found.items()} == {
        "web1": ("abc", "docker"),
        "gone": ("def", "virtualbox"),
    }
    assert found["web1"].since > 0
    assert set(folders(tmp_path, "staging")) == {"web1", "gone", "new"}
    assert set(made(tmp_path, "staging.eu")) == {"web1"}


def test_another_place_for_the_machines(tmp_path, monkeypatch):
    monkeypatch.setenv("VAGRANT_DOTFILE_PATH", ".machines")
    write(tmp_path, {".machines/machines/dev.web1/docker/id": "abc"})
    assert isinstance(made(tmp_path, "dev")["web1"], MadeMachine)


def test_what_was_learnt_comes_back_and_is_private(tmp_path):
    folder = tmp_path / "environments/dev"
    known = {
        "web1": KnownMachine("abc", KEY, "127.0.0.1", 2222, "vagrant", "/key"),
        "web2": KnownMachine("def", KEY, "192.168.121.7", 22, "vagrant", None),
    }
    remember(folder, known)
    assert recall(folder) == known
    assert (folder / "known_hosts").read_text() == f"192.168.121.7 {KEY}\n[127.0.0.1]:2222 {KEY}\n"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "vagrant.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"web1": 7}', '{"web1": {"id": "abc"}}', '{"web1": {"other": 1}}']
)
def test_a_damaged_memory_is_none(tmp_path, text):
    write(tmp_path, {"vagrant.json": text})
    assert recall(tmp_path) == {}


ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
virbr1\t0079A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t0000100A\t0100000A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t00710CCB\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("192.168.121.7", True),  # attached: libvirt's network
        ("192.168.122.7", False),  # through the default gateway
        ("10.16.1.1", False),  # private, but through a gateway
        ("203.12.113.5", False),  # attached, but public
        ("fe80::1", False),
        ("kvm.example.com", False),
    ],
)
def test_a_first_answer_counts_only_where_nobody_is_in_between(address, within):
    assert is_within(address, ROUTES) is within
    assert is_within(address, "") is (address in {"127.0.0.1", "::1", "localhost"})


def test_nobody_answers():
    assert shown_key("127.0.0.1", 1) is None
