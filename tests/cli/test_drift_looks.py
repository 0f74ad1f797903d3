"""What `drift` reads: the work tree, a revision's checkout, or no role at all."""

from pathlib import Path

import pytest

from cdconf.cli.drift_looks import reading_at
from cdconf.cli.flags import Flags
from cdconf.errors import InvalidFile, UsageError
from cdconf.inventory import load_environment
from tests.conftest import cdconf, git, write

FILES = {
    "cdconf.yml": "project: demo\ngroups: {web: [app]}\n",
    "inventories/dev/hosts.yml": "hosts: {web1: {address: 127.0.0.1, groups: [web], ssh: {port: 1}}}\n",
    "roles/app/role.yml": "resources: [{file: /etc/a, content: x}]\n",
    ".gitignore": ".cdconf/\n",
}


@pytest.fixture
def project(tmp_path):
    """A project of one commit."""
    write(tmp_path, FILES)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def flags(root, **about):
    return Flags(directory=str(root), **about)


def test_without_roles_only_what_was_applied_can_be_compared(project):
    (project / "roles/app/role.yml").unlink()
    with reading_at(flags(project, applied=True)) as (read, revision):
        assert revision is None
        assert list(load_environment(read(project), "dev").hosts) == ["web1"]
    with reading_at(flags(project)) as (read, _), pytest.raises(InvalidFile, match="there is no roles/app"):
        read(project)


def test_a_revision_has_its_own_files_and_this_checkouts_data(project):
    (project / ".cdconf").mkdir()
    (project / "roles/app/role.yml").write_text("resources: []\n")
    git(project, "commit", "-qam", "second")
    with reading_at(flags(project, at="HEAD~1")) as (read, revision):
        found = read(Path("/anywhere"))
        assert revision == "HEAD~1"
        assert (found.root / "roles/app/role.yml").read_text() == FILES["roles/app/role.yml"]
        assert found.data.resolve() == project / ".cdconf"
        assert git(found.root, "rev-parse", "HEAD") == git(project, "rev-parse", "HEAD~1")
        kept = found.root
    assert not kept.exists()


@pytest.mark.parametrize(
    ("about", "message"),
    [({"at": "nonsense"}, "is no revision"), ({"at": "HEAD", "applied": True}, "and --at exclude each other")],
)
def test_what_cannot_be_compared_is_refused(project, about, message):
    with pytest.raises(UsageError, match=message), reading_at(flags(project, **about)):
        pass


def test_secrets_that_nobody_here_can_read_are_not_asked_for(project):
    secret = "AGE[nonsense]"
    (project / "inventories/dev/secrets.yml").write_text(f"password: {secret}\n")
    done = cdconf(project, "drift", "dev", "--applied", "--forks", "1")
    assert done.returncode == 4, done.stderr
    assert "secret" not in done.stderr
