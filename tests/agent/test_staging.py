"""Chunks on their way to a release: any two trees, any loss, any interruption; what's wrong is refused."""

import hashlib
import json
import os
import random
import shutil
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfastcdc import FastCDC

from cdconf.agent.converge.apply import Stopped
from cdconf.agent.errors import Failed
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.records.store import HostStore
from cdconf.agent.release import chunks, tree
from cdconf.agent.release.releases import Releases
from cdconf.agent.release.staging import Staging
from cdconf.artifacts.chunk_lists import _list

LIMIT = settings(max_examples=60, deadline=None)


def cut(data):
    """A chunk list with small chunks, so that small contents have many."""
    cutter = FastCDC(256, min_size=64, max_size=1024)
    return b"".join(
        chunks.RECORD.pack(hashlib.sha256(one.data).digest(), one.length) for one in cutter.cut_buf(data) if one.length
    )


class Tree:
    """Files, what the controller knows of them, and the chunks by number."""

    def __init__(self, files, cutter=cut):
        self.files = files
        self.manifest = []
        self.lists = {}
        for path, data in sorted(files.items()):
            digest = hashlib.sha256(data).hexdigest()
            self.manifest.append({"path": path, "kind": "file", "mode": "0644", "sha256": digest, "size": len(data)})
            if len(data) > 1024:
                self.lists[digest] = cutter(data)
        folders = {str(parent) for path in files for parent in Path(path).parents} - {"."}
        self.manifest += [{"path": path, "kind": "directory", "mode": "0755"} for path in folders]
        self.manifest.sort(key=lambda one: one["path"])
        self.digest = tree.digest(self.manifest)
        table = chunks.table(self.manifest, self.lists)
        self.chunks = [files[places[0][0]][places[0][1] : places[0][1] + size] for size, places in table.values()]


class Host:
    """An app's directory on a host; `sent` are the chunks that it was sent last."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "srv"
        self.path.mkdir()
        self.ledger = Ledger(HostStore("demo", str(folder / "state")), "app")
        self.releases = Releases(str(self.path), self.ledger)
        self.sent = []

    def prepare(self, name, one):
        return self.releases.prepare(name, one.manifest, one.lists, lambda: None)

    def stage(self, name, one, spoil=lambda frames: frames, stop_after=None):
        staging = self.prepare(name, one)
        self.sent = [one.chunks[number] for number in staging.lacking] if staging else []
        frames = iter(spoil([chunks.pack(chunk, 6) for chunk in self.sent]))

        def receive():
            nonlocal stop_after
            if stop_after is not None:
                stop_after -= 1
            if stop_after == -1:
                raise Stopped("stopped")
            return next(frames)

        if staging is not None:
            self.releases.stage(staging, name, one.digest, receive)
        self.ledger.staged(name, "1", "archive", one.digest)

    def files(self, name):
        root = self.path / "releases" / name
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def names(self):
        folder = self.path / "releases"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


class Fresh:
    """A host in a directory of its own, for properties."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        return Host(Path(self.folder.name))

    def __exit__(self, *ignored):
        self.folder.cleanup()


noise = st.integers(0, 9).map(lambda seed: random.Random(seed).randbytes(3000))
content = st.one_of(st.binary(max_size=50), st.lists(st.one_of(noise, st.binary(max_size=9)), max_size=4).map(b"".join))
trees = st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/b", "d/e/f", "z"]), content, max_size=5).map(Tree)


@LIMIT
@given(trees, trees, trees)
def test_a_tree_told_as_a_difference_is_heard_whole_and_another_base_is_noticed(old, new, other):
    told = json.loads(json.dumps(chunks.tell(new.manifest, new.lists, old.manifest, old.lists), default=bytes.hex))
    for parts in told["lists"].values():
        parts[:] = [bytes.fromhex(part) if isinstance(part, str) else part for part in parts]
    heard = chunks.hear(told, old.manifest, old.lists)
    assert heard == (new.manifest, new.lists)
    try:
        manifest, lists = chunks.hear(told, other.manifest, other.lists)
    except ValueError:
        return
    same = tree.digest(manifest) == new.digest and chunks.digest(lists) == chunks.digest(new.lists)
    assert same == ((manifest, lists) == (new.manifest, new.lists))


@LIMIT
@given(trees, trees, st.data())
def test_whatever_happened_to_the_old_release_the_new_one_is_whole(old, new, data):
    with Fresh() as host:
        host.stage("1", old)
        for path in data.draw(st.lists(st.sampled_from(sorted(old.files)), unique=True)) if old.files else []:
            victim = host.path / "releases/1" / path
            what = data.draw(st.sampled_from(["remove", "cut", "flip", "other", "link"]))
            content = bytearray(victim.read_bytes())
            victim.unlink()
            if what == "cut":
                victim.write_bytes(content[: len(content) // 2])
            elif what == "flip" and content:
                content[data.draw(st.integers(0, len(content) - 1))] ^= 1
                victim.write_bytes(content)
            elif what == "other":
                victim.write_bytes(b"other")
            elif what == "link":
                victim.symlink_to("/dev/zero")
        host.stage("2", new)
        assert host.files("2") == new.files


@LIMIT
@given(trees, trees)
def test_only_chunks_that_no_release_here_has_are_sent_each_once(old, new):
    with Fresh() as host:
        host.stage("1", old)
        assert sorted(host.sent) == sorted(set(old.chunks))
        host.stage("2", new)
        assert sorted(host.sent) == sorted(set(new.chunks) - set(old.chunks))


@LIMIT
@given(trees, st.integers(0, 30))
def test_an_interrupted_push_goes_on_where_it_was(new, moment):
    with Fresh() as host:
        number = moment % (len(new.chunks) + 1)
        try:
            host.stage("1", new, stop_after=number)
        except Stopped:
            assert host.names() == [".staging-1"]
            got = host.sent[:number]
            host.stage("1", new)
            left = set(new.chunks) - set(got)
            assert not set(host.sent) & set(got)
            assert not any(map(any, left - set(host.sent)))  # zeros: a file's gaps are made of these
        assert host.files("1") == new.files
        assert host.names() == ["1"]


@LIMIT
@given(trees.filter(lambda one: one.chunks), st.data())
def test_a_damaged_frame_is_refused_and_nothing_is_left(new, data):
    def spoil(frames):
        victim = data.draw(st.integers(0, len(frames) - 1))
        frame = bytearray(frames[victim])
        frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        return [*frames[:victim], bytes(frame), *frames[victim + 1 :]]

    with Fresh() as host:
        try:
            host.stage("1", new, spoil=spoil)
        except Failed:
            assert host.names() == []
        else:  # bits of a zlib stream that carry nothing
            assert host.files("1") == new.files


def test_frames_that_are_not_the_release_are_refused(host):
    new = Tree({"a": b"x" * 3000})
    for frame, message in (
        (b"?xx", "is damaged"),
        (b"zxx", "is damaged"),
        (chunks.DEFLATED + zlib.compress(bytes(chunks.LARGEST + 1)), "holds more than"),
        (chunks.pack(new.chunks[0] + b"more", 6), "isn't what its digest says"),
        (chunks.pack(b"".join(new.chunks) + b"more", 6), "more was sent than the release lacks"),
    ):
        with pytest.raises(Failed, match=message):
            host.stage("1", new, spoil=lambda frames, frame=frame: [frame])
        assert host.names() == []


def test_chunk_lists_that_do_not_add_up_are_refused(host):
    new = Tree({"a": random.Random(1).randbytes(5000)})
    (name,) = new.lists
    huge = chunks.RECORD.pack(bytes(32), chunks.WHOLE + 1)
    for wrong in (new.lists[name][: -chunks.RECORD.size], new.lists[name] + huge, b""):
        new.lists[name] = wrong
        with pytest.raises(Failed, match="the chunks of 'a' don't add up to it"):
            host.prepare("1", new)
    assert host.names() == []


def test_a_file_too_large_for_one_chunk_needs_a_list(host):
    new = Tree({"a": bytes(chunks.WHOLE)})
    new.lists.clear()
    assert len(host.prepare("1", new).lacking) == 1
    new.manifest[0]["size"] += 1
    with pytest.raises(Failed, match="don't add up"):
        host.prepare("1", new)


def test_an_insertion_in_the_middle_moves_little(host, tmp_path):
    def listed(data):
        (tmp_path / "content").write_bytes(data)
        return _list(tmp_path / "content")

    data = random.Random(1).randbytes(3_000_000)
    host.stage("1", Tree({"a": data}, cutter=listed))
    host.stage("2", Tree({"a": data[:1_500_000] + b"one line more\n" + data[1_500_000:]}, cutter=listed))
    assert sum(map(len, host.sent)) < 3 * chunks.WHOLE
    host.stage("3", Tree({"moved": data[1_000_000:] + data[:1_000_000]}, cutter=listed))
    assert sum(map(len, host.sent)) < 6 * chunks.WHOLE


def test_releases_staged_before_there_were_chunk_lists_give_whole_files(host):
    data = {name: random.Random(name).randbytes(5000) for name in "ab"}
    host.stage("1", Tree(data))
    (host.folder / "state/chunks-app-1.json").unlink()
    new = Tree({"a": data["a"], "b": data["b"] + b"!"})
    host.stage("2", new)
    assert b"".join(host.sent) == new.files["b"]
    assert host.files("2") == new.files


@pytest.mark.parametrize("record", ["[1]", '{"x": 3}', "{", '{"KEY": "text"}'])
def test_damaged_chunk_lists_cost_bandwidth_and_nothing_else(host, record):
    old = Tree({"a": random.Random(1).randbytes(5000)})
    host.stage("1", old)
    (host.folder / "state/chunks-app-1.json").write_text(record.replace("KEY", next(iter(old.lists))))
    new = Tree({"a": old.files["a"] + b"!"})
    host.stage("2", new)
    assert host.files("2") == new.files


def test_a_link_in_what_an_interrupted_push_left_leads_no_write_elsewhere(host):
    precious = host.folder / "precious"
    precious.mkdir()
    (precious / "b").write_bytes(b"old")
    new = Tree({"a": b"new", "d/b": b"new too"})
    with pytest.raises(Stopped):
        host.stage("1", new, stop_after=0)
    kept = host.path / "releases/.staging-1"
    (kept / "a").unlink()
    (kept / "a").symlink_to(precious / "b")
    shutil.rmtree(kept / "d")
    (kept / "d").symlink_to(precious)
    os.mkfifo(kept / "pipe")
    (kept / "more").mkdir()
    (kept / "more/file").write_bytes(b"x")
    (kept / "z").mkdir()
    host.stage("1", new)
    assert host.files("1") == new.files
    assert (precious / "b").read_bytes() == b"old"


def test_another_push_removes_what_an_interrupted_one_left(host):
    with pytest.raises(Stopped):
        host.stage("1", Tree({"a": b"one", "b": b"two"}), stop_after=1)
    host.stage("2", Tree({"a": b"one"}))
    assert host.names() == ["2"]


def test_a_directory_that_somebody_puts_there_each_time_is_never_filled(tmp_path, monkeypatch):
    """It's removed since it isn't the agent's own; what stands there next isn't taken for what the agent makes."""
    root, made = tmp_path / "releases/.staging-1", []

    def plant(path):
        shutil.rmtree(path, ignore_errors=True)
        root.mkdir(parents=True)
        os.chown(root, 4001, 4001)
        made.append(path)

    plant(root)
    monkeypatch.setattr("cdconf.agent.release.staging.files.remove_tree", plant)
    wanted = Tree({"file": b"x"})
    staging = Staging(str(root), wanted.manifest, wanted.lists)
    with pytest.raises(Failed, match="was replaced while it was made"):
        staging.fill(lambda contents, pieces: ({}, {}), lambda: None)
    assert len(made) == 3
    assert list(root.iterdir()) == []


def test_a_directory_that_was_exchanged_before_the_rest_came_is_never_filled(tmp_path):
    root = tmp_path / "releases/.staging-1"
    wanted = Tree({"file": b"x" * 100})
    staging = Staging(str(root), wanted.manifest, wanted.lists)
    staging.fill(lambda contents, pieces: ({}, {}), lambda: None)
    root.rename(tmp_path / "aside")
    root.mkdir()
    (root / "file").write_bytes(b"old")
    os.chown(root, 4001, 4001)
    with pytest.raises(Failed, match="was changed while it was staged"):
        staging.receive(lambda: b"?" + b"x" * 100)
    assert (root / "file").read_bytes() == b"old"
