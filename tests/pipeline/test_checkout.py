"""The checkout is the commit, its history and tags, with the directory's own data, from whatever clone it's made."""

import os
import shutil

import pytest

from cdconf.artifacts.backends import place_of
from cdconf.errors import CdconfError, InvalidFile, UsageError
from cdconf.git_command import leave_hook
from cdconf.history.worktree import WorkTree
from cdconf.inventory import load_project
from cdconf.pipeline.checkout import check_out, commit_to_run, home_at
from cdconf.promotion.commit import CommitReader
from cdconf.promotion.uncommitted import Uncommitted
from tests.conftest import git, write

FILES = {
    "cdconf.yml": """
        project: demo
        store: artifacts
        groups: {web: [site]}
        pipeline: [{stage: one}]
    """,
    "roles/site/role.yml": "resources: []\n",
    "inventories/dev/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
    ".gitignore": ".cdconf/\nartifacts/\n",
    "run.sh": "echo\n",
}


@pytest.fixture(params=["", "sub"])
def root(tmp_path, request):
    top = tmp_path / "repository"
    root = write(top / request.param, FILES)
    git(top, "init", "-q", "-b", "main")
    (root / "run.sh").chmod(0o755)
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    git(top, "tag", "v1")
    git(top, "commit", "-q", "--allow-empty", "-m", "two")
    return root


def checked_out(root, tmp_path, name="HEAD"):
    home = load_project(root)
    _ = home.data
    return home, check_out(home, commit_to_run(root, name), tmp_path / "checkout")


def test_it_is_the_commit_and_clean(root, tmp_path):
    write(root, {"run.sh": "changed\n", "roles/site/role.yml": "broken: [\n", "new": "x\n"})
    home, project = checked_out(root, tmp_path)
    assert (project.root / "run.sh").read_text() == "echo\n"
    assert os.access(project.root / "run.sh", os.X_OK)
    assert not (project.root / "new").exists()
    commit = git(root, "rev-parse", "HEAD")
    assert git(project.root, "rev-parse", "HEAD") == commit
    assert git(project.root, "describe", "--tags") == f"v1-1-g{commit[:7]}"
    assert WorkTree(project.root).changes().dirty is False
    with Uncommitted(project.root) as uncommitted, CommitReader(project.root, commit) as read:
        uncommitted.check(read)
    assert (project.checkout, project.home) == (home.checkout, home.root)
    assert place_of(project).shown("x") == place_of(home).shown("x") == "artifacts/x"
    assert git(root, "rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_what_lay_there_goes(root, tmp_path):
    write(tmp_path / "checkout", {"old": "x\n"})
    _, project = checked_out(root, tmp_path)
    assert not (tmp_path / "checkout/old").exists()
    assert git(project.root, "log", "--format=%s").split() == ["two", "one"]


def test_shallow_clones_and_detached_heads_will_do(root, tmp_path):
    top = git(root, "rev-parse", "--show-toplevel")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{top}", "shallow")
    git(tmp_path / "shallow", "checkout", "-q", "--detach")
    git(tmp_path / "shallow", "commit", "-q", "--allow-empty", "-m", "on no branch")
    where = tmp_path / "shallow" / root.relative_to(top)
    _, project = checked_out(where, tmp_path)
    assert git(project.root, "log", "--format=%s").splitlines() == ["on no branch", "two"]


def test_git_s_own_hooks_lead_it_nowhere_else(root, tmp_path, monkeypatch):
    """In a hook git says where its repository is, and means that one."""
    top = git(root, "rev-parse", "--show-toplevel")
    first = git(root, "rev-parse", "HEAD~1")
    monkeypatch.setenv("GIT_DIR", f"{top}/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", f"{top}/.git/index")
    leave_hook(os.environ)
    _, project = checked_out(root, tmp_path, first)
    assert project.root == tmp_path / "checkout" / root.relative_to(top)
    assert git(root, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git(tmp_path / "checkout", "rev-parse", "HEAD") == first


def test_the_commit_says_where_its_store_is(root):
    write(root, {"cdconf.yml": FILES["cdconf.yml"].replace("artifacts", "elsewhere").replace("demo", "other")})
    found = home_at(root, git(root, "rev-parse", "HEAD"))
    assert (found.name, found.store, found.root) == ("demo", "artifacts", root)


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        ({"cdconf.yml": FILES["cdconf.yml"].partition("        pipeline")[0]}, UsageError, "has no `pipeline`"),
        ({"cdconf.yml": "project: [\n"}, InvalidFile, "YAML|flow|expected"),
        ({"cdconf.yml": None}, UsageError, "has no cdconf.yml"),
    ],
)
def test_commits_without_a_pipeline_are_refused(root, files, error, words):
    for name, text in files.items():
        (root / name).unlink() if text is None else write(root, {name: text})
    git(root, "commit", "-qam", "three")
    with pytest.raises(error, match=words):
        home_at(root, git(root, "rev-parse", "HEAD"))


@pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
def test_a_partial_clone_gets_what_it_was_cloned_without(root, tmp_path, left_out):
    """git itself leaves out files that it doesn't have, and ends with 0."""
    top = git(root, "rev-parse", "--show-toplevel")
    write(root, {"run.sh": "echo later\n", "sub/deep/file": "x\n"})
    git(top, "add", "-A")
    git(top, "commit", "-qm", "three")
    for name in ("allowFilter", "allowAnySHA1InWant"):
        git(top, "config", f"uploadpack.{name}", "true")
    git(tmp_path, "clone", "-q", f"--filter={left_out}", f"file://{top}", "partial")
    partial = tmp_path / "partial"
    git(partial, "checkout", "-q", "HEAD~1")  # so that files of the newest commit may be away
    git(top, "commit", "-q", "--allow-empty", "-m", "four")
    write(root, {"run.sh": "echo latest\n", "sub/deep/other": "y\n"})
    git(top, "add", "-A")
    git(top, "commit", "-qm", "five")
    git(partial, "fetch", "-q")
    _, project = checked_out(partial / root.relative_to(top), tmp_path, "origin/main")
    assert (project.root / "run.sh").read_text() == "echo latest\n"
    assert (project.root / "sub/deep/other").read_text() == "y\n"


def test_a_file_whose_contents_are_away_is_an_error(root, tmp_path):
    top = git(root, "rev-parse", "--show-toplevel")
    blob = git(root, "rev-parse", "HEAD:./run.sh")
    os.unlink(f"{top}/.git/objects/{blob[:2]}/{blob[2:]}")  # noqa: PTH108
    with pytest.raises(CdconfError, match=r"lacks the contents of (sub/)?run\.sh"):
        checked_out(root, tmp_path)


@pytest.mark.parametrize("what", ["link", "directory"])
def test_a_commit_brings_no_data_in_place_of_the_directory_s(root, tmp_path, what):
    home = load_project(root)
    _ = home.data
    if what == "link":
        shutil.rmtree(home.data)
        (root / ".cdconf").symlink_to("nowhere")
    git(root, "add", "-f", ".cdconf")
    git(root, "commit", "-qm", "three")
    git(root, "rm", "-rq", "--cached", ".cdconf")
    if what == "link":
        (root / ".cdconf").unlink()
    with pytest.raises(UsageError, match=r"has (sub/)?\.cdconf in git"):
        checked_out(root, tmp_path)


def test_a_submodule_is_an_empty_directory(root, tmp_path):
    top = git(root, "rev-parse", "--show-toplevel")
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", f"file://{top}", "below")
    git(root, "commit", "-qm", "three")
    _, project = checked_out(root, tmp_path)
    assert list((project.root / "below").iterdir()) == []


def test_a_directory_may_have_any_name(tmp_path):
    root = write(tmp_path / "repository/a [b]*? c", FILES)
    git(root, "init", "-q", str(tmp_path / "repository"))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    write(root, {".gitignore": "artifacts/\n"})
    git(root, "commit", "-qam", "two")
    home, project = checked_out(root, tmp_path)
    assert home_at(root, git(root, "rev-parse", "HEAD")).name == "demo"
    assert project.data.resolve() == home.data
    assert WorkTree(project.root).changes().dirty is False
