"""Two deployments that begin together from two clones: one runs, the other is told who holds the hosts, and exits 3."""

import concurrent.futures
import random
import shutil
import subprocess
import time

import pytest

from tests.conftest import begun, git
from tests.hosts.test_main_job import deployed
from tests.whole import rounds

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]

STARTS = rounds(3, 10)
LATEST = 1.5  # seconds between the two starts
ENDED = "/run/one-has-ended"
# However fast a machine is, the one that runs is still at work when the other asks for the hosts.
SMOKE = f"""
import time
def test_it_waits_until_the_other_has_ended(host):
    last = time.monotonic() + 60
    while not host.file("{ENDED}").exists and time.monotonic() < last:
        time.sleep(0.05)
"""


@pytest.fixture
def clone(live, tmp_path):
    """A clone in git of the project, which knows the hosts' addresses and the artifacts."""
    other = tmp_path / "clone"
    git(live.root, "clone", "-q", str(live.root), str(other))
    (other / ".cdconf").mkdir()
    for name in ("checkout", "environments", "artifacts"):
        source = live.root / ".cdconf" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, other / ".cdconf" / name)
    return other


def started(root, version, after):
    time.sleep(after)
    arguments = ("deploy", f"app@{version}", "--to", "dev")
    return begun(root, *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ended_by_turns(live, both):
    """What two deployments say; the one that runs goes on when the other has ended."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        texts = [pool.submit(one.communicate, timeout=120) for one in both]
        concurrent.futures.wait(texts, return_when=concurrent.futures.FIRST_COMPLETED)
        for host in ("web1", "web2"):
            live.on(host, f"touch {ENDED}")
        said = [text.result()[0] for text in texts]
    for host in ("web1", "web2"):
        live.on(host, f"rm {ENDED}")
    return said


def test_of_two_deployments_that_begin_together_exactly_one_runs_every_time(live, deployed, request):
    smoke = "roles/app/smoke/test_waits.py"
    versions = [live.commit(**{"note": f"{number} {time.time_ns()}", smoke: SMOKE}) for number in range(2)]
    request.addfinalizer((live.root / smoke).unlink)  # the next commit is without it
    clone = request.getfixturevalue("clone")  # now, so that it has both artifacts
    chance = random.Random(4)
    offsets = [0.0, 0.0, *(chance.uniform(0, LATEST) for _ in range(STARTS - 2))]
    for number, offset in enumerate(offsets):
        version = versions[number % 2]
        first, second = (live.root, clone) if chance.random() < 0.5 else (clone, live.root)
        both = [started(first, version, 0), started(second, version, offset)]
        said = ended_by_turns(live, both)
        codes = [one.returncode for one in both]
        about = f"start {number}, {offset:.2f} s apart, exited with {codes}\n{said[0]}\n---\n{said[1]}"
        assert sorted(codes) == [0, 3], about
        loser = said[codes.index(3)]
        assert "held by" in loser, about
        assert f"deploy app@{version}" in loser, about
        assert "rolled back" not in said[0] + said[1], about
        assert live.served() == {"web1": version, "web2": version}, about
        assert not any(live.document("lock", "status", "dev")["leases"].values()), about
