import os

import pytest

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.files import protected, walk
from cdconf.errors import InvalidFile
from cdconf.resources.directory import agent
from tests.catalog.test_compiler import compiled, role
from tests.conftest import write


@pytest.fixture
def tree(tmp_path):
    """A directory with files, a link out of it, and something in a directory that a link leads to."""
    for name in ("d/a", "d/sub/b", "d/sub/deep/c", "d/x/y", "away/kept"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "d/out").symlink_to(tmp_path / "away")
    return tmp_path / "d"


def test_walks_everything_and_through_no_link(tree):
    found = [path for path, _ in walk.walk(str(tree))]
    assert sorted(found) == ["a", "out", "sub", "sub/b", "sub/deep", "sub/deep/c", "x", "x/y"]


@pytest.mark.parametrize(
    ("paths", "trees", "gone"),
    [
        ([], [], ["a", "out", "sub", "x"]),
        (["a", "sub/b"], [], ["out", "sub/deep", "x"]),
        (["sub"], [], ["a", "out", "sub/b", "sub/deep", "x"]),
        (["out"], ["sub"], ["a", "x"]),
        (["x/new"], ["sub/deep"], ["a", "out", "sub/b", "x/y"]),
    ],
)
def test_what_nobody_manages(tree, paths, trees, gone):
    assert walk.unmanaged(str(tree), paths, trees) == gone
    for path in gone:
        walk.remove(str(tree), path)
    assert walk.unmanaged(str(tree), paths, trees) == []
    assert (tree.parent / "away/kept").exists()


def test_modes_of_everything_below(tree):
    wanted = {"mode": "0750", "file_mode": "0640"}
    walk.set_all(str(tree), wanted)
    assert [walk.wrong(status, wanted) for _, status in walk.walk(str(tree))] == [""] * 8
    assert (tree / "sub/b").stat().st_mode & 0o777 == 0o640
    assert (tree.parent / "away/kept").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("path", ["/", "/etc", "/home", "/usr/bin", "/var/lib", "/var/lib/cdconf/x", "/proc/1"])
def test_directories_of_the_system(path):
    assert protected.is_systems(path)


@pytest.mark.parametrize("path", ["/etc/nginx", "/srv/shop", "/home/ann", "/var/lib/shop", "/usr/local/share"])
def test_directories_of_ones_own(path):
    assert not protected.is_systems(path)


PURGE = """
    resources:
      - directory: /etc/shop
        purge: true
        source: conf
      - file: /etc/shop/sub/a
      - file: /etc/shop/old
        absent: true
      - git: /etc/shop/tree
        url: https://example.com/x.git
        revision: main
      - link: /etc/shopping
        target: x
      - certificate: /etc/shop/x.crt
        key: /etc/shop/x.key
        self_signed: true
        names: x
"""


def test_the_compiler_says_what_others_manage(project):
    role(project, PURGE)
    write(project, {"roles/base/files/conf/in/b": "x\n"})
    fields = compiled(project)[1].resources[0].fields
    assert fields["managed"] == {
        "paths": ["sub/a", "x.crt", "x.key"],
        "trees": ["tree"],
        "paths_elsewhere": ["/etc/shopping"],
        "trees_elsewhere": [],
    }
    assert fields["tree"] == {"in/b": {"data": "x\n", "executable": False}}
    assert fields["purge"] == []


def test_nothing_is_purged_when_not_all_roles_are_compiled(project):
    role(project, PURGE)
    write(project, {"roles/base/files/conf/in/b": "x\n"})
    assert "purge" not in compiled(project, roles=["base"])[1].resources[0].fields


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        ("directory: /srv/x\n        source: none", "there is no directory 'none'"),
        ("file: /srv/x\n        source: conf", "'conf' is a directory"),
        ("file: /srv/x\n        source: big", "a source may have 8.0 MiB"),
        ("directory: /srv/x\n        source: links", "is a link"),
        ("directory: /srv/x\n        source: many", "48.0 MiB at most can be sent"),
    ],
)
def test_sources_that_cannot_be_sent(project, resource, why):
    role(project, f"\n    resources:\n      - {resource}\n")
    folder = project / "roles/base/files"
    for name in ("conf", "links", "many"):
        (folder / name).mkdir(parents=True)
    os.truncate(os.open(folder / "big", os.O_CREAT | os.O_RDWR), 8 * 1024**2 + 1)
    (folder / "links/l").symlink_to("x")
    for number in range(5):
        os.truncate(os.open(folder / f"many/{number}", os.O_CREAT | os.O_RDWR), 8 * 1024**2)
    with pytest.raises(InvalidFile, match=why) as refused:
        compiled(project)
    assert refused.value.file == "roles/base/role.yml"


def test_an_attribute_that_keeps_root_away_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "protection", lambda path: ("immutable", "i") if path.endswith("/f") else None)

    def refuse(*arguments, **_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files.os, "rename", refuse)
    with pytest.raises(Failed, match="has the attribute immutable"):
        files.write_atomic(str(tmp_path / "f"), b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_common_file_has_no_such_attribute(tmp_path):
    (tmp_path / "f").touch()
    assert files.protection(str(tmp_path / "f")) is None
    assert files.protection(str(tmp_path / "none")) is None


def test_a_directory_with_a_mount_in_it_is_kept(tree, monkeypatch):
    monkeypatch.setattr(walk, "_mounts", lambda: ["/", f"{tree}/sub/deep"])
    assert walk.unmanaged(str(tree), ["a"], []) == ["out", "sub/b", "x"]
    assert "sub/deep/c" not in [path for path, _ in walk.walk(str(tree))]
    (tree / "sub/b").unlink()
    assert walk.unmanaged(str(tree), [], []) == ["a", "out", "x"]


def test_a_directory_with_a_mount_in_it_is_not_removed_by_force(tree, monkeypatch):
    monkeypatch.setattr(walk, "_mounts", lambda: ["/", f"{tree}/sub/deep"])
    with pytest.raises(Failed, match="sub/deep' in it is mounted"):
        agent._remove(str(tree), force=True)
    assert (tree / "sub/deep/c").exists()
    assert (tree / "a").exists()


def test_what_is_managed_by_way_of_a_link_is_kept(tree):
    (tree.parent / "alias").symlink_to("d")
    elsewhere = {"paths_elsewhere": [f"{tree.parent}/alias/a", "/none/b"], "trees_elsewhere": [f"{tree}/../alias/sub"]}
    fields = {"path": str(tree), "purge": [], "managed": {"paths": [], "trees": [], **elsewhere}}
    assert agent.observe(fields)["purge"] == ["out", "x"]
    fields["path"] = str(tree.parent / "alias/sub/..")
    assert agent.observe(fields)["purge"] == ["out", "x"]


def test_mounts_are_read():
    assert "/" in walk._mounts()
