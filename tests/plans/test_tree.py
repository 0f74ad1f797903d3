"""Commits that git's own commands wouldn't make: nothing of them is ever written outside of the directory."""

import subprocess

import pytest

from cdconf.errors import CdconfError
from cdconf.plans.tree import Tree
from tests.conftest import git, write


def made(root, *entries):
    """A commit with a tree of exactly these entries: (mode, name, content or object)."""
    lines = []
    for mode, name, content in entries:
        oid = content
        if mode != "040000":
            oid = stored(root, "blob", content)
        lines.append(f"{mode.lstrip('0')} {name}".encode() + b"\0" + bytes.fromhex(oid))
    return stored(root, "tree", b"".join(lines))


def stored(root, kind, content):
    command = ["git", "-C", str(root), "hash-object", "-t", kind, "-w", "--stdin", "--literally"]
    content = content if isinstance(content, bytes) else content.encode()
    return subprocess.run(command, input=content, check=True, capture_output=True).stdout.decode().strip()


def commit(root, tree):
    return git(root, "commit-tree", tree, "-m", "crafted")


@pytest.fixture
def root(tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q")
    return repository


@pytest.mark.parametrize("name", ["..", ".git", "."])
def test_a_path_that_leaves_the_tree_is_refused(root, tmp_path, name):
    inner = made(root, ("100644", "victim", "mine now\n"))
    crafted = commit(root, made(root, ("040000", name, inner)))
    with pytest.raises(CdconfError, match="nobody can check out"):
        Tree(root, crafted).write([""], tmp_path / "target", lambda event: None)
    assert not (tmp_path / "victim").exists()


def test_nothing_is_written_through_a_link_of_the_same_name(root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    inner = made(root, ("100644", "victim", "mine now\n"))
    crafted = commit(root, made(root, ("120000", "roles", str(outside)), ("040000", "roles", inner)))
    with pytest.raises(CdconfError, match="can't be read"):
        Tree(root, crafted).write(["roles"], tmp_path / "target", lambda event: None)
    assert list(outside.iterdir()) == []


def test_bytes_modes_and_names_are_as_they_were_committed(root, tmp_path):
    write(root, {"files/plain": "", "files/run": "#!/bin/sh\n"})
    (root / "files/run").chmod(0o755)
    (root / "files/bytes").write_bytes(bytes(range(256)) * 1000)
    (root / "files/ä \n'x").write_text("a name\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x")
    Tree(root, git(root, "rev-parse", "HEAD")).write(["files"], tmp_path / "target", lambda event: None)
    for name in ("plain", "run", "bytes", "ä \n'x"):
        assert (tmp_path / "target/files" / name).read_bytes() == (root / "files" / name).read_bytes()
    assert (tmp_path / "target/files/run").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "target/files/plain").stat().st_mode & 0o777 == 0o600
