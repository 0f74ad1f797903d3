"""A project in a repository, with a remote, and a stand-in for the pipeline's run."""

import os
import subprocess

import pytest

from tests.artifacts.conftest import home  # noqa: F401  a fixture
from tests.conftest import git, write

FILES = {
    "cdconf.yml": """
        project: demo
        groups: {web: [base]}
        apps:
          app: {groups: [web], path: /srv/app, artifact: "app-*.tar.gz"}
        pipeline:
          - {stage: manual, environment: staging}
    """,
    "inventories/staging/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\nrequire: []\n",
    "roles/base/role.yml": "resources:\n  - directory: /srv/base\n",
    ".gitignore": ".cdconf/\n",
}


class Repository:
    """A work tree; `origin`, if it has one, is a bare repository beside it."""

    def __init__(self, root):
        self.root = root

    def git(self, *arguments):
        return git(self.root, *arguments)

    def commit(self, message, **files):
        write(self.root, {"CHANGES": message, **files})
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.head

    @property
    def head(self):
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path, home):  # noqa: F811
    root = tmp_path / "project"
    root.mkdir()
    write(root, FILES)
    made = Repository(root)
    made.git("init", "-q", "-b", "main")
    made.commit("first")
    return made


@pytest.fixture
def origin(repository, tmp_path):
    """Pushes what it's told to; the watched clone is `repository`."""
    bare = tmp_path / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", repository.root, bare], check=True)
    git(bare, "config", "receive.denyDeleteCurrent", "ignore")
    repository.git("remote", "add", "origin", str(bare))
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", bare, other], check=True, env={**os.environ, "LC_ALL": "C"})
    return Repository(other)
