"""The Vagrantfile reads inventories by itself: it must see what cdconf sees."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from cdconf.authoring.new_project import files
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

ROOT = Path(__file__).parents[2]
VAGRANTFILE = ROOT / "Vagrantfile"
needs_ruby = pytest.mark.skipif(shutil.which("ruby") is None, reason="needs ruby, which Debian's vagrant brings")
GEMS = Path("/usr/share/rubygems-integration/all/gems")
needs_libvirt = pytest.mark.skipif(not any(GEMS.glob("vagrant-libvirt-*")), reason="needs Debian's vagrant-libvirt")
needs_vagrant = pytest.mark.skipif(shutil.which("vagrant") is None, reason="needs vagrant")

READ = """
module Vagrant; def self.configure(*) end; end
load ARGV.shift
require "json"
read = ARGV.each_slice(2).map do |root, name|
  { "hosts" => Inventory.hosts(root, name).to_a, "settings" => Inventory.settings(root, name) }
end
puts JSON.generate(read)
"""


def by_ruby(*pairs):
    """What the Vagrantfile reads of environments, given as root and name."""
    arguments = [str(one) for pair in pairs for one in pair]
    result = subprocess.run(
        ["ruby", "-e", READ, str(VAGRANTFILE), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return json.loads(result.stdout)


def by_cdconf(root, name):
    """The same, as cdconf reads it."""
    environment = load_environment(load_project(Path(root)), name)
    return {
        "hosts": [
            [
                host.name,
                {
                    "groups": list(host.groups),
                    "os": host.os,
                    "image": host.image,
                    "memory": host.size.memory,
                    "cpus": host.size.cpus,
                    "ports": {str(port): dict(host.fixed_ports).get(port) for port in host.publish},
                },
            ]
            for host in environment.hosts.values()
        ],
        "settings": {
            "provider": environment.vagrant.provider,
            "network": environment.vagrant.network,
            "boxes": dict(environment.vagrant.boxes),
        },
    }


def test_the_repositorys_own_is_the_one_that_new_projects_get():
    assert files("shop")["Vagrantfile"] == VAGRANTFILE.read_text(encoding="utf-8")


@needs_ruby
def test_this_repositorys_environments():
    names = load_project(ROOT).environments()
    assert by_ruby(*((ROOT, name) for name in names)) == [by_cdconf(ROOT, name) for name in names]


AWKWARD = {
    "cdconf.yml": "project: p\ngroups: {db: [base], 'on': [base], web: [base]}\n",
    "roles/base/role.yml": "resources: []\n",
    "inventories/production/hosts.yml": """
        vagrant: {provider: libvirt, network: 192.168.60.0/24, boxes: {debian-12: ours/one, "13": ours/two}}
        hosts:
          web1: &web {groups: web, os: debian-12, publish: [80, 443]}
          yes: {groups: [on, web]}     # YAML 1.1 would call it true
          web3: *web
          "9": {groups: [web, db, web], os: "13"}
          alone: {groups: []}
          db1: {groups: [db]}
    """,
    "inventories/copy/hosts.yml": """
        copy_of: production
        provider: vagrant
        vagrant: {boxes: {debian-12: theirs/one}}
        scale: {web: 1, db: 0}
        hosts:
          db1:
          web3: {os: debian-13, publish: []}
          extra: {groups: [web], os: plan9}  # no box is known of it
    """,
    "inventories/second/hosts.yml": "copy_of: copy\nvagrant: {provider: docker}\n",
}


@needs_ruby
def test_awkward_names_copies_of_copies_and_scale(tmp_path):
    write(tmp_path, AWKWARD)
    names = ("production", "copy", "second")
    read = by_ruby(*((tmp_path, name) for name in names))
    assert read == [by_cdconf(tmp_path, name) for name in names]
    assert [host for host, _ in read[0]["hosts"]] == ["9", "db1", "yes", "web1", "web3", "alone"]
    assert [host for host, _ in read[1]["hosts"]] == ["db1", "yes", "web3", "extra", "alone"]


@needs_ruby
def test_a_copy_that_is_there_for_a_while_only(tmp_path):
    write(tmp_path, {**AWKWARD, ".cdconf/throwaway/try/hosts.yml": 'copy_of: "copy"\nprovider: "vagrant"\n'})
    once, copied = by_ruby((tmp_path, "try"), (tmp_path, "copy"))
    assert once == copied


def size(random):
    """A size, whole or in part."""
    memory = random.choice(["64MiB", "1GB", "2GiB"])
    whole = {"memory": memory, "cpus": random.choice([1, 0.5, 2.5])}
    return {key: value for key, value in whole.items() if random.random() < 0.6}


def invented(random, root):
    """Writes a project with three environments, each a copy of the one before it."""
    groups = random.sample(["db", "web", "lb", "cache", "no"], random.randint(1, 5))
    tops = {}
    for name, copied in (("one", None), ("two", "one"), ("three", "two")):
        hosts = {
            f"h{random.randint(1, 9)}": {
                key: value
                for key, value in {
                    "groups": random.choices(groups, k=random.randint(0, 3)),
                    "os": random.choice(["debian-12", "rocky-9"]),
                    "publish": random.sample([80, "443", "8080:8081"], random.randint(0, 3)),
                    "image": random.choice(["ours:1", "ours:2"]),
                    "size": size(random),
                }.items()
                if key == "groups" or random.random() < 0.6
            }
            for _ in range(random.randint(1, 8) if copied is None else random.randint(0, 3))
        }
        sizes = {group: size(random) for group in ["all", *groups] if random.random() < 0.3}
        tops[name] = {"hosts": hosts, "sizes": sizes}
        if copied:
            scale = {group: random.randint(0, 2) for group in groups if random.random() < 0.4}
            tops[name] |= {"copy_of": copied, "scale": scale}
    quoted = {group: ["base"] for group in groups}
    text = {f"inventories/{name}/hosts.yml": json.dumps(top) for name, top in tops.items()}
    project = {"cdconf.yml": json.dumps({"project": "p", "groups": quoted}), "roles/base/role.yml": "resources: []\n"}
    write(root, {**project, **text})


@needs_ruby
def test_invented_inventories_read_alike(tmp_path):
    numbers = random.Random(5)
    wanted = {}
    for number in range(200):
        root = tmp_path / str(number)
        invented(numbers, root)
        for name in ("one", "two", "three"):
            try:
                wanted[root, name] = by_cdconf(root, name)
            except CdconfError:  # asks for more hosts than there are, for others than it can leave, or has none
                continue
    assert len(wanted) > 200
    assert sum(name == "three" for _, name in wanted) > 30
    assert by_ruby(*wanted) == list(wanted.values())


def vagrant(root, *arguments, **environment):
    return subprocess.run(
        ["vagrant", *arguments],
        cwd=root,
        env={**os.environ, "VAGRANT_HOME": str(root / "home"), "VAGRANT_CHECKPOINT_DISABLE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


VIRTUALBOX = """#!/bin/sh
[ "$1" != --version ] || echo 7.0.20r163906
"""


@needs_vagrant
@pytest.mark.parametrize("provider", ["docker", "virtualbox", pytest.param("libvirt", marks=needs_libvirt)])
def test_vagrant_accepts_it(tmp_path, provider):
    root = write(tmp_path / "p", {**AWKWARD, "bin/VBoxManage": VIRTUALBOX, "bin/docker": "#!/bin/sh\n"})
    shutil.copy(VAGRANTFILE, root)
    for program in (root / "bin").iterdir():
        program.chmod(0o755)
    # In place of VirtualBox itself there's what tells its version: `validate` asks it nothing else.
    path = f"{root / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "VAGRANT_DEFAULT_PROVIDER": provider, "CDCONF_ENVIRONMENT": "copy"}
    result = vagrant(root, "validate", **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (root / ".cdconf/environments/copy/vagrant_key").stat().st_mode & 0o077 == 0


@needs_vagrant
def test_which_environment_is_meant(tmp_path):
    root = write(tmp_path / "p", AWKWARD)
    shutil.copy(VAGRANTFILE, root)
    environment = {"VAGRANT_DEFAULT_PROVIDER": "docker", "CDCONF_ENVIRONMENT": ""}
    # The only one with `provider: vagrant`.
    assert "copy.web3" in vagrant(root, "status", "--machine-readable", **environment).stdout
    (root / "inventories/copy/hosts.yml").unlink()
    (root / "inventories/second/hosts.yml").unlink()
    result = vagrant(root, "status", **environment)
    assert result.returncode != 0
    assert "CDCONF_ENVIRONMENT=production" in result.stderr
    result = vagrant(root, "status", **{**environment, "CDCONF_ENVIRONMENT": "../production"})
    assert "there's no environment '../production'" in result.stderr


@needs_ruby
def test_every_host_has_an_address_of_its_own_that_stays():
    code = """
        module Vagrant; def self.configure(*) end; end
        load ARGV[0]
        require "json"
        names = (1..240).map { |one| "web#{one}" }
        puts JSON.generate([Fleet.numbers(names), Fleet.numbers(%w[web1 web2]), Fleet.numbers(%w[web2 db1 web1])])
    """
    result = subprocess.run(
        ["ruby", "-e", code, str(VAGRANTFILE)], capture_output=True, text=True, timeout=60, check=True
    )
    many, few, other = json.loads(result.stdout)
    assert sorted(many.values()) == list(range(10, 250))
    assert {name: other[name] for name in few} == few


@needs_ruby
def test_names_are_written_into_hosts_files_once(tmp_path):
    code = """
        module Vagrant; def self.configure(*) end; end
        load ARGV[0]
        puts Fleet.names_script
    """
    script = subprocess.run(
        ["ruby", "-e", code, str(VAGRANTFILE)], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    script = script.replace("/etc/hosts", f"{tmp_path}/hosts").replace("/home/vagrant", str(tmp_path))
    write(tmp_path, {"hosts": "127.0.0.1 localhost\n127.0.1.1 web1 web1\n10.0.0.1 other\n"})
    keys = (
        write(tmp_path, {".ssh/authorized_keys": "ssh-rsa AAAA vagrant insecure public key\n"}) / ".ssh/authorized_keys"
    )

    def run(*names):
        subprocess.run(["sh", "-s", "--", *names], input=script, text=True, timeout=20, check=True)
        return (tmp_path / "hosts").read_text()

    lines = "127.0.0.1 localhost\n10.0.0.1 other\n# cdconf: begin\n192.168.56.10 web1\n# cdconf: end\n"
    assert run("192.168.56.10 web1") == lines
    assert run("192.168.56.10 web1") == lines
    assert "192.168.56.11 web2\n# cdconf: end\n" in run("192.168.56.10 web1", "192.168.56.11 web2")
    assert "insecure" in keys.read_text(), "it's the only key there: without it nobody gets in"
    keys.write_text("ssh-rsa AAAA vagrant insecure public key\nssh-rsa BBBB vagrant\n")
    run("192.168.56.10 web1")
    assert keys.read_text() == "ssh-rsa BBBB vagrant\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ssh", "hosts"]


@needs_ruby
def test_the_key_is_made_once_whoever_is_killed_or_comes_at_the_same_time(tmp_path):
    folder = tmp_path / "dev"
    write(folder, {"vagrant_key": "half of one\n", "vagrant_key.new": "half of another\n"})
    script = "module Vagrant; def self.configure(*) end; end\nload ARGV.shift\nputs Fleet.key(ARGV.shift)"
    command = ["ruby", "-e", script, str(VAGRANTFILE), str(folder)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(3)]
    for one in runs:
        said = one.communicate(timeout=60)[0]
        assert (one.returncode, said) == (0, f"{folder}/vagrant_key\n")
    key = folder / "vagrant_key"
    derived = subprocess.run(["ssh-keygen", "-y", "-f", key], check=True, capture_output=True, text=True, timeout=30)
    assert derived.stdout.split()[:2] == (folder / "vagrant_key.pub").read_text().split()[:2]
    assert key.stat().st_mode & 0o077 == 0
    assert not list(folder.glob("*.new*"))
