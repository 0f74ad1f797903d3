"""What hosts.yml says of the hosts that a provider makes: images, sizes, published ports."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import Size, load_environment, load_project
from tests.conftest import write

MIB = 1 << 20


@pytest.fixture
def load(project):
    def load(text, name="dev"):
        write(project, {f"inventories/{name}/hosts.yml": text})
        return load_environment(load_project(project), name)

    return load


def test_a_hosts_size_is_put_together_key_by_key(load):
    hosts = load("""
        provider: docker
        sizes:
          all: {memory: 256MiB, cpus: 0.5}
          db: {memory: 1GiB}
          web: {memory: 512MiB}
        hosts:
          web1: {groups: [web]}
          both: {groups: [web, db], size: {cpus: 2}}
          other: {groups: []}
    """).hosts
    assert hosts["web1"].size == Size(512 * MIB, 0.5)
    assert hosts["both"].size == Size(512 * MIB, 2.0)  # groups count in the order of cdconf.yml: web is later than db
    assert hosts["other"].size == Size(256 * MIB, 0.5)
    assert str(hosts["other"].size) == "256 MiB, 0.5 processors"


def test_a_copy_has_the_originals_sizes_until_it_says_otherwise(load):
    load("sizes: {web: {memory: 8GiB, cpus: 8}}\nhosts:\n  web1: {groups: [web]}\n  web2: {groups: [web]}\n")
    copy = load(
        "copy_of: dev\nprovider: docker\nsizes: {all: {memory: 512MiB}}\nhosts: {web2: {size: {cpus: 1}}}", "copy"
    )
    assert copy.hosts["web1"].size == Size(512 * MIB, 8.0)
    assert copy.hosts["web2"].size == Size(512 * MIB, 1.0)
    assert load("copy_of: copy\nprovider: docker\n", "again").hosts["web2"].size == Size(512 * MIB, 1.0)


def test_a_host_without_os_is_made_of_the_base_image_of_the_one_that_it_gets(load):
    text = "provider: docker\nbase_images: {debian-12: 'mirror.example.com/debian:12', debian-13: 'other:13'}\n"
    hosts = load(text + "hosts:\n  web1: {groups: [web]}\n  web2: {groups: [web], os: debian-13}\n").hosts
    assert (hosts["web1"].base, hosts["web2"].base) == ("mirror.example.com/debian:12", "other:13")


def test_a_copy_has_the_originals_images_unless_its_os_is_another(load):
    load("""
        base_images: {debian-12: mirror.example.com/debian:12}
        hosts:
          web1: {groups: [web], os: debian-12}
          web2: {groups: [web], os: debian-12, image: "mirror.example.com/base:1"}
    """)
    copied = load("copy_of: dev\nprovider: docker\n", "copy").hosts
    assert (copied["web1"].base, copied["web1"].image) == ("mirror.example.com/debian:12", None)
    assert copied["web2"].image == "mirror.example.com/base:1"
    newer = load(
        "copy_of: dev\nprovider: docker\nhosts: {web1: {os: debian-13}, web2: {os: debian-13}}\n", "newer"
    ).hosts
    assert (newer["web1"].base, newer["web2"].image) == (None, None)


def test_published_ports(load):
    hosts = load('hosts:\n  web1: {groups: [web], publish: [80, "8443:443", "2222:22"]}\n').hosts
    assert hosts["web1"].publish == (80, 443, 22)
    assert hosts["web1"].fixed_ports == ((443, 8443), (22, 2222))


def test_a_copy_publishes_the_same_ports_and_no_fixed_one(load):
    load('hosts:\n  web1: {groups: [web], publish: [80, "8443:443"]}\n')
    copied = load("copy_of: dev\nprovider: docker\n", "copy").hosts["web1"]
    assert (copied.publish, copied.fixed_ports) == ((80, 443), ())
    own = load("copy_of: dev\nprovider: docker\nhosts: {web1: {publish: []}}", "own").hosts["web1"]
    assert own.publish == ()


@pytest.mark.parametrize(
    ("keys", "message", "line"),
    [
        ("publish: [0]", "'0' in publish of host 'web1' isn't a port", 2),
        ("publish: [65536]", "'65536' in publish", 2),
        ("publish: [true]", "'True' in publish", 2),
        ('publish: ["80:"]', "'80:' in publish", 2),
        ('publish: ["0.0.0.0:80:80"]', "isn't a port", 2),
        ('publish: ["8080:80/udp"]', "isn't a port", 2),
        ('publish: ["99999:80"]', "isn't a port", 2),
        ('publish: [80, "8080:80"]', "names the port 80 twice", 2),
        ('publish: ["8080:80", "8080:81"]', "leads port 8080 of this machine to two ports", 2),
        ("publish: 80", "'publish' in host 'web1' must be a list", 2),
        ("image: [a]", "isn't an image", 2),
        ('image: "a b"', "'a b' isn't an image", 2),
        ("image: -v", "'-v' isn't an image", 2),
        ("size: 1GiB", "'size' in host 'web1' must be a mapping", 2),
        ("size: {memory: 512m}", "'memory' in size of host 'web1' must be a size", 2),
        ("size: {memory: 1MiB}", "'memory' in size of host 'web1' is too little for a host", 2),
        ("size: {cpus: 0}", "'cpus' in size of host 'web1' must be a number of processors, 0.1 or more", 2),
        ("size: {cpus: true}", "'cpus'", 2),
        ("size: {cpu: 1}", "unknown key 'cpu' in size of host 'web1'", 2),
    ],
)
def test_what_a_host_cannot_be(load, keys, message, line):
    with pytest.raises(InvalidFile, match=message.replace("[", r"\[")) as caught:
        load(f"hosts:\n  web1: {{groups: [web], {keys}}}\n")
    assert (caught.value.file, caught.value.line) == ("inventories/dev/hosts.yml", line)


def test_two_hosts_with_one_port_of_this_machine(load):
    with pytest.raises(InvalidFile, match="port 8080 of this machine is published for web1 already") as caught:
        load('hosts:\n  web1: {groups: [web], publish: ["8080:80"]}\n  db1: {groups: [db], publish: ["8080:5432"]}\n')
    assert caught.value.line in (2, 3)


@pytest.mark.parametrize(
    ("top", "message", "hint"),
    [
        ("sizes: {wbe: {cpus: 1}}", "sizes names an unknown group 'wbe'", "did you mean 'web'?"),
        ("sizes: {web: {memory: 1}}", "'memory' in sizes of 'web' must be a size", None),
        ('base_images: {debian-12: "x y"}', "'x y' isn't an image", None),
    ],
)
def test_what_an_environment_cannot_say(load, top, message, hint):
    with pytest.raises(InvalidFile, match=message) as caught:
        load(f"{top}\nhosts:\n  web1: {{groups: [web]}}\n")
    assert caught.value.line == 1
    if hint:
        assert caught.value.hint == hint
