"""A run that was killed between a green deployment and its statement: the next one says it, and deploys nothing."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import cdconf, git
from tests.hosts.live import eventually

pytestmark = pytest.mark.hosts
# cdconf, which hangs just before it says that the stage is passed.
HANGS = """
import sys, time
from cdconf.promotion import stage_run

def hang(*about):
    print("about to say it", file=sys.stderr, flush=True)
    time.sleep(600)

stage_run.say = hang
from cdconf.cli import main
main()
"""
STAGES = "pipeline:\n  - {stage: manual, environment: dev}\n"


@pytest.fixture
def staged(live, tmp_path, monkeypatch):
    """The project with a stage, whose key is in a home of its own; as it was before, at the end."""
    for name in ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR", "CDCONF_ISOLATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    config = live.root / "cdconf.yml"
    before = config.read_text()
    live("key", "new", "--office", "stage:manual")
    config.write_text(before + STAGES)
    yield live
    config.write_text(before)
    git(live.root, "commit", "-qam", "no stage")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_what_a_run_could_not_say_is_said_by_the_next_one_which_deploys_nothing(staged, ending):
    staged.commit(note=f"{ending}\n")
    command = [sys.executable, "-c", HANGS, "deploy", "app", "--to", "dev", "--stage", "manual"]
    with subprocess.Popen(command, cwd=staged.root, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as run:
        assert any("about to say it" in line for line in run.stderr), run.wait()
        run.send_signal(ending)
        run.stderr.read()
    assert run.returncode == (-9 if ending == signal.SIGKILL else 130)
    before = {host: staged.on(host, "systemctl show -p MainPID --value app") for host in ("web1", "web2")}
    done = eventually(lambda: deployed(staged), 30)
    assert done["hosts_touched"] == []
    assert done["statement"].startswith("statement-")
    assert {host: staged.on(host, "systemctl show -p MainPID --value app") for host in ("web1", "web2")} == before
    said = json.loads(next(staged.root.rglob(done["statement"])).read_text())
    assert said["signatures"]
    assert "statement" not in deployed(staged, stage=False), "it's said once"


def deployed(staged, *, stage=True):
    """What `deploy` says; None while the dead run's lease still holds."""
    arguments = ["deploy", "app", "--to", "dev", "--json", *(["--stage", "manual"] if stage else [])]
    done = cdconf(staged.root, *arguments)
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout) if done.returncode == 0 else None
