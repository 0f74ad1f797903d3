"""The ways to reach a host: docker, ssh as a sudoer; strict host keys; hosts that belong to someone else."""

import pytest

from tests.conftest import write
from tests.hosts.test_main_job import container

pytestmark = pytest.mark.hosts


@pytest.fixture
def other(live):
    """Writes another environment of existing hosts; its one host is the live web1, reached as given."""

    def make(how):
        write(live.root, {"inventories/other/hosts.yml": f"hosts:\n  web1: {{groups: [web], {how}}}\n"})
        return live

    live("provision", "dev")
    yield make
    (live.root / "inventories/other/hosts.yml").unlink()


def ssh(live, **more):
    folder = live.root / ".cdconf/environments/dev"
    line = next(one for one in (folder / "known_hosts").read_text().splitlines() if _is_web1(live, one))
    port = line.split("]:")[1].split()[0]
    fields = {"address": "127.0.0.1", "port": port, "user": "root", "identity_file": folder / "id_ed25519", **more}
    return "ssh: {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"


def _is_web1(live, line):
    return live.on("web1", "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub") in line


def test_a_container_is_reached_without_ssh(other, live):
    looked = other(f"transport: docker, container: {container(live, 'web1')}")("plan", "other", "--take-over", "web1")
    assert "web1 was dev's 'web1': it's taken over" in looked.stderr


def test_a_user_with_passwordless_sudo_is_enough(other, live):
    live.on("web1", "id deploy || useradd -m deploy; echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy")
    live.on(
        "web1",
        "install -d -o deploy -m 700 ~deploy/.ssh; install -o deploy -m 600 ~/.ssh/authorized_keys ~deploy/.ssh/",
    )
    known = live.root / ".cdconf/environments/dev/known_hosts"
    other(ssh(live, user="deploy", become="sudo", known_hosts=known))("plan", "other", "--take-over", "web1")
    live.on("web1", "rm /etc/sudoers.d/deploy")
    result = live("plan", "other", code=1)
    assert "sudo asks for deploy's password, and there is none" in result.stderr


def test_an_unknown_host_key_is_refused(other, live):
    result = other(ssh(live))("plan", "other", code=4)
    assert "its ssh host key is unknown" in result.stderr


def test_a_host_of_another_environment_is_refused(other, live):
    other(f"transport: docker, container: {container(live, 'web1')}")
    for verb in ("plan", "provision", "status", "drift", "smoke"):
        assert "this host is dev's 'web1', not other's" in live(verb, "other", code=1).stderr, verb
    assert "inventories/other/hosts.yml:2: web1: this host is dev's" in live("run", "other", "--", "id", code=1).stderr
    assert live("plan", "dev")


def test_a_host_that_refuses_connections_is_named(other, live):
    result = other("ssh: {address: 127.0.0.1, port: 9, user: root}")("plan", "other", code=4)
    assert "web1: unreachable" in result.stderr
    assert "refused the connection" in result.stderr
