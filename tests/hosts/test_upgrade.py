"""What older versions left is taken over whole: nothing is lost, nothing is done again.

`python -m tests.upgrade.record COMMIT` has recorded it, with that version's own code on a real host.
"""

import contextlib
import gzip
import io
import json
import subprocess
import tarfile

import pytest

from tests.history.postgresql import Server, programs
from tests.hosts.machines import Machines
from tests.prepared import prepared
from tests.upgrade.scene import ENVIRONMENT, FIXTURES, HOST, Scene, unpack

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(programs() is None, reason="there are no programs of PostgreSQL here"),
]
COMMITS = sorted(one.name for one in FIXTURES.iterdir())


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    one = Machines(tmp_path_factory.mktemp("upgrade"), [HOST])
    try:
        one.make()
        yield one
    finally:
        one.remove()


@pytest.fixture(params=COMMITS)
def left(machines, tmp_path, request):
    """The scene as the older version left it, and what it said of it."""
    place = FIXTURES / request.param
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(Server(programs()))
        sql = gzip.decompress((place / "database.sql.gz").read_bytes())
        psql = [programs() / "psql", "-qX", "-v", "ON_ERROR_STOP=1", database.url]
        subprocess.run(psql, input=sql, check=True, capture_output=True)
        with tarfile.open(fileobj=io.BytesIO((place / "checkout.tar.gz").read_bytes())) as archive:
            archive.extractall(tmp_path, filter="tar")
        known = {"CDCONF_DATABASE": database.url, "CDCONF_SIGNING_KEY": "", "CDCONF_TRUSTED_KEYS": ""}
        scene = Scene(tmp_path, machines, f"from-{request.param}", prepared().run, known)
        scene.reach()
        unpack(machines.container(HOST), (place / "host.tar.gz").read_bytes(), scene.name)
        yield scene, json.loads((place / "told.json").read_text())


def _of_both(now, then):
    """What this version says of what the older one could say, too."""
    return now | {"status": {name: value for name, value in now["status"].items() if name in then["status"]}}


def test_nothing_is_lost_and_nothing_is_done_again(left):
    scene, told = left
    assert _of_both(scene.told(), told) == told
    done = scene.document("provision", ENVIRONMENT)
    assert done["hosts"][HOST]["changed"] == 0, done
    scene("drift", ENVIRONMENT)
    assert _of_both(scene.told(), told)["status"] == told["status"]
    for label in told["artifacts"]:
        assert "signed by" in scene("artifact", "verify", label).stderr
    # Another agent made the plan, or it's of an older format: it's refused, in words.
    assert "hint: " in scene("provision", ENVIRONMENT, "--plan", "saved.plan", code=(1, 3)).stderr
    # What was verified there can be gone back to, and come back from; no migration of it runs again.
    before = scene.current()
    scene("rollback", ENVIRONMENT, "app")
    assert scene.current() != before
    last = scene.document("deploy", f"app@{before}", "--to", ENVIRONMENT)
    assert (scene.current(), last["exit_code"]) == (before, 0)
    assert scene.migrated() == told["migrated"]
    said = scene.document("environments")["environments"][ENVIRONMENT]["runs"]["app"]
    assert said["version"] == before, "although the older version's runs had no fencing numbers in the history"
    (first, second, *others) = scene.told()["history"]
    assert [first["command"], second["command"]] == ["deploy", "rollback"]
    known = {row["id"] for row in others}
    assert {row["id"] for row in told["history"]} <= known
    # A local history is the same one, out of the same journal.
    del scene.env["CDCONF_DATABASE"]
    assert {row["id"] for row in scene.told()["history"]} >= known
