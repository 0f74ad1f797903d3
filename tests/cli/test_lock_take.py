"""`lock take` and `history rebuild` where hosts are silent, and what they make of bad input."""

import json

import pytest

from tests.conftest import cdconf, write


@pytest.fixture
def silent(project):
    """Two environments with a host of the same name, which nobody answers for."""
    hosts = "hosts: {web1: {address: 127.0.0.1, ssh: {port: 9}, groups: [web]}}\n"
    return write(project, {"inventories/dev/hosts.yml": hosts, "inventories/test/hosts.yml": hosts})


def test_a_host_that_can_not_be_held_keeps_the_command_from_being_started(silent):
    result = cdconf(silent, "lock", "take", "dev", "--reason", "x", "--", "touch", "started")
    assert result.returncode == 4
    assert "web1: unreachable" in result.stderr
    assert not (silent / "started").exists()


def test_a_reason_is_asked_for(silent):
    result = cdconf(silent, "lock", "take", "dev", "--", "true")
    assert result.returncode == 1
    assert "--reason" in result.stderr


@pytest.mark.parametrize("value", ["x", "[1]", '[{"run": "r"}]'])
def test_a_lease_that_cdconf_did_not_lend_is_one_clear_error(silent, value):
    result = cdconf(silent, "run", "dev", "--", "true", CDCONF_LEASE=value)
    assert result.returncode == 1
    assert "error: the environment variable CDCONF_LEASE isn't what cdconf writes there" in result.stderr
    assert "unset CDCONF_LEASE" in result.stderr


def test_rebuilding_names_silent_hosts_with_their_environments(silent):
    result = cdconf(silent, "history", "rebuild", "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["exit_code"]) == (4, 4)
    assert {name: host["status"] for name, host in document["hosts"].items()} == {
        "dev/web1": "unreachable",
        "test/web1": "unreachable",
    }
    assert document["added"] == {"dev": [], "test": []}


def test_an_environment_that_is_not_there_can_not_be_asked(silent):
    result = cdconf(silent, "history", "rebuild", "deb")
    assert result.returncode == 1
    assert "did you mean 'dev'?" in result.stderr


def test_history_is_shown_with_and_without_its_verb(silent):
    for words in (["history"], ["history", "show"], ["history", "dev"], ["history", "--limit", "3"]):
        result = cdconf(silent, *words, "--json")
        assert (result.returncode, json.loads(result.stdout)["runs"]) == (0, []), result.stderr
