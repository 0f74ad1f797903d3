"""A project that `cdconf init` writes provisions and deploys as it is."""

import json

import pytest

from tests.conftest import cdconf, git

pytestmark = pytest.mark.hosts


def test_a_new_project_provisions_and_deploys_as_it_is(tmp_path):
    root = tmp_path / "first-steps"

    def run(*arguments, code=0):
        result = cdconf(root, *arguments)
        assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    assert cdconf(tmp_path, "init", root.name).returncode == 0
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "A new project")
    assert git(root, "status", "--porcelain") == ""
    try:
        run("lint")
        run("provision", "staging")
        run("build", "hello")
        assert git(root, "status", "--porcelain") == ""
        run("deploy", "hello", "--to", "staging")
        again = run("provision", "staging").stdout
        assert [line.split()[2] for line in again.splitlines()] == ["changed=0", "changed=0"]
        run("smoke", "staging")
        status = json.loads(run("status", "staging", "--json").stdout)["status"]
        assert {host["apps"]["hello"]["linked"] for host in status.values()} != {None}
        said = json.loads(run("run", "staging", "--json", "--", "curl -fsS http://127.0.0.1:8000/").stdout)["output"]
        assert all(one["stdout"].startswith("Hello from staging from ") for one in said.values())
    finally:
        cdconf(root, "destroy", "staging", "--yes")
