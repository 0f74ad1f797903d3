"""Deployments under constant load through the load balancer: no request is lost, and none is served twice."""

import collections
import contextlib
import signal
import textwrap
import time

import pytest

from tests.chaos.files import SERVE
from tests.chaos.lane import Lane
from tests.chaos.load import Load
from tests.chaos.world import World
from tests.whole import rounds

pytestmark = pytest.mark.hosts

PAUSE = rounds(0.1, 0.02)  # seconds between an answer and the next request of a client
TWICE = [(method, kept) for method in ("GET", "POST") for kept in (False, True)] * 2


@pytest.fixture(scope="module")
def world():
    """A load balancer and three web hosts, with a release that runs."""
    with World(3, 8, batches="1, 50%, 100%", wait=1) as one:
        version = one.pack()
        assert one.deploy(version).returncode == 0
        one.first = version
        yield one


@pytest.fixture
def load(world):
    with Load(lambda: world.balancer, pause=PAUSE, kinds=TWICE) as one:
        one.after = lambda requests: wait_for(one, requests)
        one.after(40)
        yield one


def wait_for(load, requests):
    """Lets this many more requests be answered; returns what was counted of them."""
    before, deadline = load.counted(), time.monotonic() + 30
    while (counted := load.counted().since(before)).requests < requests:
        assert time.monotonic() < deadline, "there is no load"
        time.sleep(0.05)
    return counted


def nothing_is_lost(world, load):
    """No request was lost, and every POST was served exactly once."""
    counted = load.counted()
    assert counted.lost == [], "\n".join(map(str, counted.lost[:20]))
    served = collections.Counter(world.posts())
    assert [number for number in counted.posted if served[number] != 1] == []
    return counted


@pytest.fixture
def fresh(world):
    """Hosts that have noted no POST yet, since every load counts from 0."""
    for host in world.hosts:
        world.on(host, "rm", "-f", "/var/lib/app/posts")


@contextlib.contextmanager
def trap(world):
    """A smoke test that no release passes on the last batch."""
    path = world.root / "roles/app/smoke/test_trap.py"
    path.write_text("def test_trap(host):\n    assert host.check_output('hostname') != 'web3'\n")
    try:
        yield
    finally:
        path.unlink()


def test_a_deployment_loses_no_request(world, fresh, load):
    (old,) = load.counted().answers
    version = world.pack()
    result = world.deploy(version)
    assert result.returncode == 0, result.stderr
    assert set(load.after(200).answers) == {version}, "only the new version in the end"
    counted = nothing_is_lost(world, load)
    assert set(counted.answers) == {old, version}
    assert min(counted.answers.values()) > 100
    assert len(counted.posted) > 100


def test_a_rollback_loses_no_request(world, fresh, load):
    (new,) = load.counted().answers
    result = world.must("rollback", "dev", "app")
    assert "rolled back" not in result.stdout
    counted = nothing_is_lost(world, load)
    assert set(load.after(200).answers) == set(counted.answers) - {new}


def test_a_release_that_fails_its_smoke_tests_costs_no_request(world, fresh, load):
    """It's well by its health check, and its smoke tests find it wanting on the last batch."""
    (old,) = load.counted().answers
    version = world.pack()
    with trap(world):
        result = world.deploy(version)
    assert result.returncode == 1
    assert "every touched host was rolled back" in result.stderr
    assert set(load.after(200).answers) == {old}
    nothing_is_lost(world, load)


def test_an_app_that_dies_at_once_loses_no_request_since_its_hosts_are_drained_before(world, fresh):
    """Its answers take a while, too, so that some are always in hand; neither forth nor back loses one of them."""
    crude = textwrap.dedent(SERVE).lstrip().replace("signal.signal(", "# signal.signal(")
    crude = crude.replace("self.answer(version())", "time.sleep(0.2); self.answer(version())")
    crude = crude.replace("import http.server, ", "import http.server, time, ")
    assert ("# signal.signal(signal.SIGTERM" in crude, crude.count("time.sleep(0.2); self")) == (True, 2)
    first, second, third = (world.pack(**{"serve.py": crude}) for _ in range(3))
    assert world.deploy(first).returncode == 0
    with Load(lambda: world.balancer, pause=PAUSE, kinds=TWICE) as load:
        wait_for(load, 40)
        result = world.deploy(second)
        assert result.returncode == 0, result.stderr
        assert set(wait_for(load, 40).answers) == {second}
        assert set(nothing_is_lost(world, load).answers) == {first, second}
        with trap(world):
            assert world.deploy(third).returncode == 1
        assert set(wait_for(load, 40).answers) == {second}
        assert set(nothing_is_lost(world, load).answers) == {first, second, third}
    graceful = world.pack()
    assert world.deploy(graceful).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_controller_that_ends_half_way_costs_no_request(world, fresh, load, number):
    (old,) = load.counted().answers
    version = world.pack()
    killed(world, version, "batch 2 of 3: health", number)
    Lane(1, world, load)._settled()
    assert set(world.all_served().values()) == {old}
    counted = nothing_is_lost(world, load)
    assert version in counted.answers, "some were served by the release that didn't stay"


def test_a_controller_that_dies_while_all_but_one_host_are_drained_costs_no_request(world, fresh, load):
    """The last host that serves mustn't go back while the others, which have, are still out of use."""
    file = world.root / "cdconf.yml"
    text = file.read_text()
    (old,) = load.counted().answers
    try:
        file.write_text(text.replace("[1, 50%, 100%]", "[1, 100%]"))
        killed(world, world.pack(), "batch 2 of 2: health", signal.SIGKILL)
    finally:
        file.write_text(text)
    Lane(1, world, load)._settled()
    assert set(world.all_served().values()) == {old}
    assert set(load.after(100).answers) == {old}
    nothing_is_lost(world, load)


def killed(world, version, when, number):
    """Begins a deployment, and sends it a signal when it says `when`."""
    said = world.root / ".cdconf/struck.log"
    with said.open("w+") as log:
        process = world.deploying(version, log)
        deadline = time.monotonic() + 120
        while when not in said.read_text():
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        process.wait(timeout=60)
