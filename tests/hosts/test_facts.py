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


ROLE = """
    resources:
      - file: /etc/facts
        content: ""
      - file: "{{ each.path }}"
        for_each: "{{ facts.paths['/srv/jobs/*'] | selectattr('type', 'eq', 'file') }}"
        mode: "0600"
      - file: /etc/openssh
        content: "{{ facts.packages['openssh-server'].version }}\\n"
        when: "'openssh-server' in facts.packages and 'no-such-package' not in facts.packages"
      - file: "/srv/homes-{{ each.name }}"
        content: "{{ each.home }} {{ each.groups | join(',') }}\\n"
        for_each: "{{ facts.users.values() | selectattr('uid', 'ge', 3000) | rejectattr('name', 'eq', 'nobody') }}"
"""
PREPARED = """
    groupadd -g 3000 crew; useradd -u 3001 -g crew -G adm,daemon ann; useradd -u 3002 -g crew bob
    rm -f /srv/jobs/new; mkdir -p /srv/jobs/sub
    touch /srv/jobs/a /srv/jobs/.b "$(printf '/srv/jobs/x\\ny')" "$(printf '/srv/jobs/\\377')"
    ln -sfn /etc/passwd /srv/jobs/link; chmod 644 /srv/jobs/a
"""


def test_roles_go_over_the_users_packages_and_paths_of_a_host(host):
    host.on("web1", PREPARED)
    write(host.root, {"roles/app/role.yml": ROLE})
    host("provision", "dev")
    modes = host.on("web1", "stat -c '%a %n' /srv/jobs/a /srv/jobs/.b; stat -Lc %a /srv/jobs/link")
    assert modes.splitlines() == ["600 /srv/jobs/a", "644 /srv/jobs/.b", "644"]
    assert host.on("web1", "cat /etc/openssh") == host.on("web1", "dpkg-query -Wf '${Version}' openssh-server")
    assert host.on("web1", "cat /srv/homes-ann /srv/homes-bob").splitlines() == ["/home/ann adm,daemon", "/home/bob"]
    host("plan", "dev")  # nothing to do: the second run has the same facts
    host.on("web1", "touch /srv/jobs/new")
    assert "/srv/jobs/new: would change" in host("plan", "dev", code=2).stderr
    host("provision", "dev")


def test_what_exists_is_what_the_hosts_own_programs_say(host):
    also = [word for one in ("packages", "users", "/usr/bin/*") for word in ("--also", one)]
    facts = host.document("facts", "dev", *also)["facts"]["web1"]
    said = host.on("web1", "dpkg-query -Wf '${Package} ${Version} ${db:Status-Status}\\n' | grep ' installed$'")
    assert {f"{one['name']} {one['version']} installed" for one in facts["packages"].values()} == {*said.splitlines()}
    said = host.on("web1", "cut -d: -f1,3,4,6,7 /etc/passwd")
    fields = ("name", "uid", "gid", "home", "shell")
    found = [":".join(str(one[field]) for field in fields) for one in facts["users"].values()]
    assert sorted(found) == sorted(said.splitlines())
    said = host.on("web1", "ls -1d /usr/bin/* | LC_ALL=C sort")
    assert [one["path"] for one in facts["paths"]["/usr/bin/*"]] == said.splitlines()
    offline = host.document("facts", "dev", "--offline", "--also", "users")["facts"]["web1"]
    assert (offline["users"], "packages" in offline) == (facts["users"], False)


def test_a_host_with_a_hundred_thousand_users_and_files_hurts_nobody(host):
    host.on(
        "web1",
        "cp -p /etc/passwd /etc/passwd.kept; seq 100000 200000 | sed 's|.*|u&:x:&:0::/:/bin/sh|' >> /etc/passwd; "
        "mkdir /srv/many; cd /srv/many; seq 100001 | xargs touch",
    )
    try:
        result = host("facts", "dev", "--also", "users", code=1)
        assert "more than 5000 users, too many for `facts.users`" in result.stderr
        result = host("facts", "dev", "--also", "/srv/many/*", code=1)
        assert "'/srv/many/*' goes through more than 100000 names" in result.stderr
        host.on("web1", "rm -rf /srv/many/9*")
        result = host("facts", "dev", "--also", "/srv/many/*", code=1)
        assert "'/srv/many/*' matches more than 2000 paths" in result.stderr
        assert "more than 5000 users" in host("plan", "dev", code=1).stderr
    finally:
        host.on("web1", "mv /etc/passwd.kept /etc/passwd; rm -rf /srv/many")
    host("plan", "dev")


def test_a_host_that_is_gone_is_unreachable_but_its_facts_are_known(host):
    other = "hosts:\n  web1: {groups: [web], ssh: {address: 127.0.0.1, port: 9, user: root}}\n"
    write(host.root, {"inventories/other/hosts.yml": other})
    document = host.document("facts", "other", code=4)
    assert (document["facts"], document["hosts"]["web1"]["status"]) == ({}, "unreachable")
    host("facts", "other", "--offline", code=4)
    host("facts", "dev", "--offline")
