"""Pushes through real sessions to real agents over pipes: how much travels, what's found again, what's refused."""

import contextlib
import random
import tarfile
import threading
import time

import pytest

from cdconf.agent.release import chunks
from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.chunk_lists import Cuts
from cdconf.deploy.push import Push, SharedFrames
from cdconf.errors import ArtifactError, LeaseHeld, Unreachable
from cdconf.inventory import load_project
from cdconf.session.session import AgentError
from tests.agent.private import PrivateAgent, find

SIZE = 2_000_000


class World:
    """A project with an artifact store, and a host."""

    def __init__(self, root, agent):
        self.root = root
        self.agent = agent
        self.project = load_project(root)
        self.path = root / "srv"
        self.path.mkdir()
        self.app = {"name": "app", "path": str(self.path), "services": []}
        self.moved = 0
        self.lacked = None

    def add(self, version, **files):
        """Takes in an artifact with these files."""
        folder = self.root / "in" / version
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        with tarfile.open(self.root / f"{version}.tar", "w") as archive:
            archive.add(folder, ".")
        return ArtifactStore(self.project).add(
            "app",
            version,
            self.root / f"{version}.tar",
            commit=None,
            commit_time=None,
            built_at=0.0,
            duration_s=0.0,
            builder="test",
            dirty=False,
        )

    def push(self, artifact, stop_after=None, before=lambda push: None):
        """Pushes; `moved` are the bytes both ways, `lacked` what the host lacked."""
        session = self.agent.open()
        about = {"owner": "me", "reason": "test", "ttl": 30, "environment": "dev", "host": "here"}
        session.call("lease.take", run=artifact.version, **about)
        transport = Counting(session._transport, stop_after)
        session._transport = transport
        try:
            push = Push(self.project, artifact, ArtifactStore(self.project).manifest(artifact))
            before(push)
            push.to(session, self.app, artifact.release, lambda size: setattr(self, "lacked", size))
            session.call("lease.give_back")
        finally:
            self.moved = transport.moved
            session.close()

    def has(self, artifact, **files):
        root = self.path / "releases" / artifact.release
        return {path.name: path.read_bytes() for path in root.iterdir()} == files


class Counting:
    """A transport that counts, and breaks after so many large frames."""

    def __init__(self, transport, stop_after):
        self.transport = transport
        self.stop_after = stop_after
        self.moved = 0

    def write(self, data):
        if len(data) > chunks.BLOCK // 2 and self.stop_after is not None:
            self.stop_after -= 1
            if self.stop_after < 0:
                self.transport.close()
        self.moved += len(data)
        self.transport.write(data)

    def read(self, limit, timeout):
        data = self.transport.read(limit, timeout)
        self.moved += len(data)
        return data

    def __getattr__(self, name):
        return getattr(self.transport, name)


@pytest.fixture(params=["3.6", "3.13"])
def world(request, tmp_path):
    (tmp_path / "cdconf.yml").write_text(
        "project: demo\ngroups: {web: []}\napps: {app: {groups: [web], path: /srv/app, build: x, artifact: '*.tar'}}\n"
    )
    agents = tmp_path / "agents"
    agents.mkdir()
    return World(tmp_path, PrivateAgent(find(request.param), agents))


@pytest.fixture
def pair(world):
    """Two versions that differ by an insertion in the middle, and the files of the second."""
    data = random.Random(1).randbytes(SIZE)
    old = {"data": data, "same": b"same\n" * 100_000, "small": b"x"}
    new = {**old, "data": data[: SIZE // 2] + b"one line more\n" + data[SIZE // 2 :]}
    return world.add("1", **old), world.add("2", **new), new


def test_one_line_more_moves_little(world, pair):
    first, second, files = pair
    world.push(first)
    assert SIZE < world.moved < SIZE * 1.05
    world.push(second)
    assert world.has(second, **files)
    assert 0 < world.lacked <= 2 * chunks.WHOLE
    assert world.moved < world.lacked + 4_000
    world.push(second)
    assert world.moved < 2_000


def test_another_checkout_that_never_pushed_the_old_release_tells_the_whole_list_and_sends_as_little(world, pair):
    first, second, files = pair
    world.push(first)
    for path in (world.project.data / "cuts").iterdir():
        path.unlink()
    world.push(second)
    assert world.has(second, **files)
    assert world.lacked <= 2 * chunks.WHOLE


@pytest.mark.parametrize("damage", ["the host's lists", "the host's manifest", "ours", "ours, unreadable"])
def test_a_base_that_one_side_has_damaged_is_not_built_upon(world, pair, damage):
    first, second, files = pair
    world.push(first)
    ours = world.project.data / f"cuts/{first.tree}.json"
    if damage == "ours":
        cut = Cuts(world.project).known(first.tree)
        swapped = {name: bytes(reversed(packed)) for name, packed in cut.lists.items()}
        Cuts(world.project)._remember(first.tree, type(cut)(cut.manifest, swapped))
    elif damage == "ours, unreadable":
        ours.write_text("{")
    else:
        kind = "chunks" if "lists" in damage else "manifest"
        (world.agent.data / f"demo/{kind}-app-{first.release}.json").unlink()
    world.push(second)
    assert world.has(second, **files)


def test_a_push_that_is_cut_off_goes_on_where_it_was(world, pair):
    first, _, _ = pair
    with pytest.raises(Unreachable):
        world.push(first, stop_after=5)
    (kept,) = (world.path / "releases").iterdir()
    assert kept.name.startswith(".staging-")
    for _ in range(100):  # the agent that was left alone ends by itself
        with contextlib.suppress(LeaseHeld):
            world.push(first)
            break
        time.sleep(0.1)
    assert SIZE - 6 * chunks.LARGEST <= world.lacked <= SIZE - 3 * chunks.BLOCK
    assert [path.name for path in (world.path / "releases").iterdir()] == [first.release]


def test_a_store_that_is_changed_while_it_is_pushed_is_noticed(world, pair):
    first, _, _ = pair
    data = ArtifactStore(world.project).tree(first) / "data"

    def spoil(push):
        push._begin()
        content = data.read_bytes()
        data.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(AgentError, match="a part of 'data' isn't what its digest says"):
        world.push(first, before=spoil)
    assert list((world.path / "releases").iterdir()) == []

    def shorten(push):
        push._begin()
        data.write_bytes(data.read_bytes()[:-1])

    with pytest.raises(ArtifactError, match="'data' was changed while it was pushed"):
        world.push(first, before=shorten)


def test_the_memory_of_cuts_is_bounded(world, monkeypatch):
    monkeypatch.setattr("cdconf.artifacts.chunk_lists._KEPT", 2)
    for number in range(4):
        Cuts(world.project).cut(str(number), [], world.root)
    assert len(list((world.project.data / "cuts").glob("*.json"))) == 2


def test_hosts_share_frames_within_a_bound():
    made = []

    def make(numbers, level):
        made.append(numbers)
        time.sleep(0.01)
        return bytes(100)

    frames = SharedFrames(make, limit=1000)
    threads = [threading.Thread(target=lambda: [frames.get((n,), 1) for n in range(8)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(made) == [(n,) for n in range(8)]
    for number in range(100):
        frames.get((number,), 1)
    assert sum(len(one.result()) for one in frames._made.values()) <= 1000
    assert frames._size == sum(len(one.result()) for one in frames._made.values())
    frames.get((99,), 1)
    assert made.count((99,)) == 1


def test_a_frame_that_could_not_be_made_is_tried_again():
    answers = iter([ArtifactError("gone"), b"frame"])

    def make(numbers, level):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    frames = SharedFrames(make)
    with pytest.raises(ArtifactError):
        frames.get((1,), 1)
    assert frames.get((1,), 1) == b"frame"
