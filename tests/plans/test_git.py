"""git says what it's asked for, whatever its user has it say beside that."""

import subprocess

from cdconf.artifacts.build import _git as built
from cdconf.plans.git import git as read
from tests.conftest import git


def test_signatures_are_not_mixed_into_what_is_read(tmp_path):
    git(tmp_path, "init", "-q")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    options = {"gpg.format": "ssh", "user.signingKey": str(tmp_path / "key.pub"), "log.showSignature": "true"}
    for name, value in options.items():
        git(tmp_path, "config", name, value)
    git(tmp_path, "commit", "-q", "--allow-empty", "-S", "-m", "signed")
    assert read(tmp_path, "show", "-s", "--format=%s", "HEAD") == b"signed\n"
    assert built(tmp_path, "show", "-s", "--format=%ct", "HEAD").isdigit()
