"""A commit can't have `secret exposure` read what lies outside of the work tree."""

import subprocess

import pytest

from cdconf.errors import CdconfError
from cdconf.secrets.exposure import _states


def test_a_link_out_of_the_work_tree_is_refused(tmp_path):
    root, outside = tmp_path / "project", tmp_path / "outside"
    folder = root / "inventories/dev"
    folder.mkdir(parents=True)
    outside.write_text("somebody's own\n")
    (folder / "secrets.yml").symlink_to(outside)
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "-A"], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", root, *who, "commit", "-qm", "x"], check=True)
    with pytest.raises(CdconfError, match="outside"):
        list(_states(root, "inventories/dev"))
