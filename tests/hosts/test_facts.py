"""Facts of a real host, against what its own programs say."""

import json

import pytest

from tests.conftest import write
from tests.hosts.live import provisioned

pytestmark = pytest.mark.hosts

FILES = {
    "cdconf.yml": "project: facts\ngroups: {web: [app]}\n",
    "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  web1: {groups: [web]}\n",
    "roles/app/role.yml": """
        resources:
          - file: /etc/facts
            content: "{{ facts.os.id }} {{ facts.cpu.count }} {{ facts.network.ipv4.address }}\\n"
            when: facts.os.family == 'debian'
    """,
}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with provisioned(tmp_path_factory.mktemp("facts"), FILES) as one:
        yield one
        one("destroy", "dev", "--yes")
        assert not (one.root / ".cdconf/facts/dev").exists(), "facts of hosts that are gone"


def test_facts_are_what_the_hosts_own_programs_say(host):
    facts = host.document("facts", "dev")["facts"]["web1"]
    told = host.on("web1", "uname -nrm; nproc; . /etc/os-release; echo $ID; echo $VERSION_ID; echo $VERSION_CODENAME")
    (names, count, *release) = told.splitlines()
    assert [facts["hostname"], facts["kernel"], facts["architecture"]] == names.split()
    assert facts["cpu"]["count"] == int(count)
    assert [facts["os"]["id"], facts["os"]["version"], facts["os"]["codename"]] == release
    assert facts["machine_id"] == host.on("web1", "cat /etc/machine-id")
    assert facts["virtualisation"]["container"] == "docker"
    assert (facts["init"], facts["package_manager"]) == ("systemd", "apt")
    assert facts["python_version"] == host.on("web1", "python3 -V").split()[1]
    assert facts["memory_mb"] == int(host.on("web1", "awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo"))
    size = host.on("web1", "stat -fc '%b %S' /").split()
    assert facts["mounts"]["/"]["size_mb"] == int(size[0]) * int(size[1]) // 1024**2


def test_the_network_is_what_ip_says(host):
    network = host.document("facts", "dev")["facts"]["web1"]["network"]
    said = json.loads(host.on("web1", "ip -j addr"))
    assert sorted(network["interfaces"]) == sorted(one["ifname"] for one in said)
    for one in said:
        found = network["interfaces"][one["ifname"]]
        assert (found["mtu"], found["up"]) == (one["mtu"], "UP" in one["flags"])
        assert found["mac"] in (one["address"], None)
        addresses = [(two["family"], two["local"], two["prefixlen"], two["scope"]) for two in one["addr_info"]]
        assert addresses == [
            (family, two["address"], two["prefix"], two["scope"])
            for family, version in (("inet", "ipv4"), ("inet6", "ipv6"))
            for two in found[version]
        ]
    (route,) = json.loads(host.on("web1", "ip -j route show default"))
    way = network["ipv4"]
    assert (way["gateway"], way["interface"]) == (route["gateway"], route["dev"])
    assert network["interfaces"][way["interface"]]["ipv4"][0]["address"] == way["address"]


def test_templates_read_them_and_offline_work_knows_them(host):
    facts = host.document("facts", "dev")["facts"]["web1"]
    wanted = f"debian {facts['cpu']['count']} {facts['network']['ipv4']['address']}"
    assert host.on("web1", "cat /etc/facts") == wanted
    host("plan", "dev")
    assert host.document("facts", "dev", "--offline")["facts"]["web1"] == facts
    assert "at most" in host("lint").stdout


def test_a_host_that_is_gone_is_unreachable_but_its_facts_are_known(host):
    other = "hosts:\n  web1: {groups: [web], ssh: {address: 127.0.0.1, port: 9, user: root}}\n"
    write(host.root, {"inventories/other/hosts.yml": other})
    document = host.document("facts", "other", code=4)
    assert (document["facts"], document["hosts"]["web1"]["status"]) == ({}, "unreachable")
    host("facts", "other", "--offline", code=4)
    host("facts", "dev", "--offline")
