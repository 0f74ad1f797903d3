"""Hosts of the docker provider in odd states, and how they're brought back."""

import signal
import subprocess
import time

import pytest

from tests.conftest import begun, cdconf, write

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    root = write(
        tmp_path_factory.mktemp("odd"),
        {
            "cdconf.yml": "project: odd\ngroups: {web: [base]}\n",
            "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  web1: {groups: [web]}\n",
            "inventories/direct/hosts.yml": "hosts:\n  gone: {transport: docker, container: no-such, groups: [web]}\n",
            "roles/base/role.yml": "resources:\n  - directory: /srv/odd\n",
        },
    )
    try:
        result = cdconf(root, "provision", "dev")
        assert result.returncode == 0, result.stderr
        yield root
    finally:
        cdconf(root, "destroy", "dev", "--yes")


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def container(root):
    return f"cdconf-odd-dev-web1-{(root / '.cdconf/checkout').read_text().strip()}"


def test_a_paused_host_is_called_paused_and_provision_wakes_it(odd):
    docker("pause", container(odd))
    result = cdconf(odd, "status", "dev")
    assert result.returncode == 4
    assert "its container is paused" in result.stderr
    assert f"docker unpause {container(odd)}" in result.stderr
    assert "its container is paused; provision would make or start it" in cdconf(odd, "plan", "dev").stderr
    assert cdconf(odd, "provision", "dev").returncode == 0


def test_a_host_without_network_is_called_cut_off_and_provision_connects_it(odd):
    network = docker(
        "inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", container(odd)
    )
    docker("network", "disconnect", network, container(odd))
    result = cdconf(odd, "run", "dev", "--", "true")
    assert result.returncode == 4
    assert "the host is cut off: its container is on no network" in result.stderr
    assert cdconf(odd, "provision", "dev").returncode == 0
    assert cdconf(odd, "run", "dev", "--", "true").returncode == 0


def test_a_host_that_never_booted_is_made_to(odd):
    for mark in (odd / ".cdconf/environments/dev/up").iterdir():
        mark.unlink()
    docker("exec", container(odd), "systemctl", "stop", "ssh", "dbus.socket", "dbus.service")
    docker("exec", "-d", container(odd), "kill", "-SEGV", "1")  # systemd freezes, as it does without inotify
    time.sleep(1)
    result = cdconf(odd, "provision", "dev")
    assert result.returncode == 0, result.stderr
    assert cdconf(odd, "run", "dev", "--", "true").returncode == 0


def test_ctrl_c_while_a_host_boots_is_heard_at_once(odd):
    for mark in (odd / ".cdconf/environments/dev/up").iterdir():
        mark.unlink()
    docker("exec", container(odd), "systemctl", "stop", "ssh")
    process = begun(odd, "provision", "dev", stderr=subprocess.PIPE)
    time.sleep(3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    docker("exec", container(odd), "systemctl", "start", "ssh")
    assert process.returncode == 130, errors
    assert time.monotonic() - began < 5
    assert cdconf(odd, "provision", "dev").returncode == 0


def test_a_container_that_is_not_there_is_unreachable(odd):
    result = cdconf(odd, "plan", "direct")
    assert result.returncode == 4, result.stderr
    assert "No such container: no-such" in result.stderr
