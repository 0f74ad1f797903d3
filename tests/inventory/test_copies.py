"""Copies: of what, how many hosts, and what hosts.yml says of them."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import VariableFiles, load_environment, load_project
from tests.conftest import write

HOSTS = """
    hosts:
      web1: {address: 192.0.2.1, groups: [web], os: debian-12}
      web2: {address: 192.0.2.2, groups: [web]}
      web3: {address: 192.0.2.3, groups: [web]}
      both: {address: 192.0.2.4, groups: [web, db]}
      db1: {address: 192.0.2.5, groups: [db]}
"""


@pytest.fixture
def copies(project):
    write(project, {"inventories/dev/hosts.yml": HOSTS, "inventories/dev/group_vars/all.yml": "greeting: dev\n"})

    def load(text, name="copy"):
        write(project, {f"inventories/{name}/hosts.yml": text})
        return load_environment(load_project(project), name)

    load.root = project
    return load


@pytest.mark.parametrize(
    ("scale", "hosts"),
    [
        ("{web: 2}", {"both", "web1", "db1"}),
        ("{web: 0}", {"db1"}),
        ("{web: 1}", {"both", "db1"}),
        ("{web: 1, db: 1}", {"both"}),
        ("{web: 4}", {"web1", "web2", "web3", "both", "db1"}),
        ("{}", {"web1", "web2", "web3", "both", "db1"}),
    ],
)
def test_a_scaled_copy_has_the_first_hosts_of_each_group(copies, scale, hosts):
    assert set(copies(f"copy_of: dev\nprovider: docker\nscale: {scale}\n").hosts) == hosts


COMMON = """
    hosts:
      app1: {groups: [base, app]}
      app2: {groups: [base, app]}
      app3: {groups: [base, app, cache]}
      lb1: {groups: [base, lb]}
"""


@pytest.mark.parametrize(
    ("scale", "hosts"),
    [
        ("{app: 1}", {"app3", "lb1"}),  # the cache's only host
        ("{app: 2}", {"app1", "app3", "lb1"}),
        ("{app: 1, lb: 0}", {"app3"}),
        ("{cache: 0}", {"app1", "app2", "lb1"}),
        ("{app: 1, cache: 0}", {"app1", "lb1"}),
        ("{base: 2}", {"app3", "lb1"}),
    ],
)
def test_the_group_that_is_named_counts_whatever_other_groups_its_hosts_have(copies, scale, hosts):
    _common(copies)
    assert set(copies(f"copy_of: dev\nprovider: docker\nscale: {scale}\n").hosts) == hosts


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ("{app: 0}", "scale can't leave 0 hosts in 'app': app3 is the last host of cache"),
        ("{base: 1}", "scale can't leave 1 hosts in 'base': lb1 is the last host of lb"),
        ("{app: 3, cache: 0}", "scale can't leave 3 hosts in 'app': some of its hosts are in several groups"),
    ],
)
def test_what_cannot_be_counted_is_said(copies, scale, message):
    _common(copies)
    with pytest.raises(InvalidFile, match=message):
        copies(f"copy_of: dev\nprovider: docker\nscale: {scale}\n")


def _common(copies):
    groups = "groups: {base: [base], app: [base], cache: [base], lb: [base]}\n"
    write(copies.root, {"cdconf.yml": f"project: demo\n{groups}", "inventories/dev/hosts.yml": COMMON})


def test_a_host_that_is_named_stays_and_a_new_one_comes_on_top(copies):
    text = "copy_of: dev\nprovider: docker\nscale: {web: 2}\nhosts:\n  web3: {}\n  web9: {groups: [web]}\n"
    assert {"web1", "web3", "web9"} <= set(copies(text).hosts)
    assert "web2" not in copies(text).hosts


def test_a_copy_of_a_copy_is_scaled_again_and_has_the_variables_of_both(copies):
    copies("copy_of: dev\nprovider: docker\nscale: {web: 2}\n")
    write(copies.root, {"inventories/copy/group_vars/web.yml": "greeting: copy\n"})
    last = copies("copy_of: copy\nprovider: docker\nscale: {db: 1}\n", "last")
    assert set(last.hosts) == {"both", "web1"}
    assert last.hosts["web1"].os == "debian-12"
    assert last.hosts["web1"].address == "web1"
    layers = VariableFiles(load_project(copies.root), last).layers(last.hosts["web1"])
    assert [(layer.values["greeting"], layer.copied) for layer in layers] == [("dev", True), ("copy", True)]


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("hosts:\n  a: {groups: [web]}\nscale: {web: 1}\n", 3, "only a copy can be scaled", "copy_of"),
        ("copy_of: dev\nscale: {wbe: 1}\n", 2, "unknown group 'wbe'", "did you mean 'web'?"),
        ("copy_of: dev\nscale: {web: two}\n", 2, "must be a number of hosts", None),
        ("copy_of: dev\nscale: {web: true}\n", 2, "must be a number of hosts", None),
        ("copy_of: dev\nscale: {web: -1}\n", 2, "must be a number of hosts", None),
        ("copy_of: dev\nscale:\n  web: 5\n", 3, "asks for 5 hosts in 'web', and dev has 4", "name more hosts"),
        ("copy_of: copy\n", 1, "can't be a copy of itself", None),
        ("copy_of: dev\nrequire: [pairty]\n", 2, "'pairty' can't be required", "did you mean 'parity'?"),
        ("copy_of: dev\nrequire: [tests]\n", 2, "'tests' can't be required", "such as"),
        ("copy_of: dev\nrequire:\n  - {parity: dve}\n", 3, "no environment 'dve'", "did you mean 'dev'?"),
        ("copy_of: dev\nrequire:\n  - {parity: copy}\n", 3, "no environment 'copy' to compare copy with", None),
        ("copy_of: dev\ndiffers: [x]\n", 2, "each entry of differs must be a mapping", None),
    ],
)
def test_what_is_wrong_is_told_with_its_line(copies, text, line, message, hint):
    with pytest.raises(InvalidFile, match=message) as caught:
        copies(text)
    assert (caught.value.file, caught.value.line) == ("inventories/copy/hosts.yml", line)
    assert hint is None or hint in (caught.value.hint or "")


def test_what_an_environment_requires(copies):
    assert copies("copy_of: dev\nrequire: [parity, {parity: dev}]\n").require.parity == ("*", "dev")
    assert copies("copy_of: dev\n").require is None
