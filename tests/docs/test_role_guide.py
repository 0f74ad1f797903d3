"""The guide for who moves a role is a project: it compiles, and does on a real host what the guide says."""

import re
from pathlib import Path

import pytest

from cdconf.inventory import load_project
from cdconf.lint.project import lint
from tests.conftest import cdconf, write

TEXT = (Path(__file__).parents[2] / "docs/guides/migrate-a-role.md").read_text()
FILES = dict(re.findall(r"^```(?:yaml|jinja|python)\n# ([\w./]+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^\$ cdconf (.*)", TEXT, re.MULTILINE)


@pytest.fixture
def project(tmp_path):
    return write(tmp_path, FILES)


def test_the_guide_is_a_project_without_errors(project):
    assert len(FILES) == 5
    assert [str(error) for error in lint(load_project(project))] == []


@pytest.mark.hosts
def test_its_commands_do_what_the_guide_says(project):
    def on_host(line, status=0):
        done = cdconf(project, "run", "staging", "--", line)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    recaps = []
    try:
        for line in COMMANDS:
            done = cdconf(project, *line.split())
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            recaps.append(done.stdout + done.stderr)
            if line == "provision staging" and len(recaps) == 2:
                on_host("touch /usr/local/bin/open; chmod 777 /usr/local/bin/open")
                assert cdconf(project, "drift", "staging", "--applied").returncode == 2
                assert cdconf(project, "provision", "staging").returncode == 0
                assert on_host("stat -c %a /usr/local/bin/open").strip().endswith("755")
        assert "changed=0 failed=0" in recaps[2]
        assert "pam_motd" not in on_host("cat /etc/pam.d/sshd")
        assert "restart ssh" in recaps[1]
    finally:
        cdconf(project, "destroy", "staging", "--yes")
