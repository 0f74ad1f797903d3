"""Hosts that Vagrant makes, as containers: by hand, by provision, half made, changed behind cdconf's back, removed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cdconf.environments.docker.image import ensure_image
from cdconf.environments.docker.listing import containers, engine
from cdconf.environments.vagrant.containers import labels
from tests.conftest import cdconf, write

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(shutil.which("vagrant") is None, reason="needs vagrant: apt-get install vagrant"),
]
VAGRANTFILE = Path(__file__).parents[2] / "Vagrantfile"
OS = "debian-12"
HOSTS = """
    copy_of: production
    provider: vagrant
    vagrant: {provider: docker}
    scale: {web: %d}
"""
FILES = {
    "cdconf.yml": "project: machines\nlease: {ttl: 8s}\ngroups: {web: [base]}\n",
    "roles/base/role.yml": """
        resources:
          - file: /etc/others
            content: "{{ hosts.web | map(attribute='address') | join(' ') }}\\n"
    """,
    "inventories/production/hosts.yml": """
        hosts:
          web1: {address: 192.0.2.1, groups: [web], os: debian-12, publish: [80]}
          web2: {address: 192.0.2.2, groups: [web], os: debian-12}
    """,
    "inventories/dev/hosts.yml": HOSTS % 2,
}


class Machines:
    def __init__(self, root):
        self.root = root

    def __call__(self, *arguments, code=0):
        result = cdconf(self.root, *arguments)
        assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def vagrant(self, *arguments):
        """Vagrant by hand; it looks at all networks of the machine, and fails when another test's goes meanwhile."""
        for _ in range(10):
            result = subprocess.run(
                ["vagrant", *arguments],
                cwd=self.root,
                env={**os.environ, "CDCONF_ENVIRONMENT": "dev", "VAGRANT_CHECKPOINT_DISABLE": "1"},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            if "No such object" not in result.stderr:
                break
        assert result.returncode == 0, result.stdout + result.stderr

    def id(self, host):
        return self.root / f".vagrant/machines/dev.{host}/docker/id"

    def on(self, host, command):
        return self("ssh", "dev", host, "--", command).stdout.strip()


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """One machine made by hand, with no run of cdconf before it, and one by provision."""
    root = write(tmp_path_factory.mktemp("machines"), FILES)
    shutil.copy(VAGRANTFILE, root)
    client = engine()
    client.images.get(ensure_image(client, OS, lambda event: None)).tag("cdconf-host", OS)
    one = Machines(root)
    try:
        one.vagrant("up", "dev.web1")
        one.by_hand = one.id("web1").read_text()
        one("provision", "dev")
        yield one
    finally:
        cdconf(root, "destroy", "dev", "--yes")
        for left in containers(labels(root, "dev")):
            client.containers.get(left.id).remove(force=True, v=True)


def test_what_was_made_by_hand_is_accepted_and_the_rest_is_made(machines):
    assert machines.id("web1").read_text() == machines.by_hand
    assert machines("plan", "dev")
    assert machines.on("web1", "cat /etc/others") == "web1 web2"
    assert machines.on("web1", "getent hosts web2 | wc -l") == "1", "they know each other by name"
    about = json.loads(machines("environments", "--json").stdout)["environments"]["dev"]
    assert (about["wanted"], about["made"], about["running"]) == (2, 2, 2)
    assert about["published"]["web1"]["80"].startswith("127.0.0.1:")


def test_only_their_own_key_opens_them(machines):
    public = (machines.root / ".cdconf/environments/dev/vagrant_key.pub").read_text()
    assert machines.on("web1", "cat /root/.ssh/authorized_keys") == public.strip()
    for one in containers(labels(machines.root, "dev")):
        bindings = engine().api.inspect_container(one.id)["HostConfig"]["PortBindings"]
        assert {place["HostIp"] for places in bindings.values() for place in places} == {"127.0.0.1"}


def test_another_host_key_is_never_believed(machines):
    path = machines.root / ".cdconf/environments/dev/vagrant.json"
    before = path.read_text()
    known = json.loads(before)
    known["web1"]["key"], known["web2"]["key"] = known["web2"]["key"], known["web1"]["key"]
    path.write_text(json.dumps(known))
    result = machines("provision", "dev", code=4)
    assert "host key" in result.stdout + result.stderr
    path.write_text(before)


def test_a_halted_machine_is_said_to_be_so_and_started_again(machines):
    machines.vagrant("halt", "dev.web2")
    result = machines("run", "dev", "--", "true", code=4)
    assert (
        "web2: unreachable: the host doesn't run: Vagrant's machine dev.web2 is in the state 'stopped'" in result.stderr
    )
    assert "`vagrant up dev.web2`" in result.stderr
    machines("provision", "dev")
    assert machines.on("web2", "cat /etc/others") == "web1 web2"


def test_a_container_that_vagrant_has_lost_goes_when_its_host_is_made(machines):
    lost = machines.id("web2").read_text()
    machines.id("web2").unlink()  # as a run leaves it that was killed before it wrote that down
    machines("provision", "dev")
    assert machines.id("web2").read_text() != lost
    assert lost not in {one.id for one in containers(labels(machines.root, "dev"))}
    machines("plan", "dev")


def test_destroy_removes_also_what_vagrant_has_lost_and_what_left_the_inventory(machines):
    machines.id("web1").unlink()
    write(machines.root, {"inventories/dev/hosts.yml": HOSTS % 1})
    result = machines("destroy", "dev", "--yes")
    assert "web2" in result.stdout + result.stderr
    assert containers(labels(machines.root, "dev")) == []
    assert not list((machines.root / ".vagrant/machines").glob("dev.*"))
    assert not (machines.root / ".cdconf/environments/dev").exists()
    wanted = {"label": [f"{name}={value}" for name, value in labels(machines.root, "dev").items()]}
    assert engine().networks.list(filters=wanted) == []
