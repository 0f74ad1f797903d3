"""Which hosts start from the same snapshot, and which changes make a new one."""

import subprocess

import pytest

from cdconf.catalog import Compiler
from cdconf.environments.docker import snapshot_scrub
from cdconf.environments.docker.snapshot_kind import Kinds, tree_digest
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

FILES = {
    "cdconf.yml": "project: demo\ngroups: {db: [base], web: [base, shop]}\n",
    "inventories/dev/hosts.yml": """
        provider: docker
        hosts:
          db1: {groups: [db]}
          web1: {groups: [web]}
          web2: {groups: [web]}
    """,
    "inventories/try/hosts.yml": "copy_of: dev\nprovider: docker\n",
    "inventories/dev/group_vars/all.yml": "place: here\n",
    "inventories/try/group_vars/all.yml": "place: there\n",
    "roles/base/role.yml": "resources:\n  - package: [curl]\n",
    "roles/shop/role.yml": """
        variables:
          place: {type: string, per_environment: true, doc: x}
          version: {type: string, default: "1", doc: x}
          password: {secret: {generate: 12}, doc: x}
        resources:
          - file: /etc/x
            content: "{{ version }}{{ place }}{{ password }}"
            mode: "0600"
    """,
}


@pytest.fixture
def root(tmp_path):
    return write(tmp_path, FILES)


def kinds(root, environment="dev", image="sha256:1", **options):
    project = load_project(root)
    loaded = load_environment(project, environment)
    all_kinds = Kinds(project, loaded, Compiler(project, loaded, **options))
    return {name: all_kinds.of(host, host.os or "debian-12", image) for name, host in loaded.hosts.items()}


def test_hosts_of_the_same_groups_are_of_a_kind_in_all_copies(root):
    ours, copied = kinds(root), kinds(root, "try")
    assert ours["web1"] == ours["web2"] == copied["web1"]
    assert ours["web1"].key != ours["db1"].key
    assert ours["web1"].name == "web on debian-12"
    assert ours["web1"].own == {"place", "password"}


@pytest.mark.parametrize(
    "files",
    [
        {"roles/shop/files/new": "x"},
        {"roles/base/role.yml": "resources:\n  - package: [curl, git]\n"},
        {"templates/x.j2": "x"},
        {"inventories/dev/group_vars/web.yml": "version: '2'\n"},
        {"cdconf.yml": "project: demo\ngroups: {db: [base], web: [shop, base]}\n"},
    ],
)
def test_what_a_snapshot_is_made_of_makes_a_new_one(root, files):
    before = kinds(root)["web1"].key
    write(root, files)
    assert kinds(root)["web1"].key != before


def test_so_do_another_image_and_another_value_on_the_command_line(root):
    keys = {kinds(root)["web1"].key, kinds(root, image="sha256:2")["web1"].key}
    assert len(keys | {kinds(root, extra={"version": "'3'"})["web1"].key}) == 3


def test_secrets_and_what_environments_have_for_themselves_make_no_new_one(root):
    before = kinds(root)["web1"].key
    write(root, {"inventories/dev/group_vars/all.yml": "place: elsewhere\n", "roles/other/role.yml": "resources: []\n"})
    assert kinds(root)["web1"].key == before
    assert kinds(root, extra={"password": "given"})["web1"].key == before


def test_a_variable_of_one_host_is_its_own_for_all_of_its_kind(root):
    write(root, {"inventories/dev/host_vars/web2.yml": "version: '2'\n"})
    found = kinds(root)
    assert found["web1"] == found["web2"]
    assert "version" in found["web1"].own
    assert "version" not in found["db1"].own


def test_a_tree_is_known_by_names_contents_and_executable_bits(tmp_path):
    write(tmp_path, {"a/x": "1", "a/b/y": "2"})
    digests = [tree_digest(tmp_path / "a")]
    (tmp_path / "a/x").chmod(0o755)
    digests.append(tree_digest(tmp_path / "a"))
    (tmp_path / "a/x").rename(tmp_path / "a/z")
    digests.append(tree_digest(tmp_path / "a"))
    (tmp_path / "a/b/round").symlink_to(tmp_path / "a")
    (tmp_path / "a/b/y").write_text("3")
    digests.append(tree_digest(tmp_path / "a"))
    digests.append(tree_digest(tmp_path / "none"))
    assert len(set(digests)) == 5


@pytest.mark.parametrize("script", [snapshot_scrub.SCRIPT, snapshot_scrub.RENEW, snapshot_scrub.START])
def test_the_scripts_are_a_shells(script):
    subprocess.run(["sh", "-n", "-c", script], check=True, timeout=10)
