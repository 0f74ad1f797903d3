"""What the run can't do for the process that renders is told as it is, and isn't taken for that process's end."""

import errno
import os

import pytest

from cdconf.catalog.compiler import Compiler
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import SecretStore
from tests.conftest import write

FILES = {
    "cdconf.yml": "project: demo\ngroups: {web: [base]}\n",
    "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
    "roles/base/role.yml": "variables:\n  token: {secret: {generate: 16}}\n"
    'resources:\n  - file: /srv/x\n    content: "{{ token }}"\n    mode: "0600"\n    owner: root\n',
}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ENOTDIR, errno.EPIPE])
def test_a_secret_that_cannot_be_written_down_names_its_place(tmp_path, monkeypatch, number):
    project = load_project(write(tmp_path, FILES))
    place = str(tmp_path / ".cdconf/environments/dev")

    def generate(self, name, length):
        raise OSError(number, os.strerror(number), place)

    monkeypatch.setattr(SecretStore, "generate", generate)
    environment = load_environment(project, "dev")
    with pytest.raises(CdconfError) as caught:
        Compiler(project, environment).compile(environment.hosts["web1"], {})
    assert place in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert "by itself" not in str(caught.value)
