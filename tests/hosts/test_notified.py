"""Runs on a real host tell people; a receiver that hangs keeps none of them waiting."""

import contextlib
import json
import os
import signal

import pytest

from tests.conftest import write
from tests.hostile.ground import Ground
from tests.month.run import Month
from tests.month.world import World
from tests.notify.receivers import receiver, senders, silent, until

pytest.importorskip("apprise")
pytestmark = pytest.mark.hosts  # root alone can give a host directories of its own
TOKEN = "secret-token-of-ops"


def settings(home, **targets):
    path = home / ".config/cdconf/notify.yml"
    write(home, {".config/cdconf/notify.yml": json.dumps({"targets": targets})})
    path.chmod(0o600)


@pytest.fixture
def ground(tmp_path):
    found = Ground(tmp_path)
    yield found
    for pid in senders(found.root / ".cdconf"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    found.close()


def build(ground, version):
    write(ground.root, {"content/version": f"{version}\n"})
    ground.commit()
    ground.must("build", "shop")


def test_deploy_and_drift_tell_people_and_wait_for_none(ground):
    own = ground.root / ".cdconf"
    with silent() as (port, held), receiver() as server:
        settings(
            ground.home,
            hangs={"url": f"json://127.0.0.1:{port}/{TOKEN}"},
            ops={"url": server.url(path=TOKEN), "environments": ["dev"]},
            other={"url": server.url(path="other"), "environments": ["production"]},
        )
        build(ground, 2)
        outputs = [ground.must("deploy", "shop", "--to", "dev")]
        # It has ended, and nobody has answered: the other end still holds the connection open.
        until(lambda: held)
        until(lambda: server.titles == ["shop: dev: released shop@2"])

        def waiting():
            outputs.append(ground.must("notify", "list", "--json"))
            return [(one["target"], one["kind"]) for one in json.loads(outputs[-1])["waiting"]]

        until(lambda: waiting() == [("hangs", "released")])
        outputs += [ground.must("notify", "list"), (own / "notify/sender.log").read_text()]
        host = ground.root.parent / "web1/srv/hostile-kernel"
        was = host.read_text()
        host.write_text("somebody was here\n")
        for _ in range(2):
            done = ground.run("drift", "dev")
            assert done.returncode == 2, done.stderr
            outputs += [done.stdout, done.stderr]
        until(lambda: len(server.titles) == 2)
        assert server.titles[1] == "shop: dev: drift on web1: file /srv/hostile-kernel"
        host.write_text(was)
        ground.must("drift", "dev")
        until(lambda: len(server.titles) == 3)
        assert server.titles[2] == "shop: dev: drift gone on web1: file /srv/hostile-kernel"
        assert {path for path, _ in server.received} == {f"/{TOKEN}"}
        assert not any(TOKEN in one for one in outputs)


def test_a_part_of_a_month(tmp_path):
    before = os.environ["HOME"]
    with receiver() as server:
        world = World(tmp_path, 2, server)
        try:
            month = Month(world, 8, 30, 3)
            month.run()
        finally:
            world.close()
            os.environ["HOME"] = before
    assert month.events > 4
