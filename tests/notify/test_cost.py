"""A run of somebody who wants no notifications imports nothing for them; nor does `--help`."""

import json
import os
import subprocess
import sys

import pytest

SHOWN = """
import sys, json
sys.argv = ["cdconf", *sys.argv[1:]]
from cdconf.cli.main import run
try:
    run()
finally:
    found = [one for one in sys.modules if one.startswith(("cdconf.notify", "apprise", "sqlite3"))]
    sys.__stderr__.write("\\nmodules: " + json.dumps(sorted(found)))
"""


def imported(project, home, *arguments):
    variables = os.environ | {"HOME": str(home)}
    variables.pop("CDCONF_NOTIFY", None)
    command = [sys.executable, "-c", SHOWN, *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=variables, check=False)
    return json.loads(done.stderr.rpartition("modules: ")[2])


@pytest.fixture
def unreachable(project):
    hosts = "hosts: {web1: {address: 127.0.0.1, ssh: {port: 1}, groups: [web]}}"
    (project / "inventories/dev/hosts.yml").write_text(hosts)
    return project


@pytest.mark.parametrize("arguments", [["--help"], ["vars", "dev"], ["run", "dev", "--", "true"]])
def test_nothing_is_imported(unreachable, tmp_path_factory, arguments):
    assert imported(unreachable, tmp_path_factory.mktemp("home"), *arguments) == []


def test_a_run_never_imports_what_sends(unreachable, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    path = home / ".config/cdconf/notify.yml"
    path.parent.mkdir(parents=True)
    path.write_text("targets: {ops: {url: 'json://127.0.0.1:1/x'}}")
    path.chmod(0o600)
    found = imported(unreachable, home, "drift", "dev")
    assert "cdconf.notify.outbox" in found
    assert not [one for one in found if one.startswith("apprise") or one == "cdconf.notify.sender"]
