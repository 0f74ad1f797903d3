"""Of what the docker provider makes hosts, and what's left of a run that dies meanwhile."""

import io
import json
import shutil
import socket
import subprocess
import tarfile
import time

import pytest

from tests.conftest import begun, cdconf, write

pytestmark = pytest.mark.hosts

MIB = 1 << 20
BARE = "cdconf-test-bare:1"
PLAIN = "cdconf-test-plain:1"


def docker(*arguments, check=True, **more):
    return subprocess.run(["docker", *arguments], check=check, capture_output=True, timeout=120, **more).stdout


def left(root, *more):
    """Containers, networks and volumes of the project's checkout; `more` are filters."""
    checkout = (root / ".cdconf/checkout").read_text().strip()
    filters = [f"--filter=label=cdconf.checkout={checkout}", *(f"--filter=label={one}" for one in more)]
    found = docker("ps", "-aq", *filters) + docker("network", "ls", "-q", *filters)
    return (found + docker("volume", "ls", "-q", *filters)).decode().split()


def hosts_yml(root, environment, text):
    write(root, {f"inventories/{environment}/hosts.yml": text})


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Made:
    """A project with one host that's limited, and publishes a port of its own choosing."""

    def __init__(self, root):
        self.root = root
        self.port = free_port()
        self.say("{memory: 256MiB, cpus: 0.5}")

    def say(self, size, publish=None):
        publish = publish or f'[80, "{self.port}:8080"]'
        hosts_yml(
            self.root,
            "dev",
            f"provider: docker\nsizes: {{all: {size}}}\nhosts:\n  web-1: {{groups: [web], publish: {publish}}}\n",
        )

    def container(self):
        checkout = (self.root / ".cdconf/checkout").read_text().strip()
        return json.loads(docker("inspect", f"cdconf-made-dev-web--1-{checkout}"))[0]

    def limits(self):
        config = self.container()["HostConfig"]
        return config["Memory"], config["CpuQuota"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = write(
        tmp_path_factory.mktemp("made"),
        {
            "cdconf.yml": "project: made\nlease: {ttl: 5s}\ngroups: {web: [base]}\n",
            "roles/base/role.yml": """
                resources:
                  - file: /etc/size
                    content: "{{ facts.memory_mb }}\\n"
            """,
        },
    )
    one = Made(root)
    try:
        result = cdconf(root, "provision", "dev")
        assert result.returncode == 0, result.stderr
        yield one
    finally:
        for name in ("dev", "other", "killed", "plain", "bare"):
            if (root / "inventories" / name).is_dir():
                cdconf(root, "destroy", name, "--yes")
        for image in (BARE, PLAIN):
            docker("rmi", "-f", image, check=False)


def test_a_size_is_a_limit_that_templates_see_and_that_changes_while_the_host_runs(made):
    assert made.limits() == (256 * MIB, 50_000)
    assert cdconf(made.root, "run", "dev", "--", "cat", "/etc/size").stdout.split()[-1] == "256"
    started = made.container()["State"]["StartedAt"]
    made.say("{memory: 192MiB, cpus: 1}")
    result = cdconf(made.root, "provision", "dev")
    assert result.returncode == 0, result.stderr
    assert "has 192 MiB, 1 processors now" in result.stderr
    assert made.limits() == (192 * MIB, 100_000)
    assert cdconf(made.root, "run", "dev", "--", "cat", "/etc/size").stdout.split()[-1] == "192"
    made.say("{}")
    assert cdconf(made.root, "provision", "dev").returncode == 0
    total = json.loads(docker("info", "--format={{json .MemTotal}}"))
    assert made.limits()[0] in (0, total)
    assert made.limits()[1] <= 0
    assert made.container()["State"]["StartedAt"] == started
    assert " now" not in cdconf(made.root, "provision", "dev").stderr


def test_ports_are_published_on_this_machine_alone(made):
    published = made.container()["NetworkSettings"]["Ports"]
    assert {one["HostIp"] for ports in published.values() for one in ports} == {"127.0.0.1"}
    assert published["8080/tcp"][0]["HostPort"] == str(made.port)
    assert set(published) == {"22/tcp", "80/tcp", "8080/tcp"}


def test_a_port_in_use_and_a_port_that_changed(made):
    hosts_yml(made.root, "other", f'provider: docker\nhosts:\n  lb1: {{groups: [web], publish: ["{made.port}:80"]}}\n')
    result = cdconf(made.root, "provision", "other")
    assert result.returncode == 1
    assert f"inventories/other/hosts.yml:3: lb1: port {made.port} of this machine" in result.stderr
    assert cdconf(made.root, "destroy", "other", "--yes").returncode == 0
    assert left(made.root, "cdconf.environment=other") == []
    before = made.container()["Id"]
    made.say("{}", "[80, 443]")
    result = cdconf(made.root, "provision", "dev")
    assert result.returncode == 1
    assert "its container publishes 80, " in result.stderr
    assert f"docker rm -fv {made.container()['Name'].lstrip('/')}" in result.stderr
    made.say("{}")
    assert cdconf(made.root, "provision", "dev").returncode == 0
    assert made.container()["Id"] == before


def test_an_image_without_init_and_ssh_server_is_no_host(made):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("bin"))
    docker("import", "-c", 'CMD ["/bin"]', "-", BARE, input=buffer.getvalue())
    hosts_yml(made.root, "bare", f"provider: docker\nhosts:\n  old1: {{groups: [web], image: '{BARE}'}}\n")
    result = cdconf(made.root, "provision", "bare")
    assert result.returncode == 1
    assert f"old1: the image {BARE} can't be a host: it has no init (/sbin/init) and no ssh server" in result.stderr
    assert cdconf(made.root, "destroy", "bare", "--yes").returncode == 0
    assert left(made.root, "cdconf.environment=bare") == []


def test_a_plain_image_is_furnished(made):
    """An image as distributions publish them, without init and ssh server, and in which no service may start."""
    script = (
        "dpkg --purge --force-depends openssh-server systemd-sysv sudo >/dev/null 2>&1; "
        "rm -f /etc/systemd/system/*.service /etc/ssh/sshd_config.d/*; "
        "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; "
        "test ! -e /sbin/init && test ! -e /usr/sbin/sshd"
    )
    name = f"cdconf-test-{free_port()}"
    try:
        docker("run", "--name", name, made.container()["Image"], "sh", "-c", script)
        docker("commit", "--change", 'CMD ["bash"]', name, PLAIN)
    finally:
        docker("rm", "-fv", name, check=False)
    hosts_yml(
        made.root,
        "plain",
        f"provider: docker\nbase_images: {{ubuntu-24.04: '{PLAIN}'}}\n"
        "hosts:\n  u1: {groups: [web], os: ubuntu-24.04}\n",
    )
    result = cdconf(made.root, "provision", "plain")
    assert result.returncode == 0, result.stderr
    assert f"building the image for ubuntu-24.04 from {PLAIN}" in result.stderr
    assert cdconf(made.root, "run", "plain", "--", "systemctl", "is-active", "ssh").returncode == 0
    assert cdconf(made.root, "destroy", "plain", "--yes").returncode == 0
    image = next(
        word for word in docker("images", "--format={{.Repository}}:{{.Tag}}").decode().split() if ":ubuntu" in word
    )
    docker("rmi", image)


def killed_at(root, words, *arguments, after=0.0):
    """Runs cdconf and kills it so many seconds after it has said something."""
    with begun(root, *arguments, stderr=subprocess.PIPE) as process:
        try:
            assert any(words in line for line in process.stderr), f"it never said {words!r}"
            time.sleep(after)
        finally:
            process.kill()


def settled(root, *arguments):
    """A run's result; one that meets the lease of a killed run waits until that has expired."""
    for _ in range(30):
        result = cdconf(root, *arguments)
        if result.returncode != 3:
            break
        time.sleep(1)
    return result


def test_a_run_that_is_killed_leaves_what_the_next_one_finishes_and_destroy_removes(made):
    root = made.root
    hosts = "".join(f"  w{number}: {{groups: [web]}}\n" for number in range(3))
    hosts_yml(root, "killed", f"provider: docker\nhosts:\n{hosts}")
    for after in (0, 0.3, 0.8, 2):
        killed_at(root, "making 3 hosts", "provision", "killed", after=after)
        if after in (0.3, 0.8):  # what half a run left can be removed as well
            assert cdconf(root, "destroy", "killed", "--yes").returncode == 0
            assert left(root, "cdconf.environment=killed") == []
    result = settled(root, "provision", "killed")
    assert result.returncode == 0, result.stderr
    assert len(left(root, "cdconf.environment=killed", "cdconf.host")) == 3
    killed_at(root, "removing", "destroy", "killed", "--yes")
    assert cdconf(root, "destroy", "killed", "--yes").returncode == 0
    assert left(root, "cdconf.environment=killed") == []


def test_checkouts_do_not_meet(made, tmp_path):
    clone, copy = tmp_path / "clone", tmp_path / "copy"
    made.say("{}", "[80]")
    shutil.copytree(made.root, clone, ignore=shutil.ignore_patterns(".cdconf"))
    shutil.copytree(made.root, copy)
    made.say("{}")
    before = made.container()["Id"]
    try:
        assert cdconf(clone, "provision", "dev").returncode == 0
        assert len(left(clone)) == 2
    finally:
        assert cdconf(clone, "destroy", "dev", "--yes").returncode == 0
    assert left(clone) == []
    for command in (["provision", "dev"], ["destroy", "dev", "--yes"]):
        result = cdconf(copy, *command)
        assert result.returncode == 1
        assert f"web-1 belongs to {made.root}, of which this directory is a copy" in result.stderr
    assert (made.container()["Id"], made.container()["State"]["Running"]) == (before, True)


def test_a_key_that_is_gone_and_another_image_are_told_of_hosts_that_are_there(made):
    key = made.root / ".cdconf/environments/dev/id_ed25519"
    kept = key.rename(key.with_name("kept"))
    result = cdconf(made.root, "provision", "dev")
    kept.rename(key)
    assert result.returncode == 1
    assert f"the key that the hosts of dev let in is gone: {key}" in result.stderr
    assert "cdconf destroy dev" in result.stderr
    made.say("{}")
    path = made.root / "inventories/dev/hosts.yml"
    path.write_text(path.read_text().replace("groups:", "os: debian-13, groups:"))
    result = cdconf(made.root, "provision", "dev")
    assert result.returncode == 0, result.stderr
    assert "was made from cdconf-host:debian-12-" in result.stderr
    assert ", and hosts.yml wants cdconf-host:debian-13-" in result.stderr
    made.say("{}")
