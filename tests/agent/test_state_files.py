"""Files of a host's state that are damaged: every call tells which one and what to do, and nothing is a bug.

A whole host is made, with every file that cdconf keeps there; then each value of each file is replaced by wrong ones.
"""

import copy
import hashlib
import io
import json
import os
import re
from pathlib import Path

import pytest

import cdconf.agent
from cdconf.agent import wire
from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import Lease, boot_id
from cdconf.agent.protocol import loop
from cdconf.agent.records import formats
from cdconf.agent.records import store as state
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.release import chunks, tree
from cdconf.agent.release.releases import Releases
from cdconf.agent.switch import switch
from cdconf.agent.switch.drain_watch import DrainWatch
from cdconf.agent.switch.drains import HostDrains
from cdconf.agent.switch.switch import Switch
from cdconf.agent.switch.watch import ActivationWatch
from cdconf.agent.system import in_use
from tests.agent.private import catalog, resource
from tests.rounds import rounds

TAKE = {"run": "r1", "owner": "me", "reason": "test", "ttl": 600, "environment": "dev", "host": "web1"}
FILES = (
    "identity.json",
    "lease.json",
    "key.json",
    "applied.json",
    "pending.json",
    "provisions.json",
    "ledger.json",
    "toggles.json",
    "migrations.json",
    "switch-app.json",
    "drain-app.json",
    "manifest-app-1.json",
    "chunks-app-1.json",
)
TOLERATED = ("manifest-app-1.json", "chunks-app-1.json")  # the release is sent again then
WHOLE = {
    "list": b"[]",
    "full list": b"[[5]]",
    "object": b'{"a": 5}',
    "object of objects": b'{"a": {}, "app": {}}',
    "number": b"5",
    "text": b'"x"',
    "null": b"null",
    "true": b"true",
    "infinite": b"1e999",
    "empty": b"",
    "binary": bytes(range(256)),
    "deep": b"[" * 100000 + b"]" * 100000,
    "deep object": b'{"a":' * 100000 + b"1" + b"}" * 100000,
    "bad base64": b'{"$b64": "\xc3\xbc"}',
    "base64 of a number": b'{"$b64": 5}',
    "bytes": b'{"$b64": "YQ=="}',
    "long number": b"1" * 5000,
}
WRONG = (None, True, 5, -1.5, float("inf"), float("nan"), "", "x", "../../x", "a\0b", "\ud800", [], {}, [5], {"a": 5})


class Host:
    """A host on which everything that can be remembered is, and a session that holds it."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)
        monkeypatch.setattr(loop.Agent, "watch_lease", lambda self: None)
        monkeypatch.setattr(switch, "check", lambda: None)
        monkeypatch.setattr(Switch, "_install", lambda self, app: None)
        monkeypatch.setattr(switch, "run", lambda *words, **keywords: None)
        monkeypatch.setattr(switch.app_services, "systemctl", lambda *words: None)
        monkeypatch.setattr(in_use, "names", lambda *words: set())  # it looks at every process of this machine
        monkeypatch.setattr(state, "root", lambda: str(folder / "state"))
        self.folder, self.state = folder, folder / "state/demo"
        self.app = {
            "name": "app",
            "path": str(folder / "srv"),
            "services": [],
            "keep": 5,
            "user": None,
            "shared": {"directories": ["data"], "files": []},
            "toggles": {"path": str(folder / "toggles.json"), "values": {"new": True}, "reload": False},
        }
        self.drain = {"app": "app", "command": "true", "undrain": "true", "timeout": 5}
        self.catalog = self._catalog()
        self.agent = self.session()
        self.make()

    def _catalog(self):
        handler = {"handlers": {"tell": resource("command", "true", command="true", timeout=5)}}
        files = [resource("link", str(self.folder / name), path=str(self.folder / name), target="x") for name in "ab"]
        return dict(catalog(*files, **handler), project="demo", environment="dev", host="web1")

    def session(self):
        return loop.Agent(io.BytesIO(), io.BytesIO())

    def call(self, name, **arguments):
        """The answer to a call; it must be one that can be sent."""
        answer = self.agent._answer({"id": 1, "call": name, "args": arguments})
        wire.pack(answer)
        return answer

    def well(self, name, **arguments):
        answer = self.call(name, **arguments)
        assert "result" in answer, answer
        return answer["result"]

    def make(self):
        self.well("open", project="demo")
        self.well("lease.take", **TAKE, seal=hashlib.sha256(b"s").hexdigest())
        self.well("plan", catalog=self.catalog)
        self.well("converge", catalog=self.catalog, check=False, digest="c1")
        manifest = [
            {"path": "a", "kind": "file", "mode": "0644", "sha256": hashlib.sha256(b"1").hexdigest(), "size": 1}
        ]
        store = self.agent.store
        ledger = Ledger(store, "app", self.agent.lease.by())
        releases = Releases(self.app["path"], ledger)
        for name in "12":
            staging = releases.prepare(name, manifest, {"c": b"\0" * 36}, lambda: None)
            releases.stage(staging, name, tree.digest(manifest), lambda: chunks.pack(b"1", 6))
            ledger.staged(name, name, "archive" + name, tree.digest(manifest), ["data"])
            self.well("app.activate", app=self.app, release=name, within=20 if name == "2" else None)
            if name == "1":
                self.well("app.confirm", app=self.app, release=name, keep=5)
        ledger = Ledger(store, "app", self.agent.lease.by())
        ledger.pin("archive9", "9", "it hung")
        ledger.page["events"] = [one for one in ledger.page["events"] if one["event"] == "staged"]
        ledger.page["reverted"] = {"release": "9", "to": "1", "run": "r0", "at": 1, "problem": None}
        ledger.save()
        self.well("toggles.try_out", app=self.app, toggle="new", on=False)
        self.well("drain.begin", drain=self.drain, hosts=[{"name": "web2", "address": "10.0.0.2"}], within=20)
        self.well("migrations.learn", app=self.app, entries=[self.migration()])
        store.write("pending.json", [dict(self.catalog["handlers"]["tell"], rebooting_from="b0")])
        lease = store.read("lease.json")
        lease["inner"] = [dict(lease, run="inner", seal=None, inner=[])]
        store.write("lease.json", lease)

    def migration(self):
        about = {"phase": "expand", "tree": "t", "release": "1", "version": "1", "number": 1, "order": 1}
        about |= {"command": "true", "host": "web1", "run": "r0", "forgotten": [], "status": 0}
        return {**about, "state": "done", "began": 1, "ended": 2}

    def every_call(self):
        """(name, arguments) of all that a controller may ask, the harmless ones first."""
        app, drain = {"app": self.app}, {"drain": self.drain}
        look = {"catalog": self.catalog}
        yield "open", {"project": "demo"}
        yield "converge", {**look, "check": True}
        yield "converge", {"catalog": {**self.catalog, "resources": []}, "check": True, "prune": True}
        yield "plan", look
        yield "portray", {**look, "key": "00" * 32, "portrayed": {}}
        yield "history", {}
        yield "app.status", app
        yield "app.changes", app
        need = {"need_bytes": 1, "need_files": 1}
        yield "app.preflight", {**app, "release": "1", "tree": "t", **need}
        told = {"base": "1", "gone": [], "entries": [], "lists": {}}
        yield "app.prepare", {**app, "release": "3", "tree": "t", "lists": chunks.digest({}), "told": told}
        yield "app.holds", {**app, "release": "2"}
        yield "app.adopt", {**app, "release": "2", "within": 20}
        yield "drain.status", {"app": "app"}
        yield "drain.holds", {"app": "app", "names": ["web2"]}
        yield "toggles.look", app
        yield "migrations.memory", app
        yield "migrations.learn", {**app, "entries": [self.migration()]}
        yield "lease.check", {}
        yield "app.share", {**app, "release": "1"}
        yield "app.pin", {**app, "archive": "archive8", "version": "8", "reason": "it hung"}
        yield "app.unpin", {**app, "archive": "archive9"}
        yield "app.confirm", {**app, "release": "2", "keep": 1}
        yield "app.roll_back", app
        yield "app.activate", {**app, "release": "2", "within": 20}
        yield "toggles.settle", app
        yield "toggles.put_back", app
        yield "toggles.put", app
        yield "toggles.try_out", {**app, "toggle": "new", "on": True}
        yield "drain.end", drain
        yield "migrations.give_up", {**app, "releases": ["1"]}
        migration = {**self.migration(), "command": "true"}
        yield "migrations.run", {**app, "entry": migration, "user": None, "env_file": None, "within": 5}
        yield "migrations.forget", app
        yield "converge", {**look, "check": False, "digest": "c1"}
        yield "converge", {"catalog": {**self.catalog, "resources": []}, "check": False, "prune": True, "digest": "c2"}
        yield "lease.give_back", {}
        yield "lease.take", TAKE
        yield "lease.join", {**TAKE, "outer": "r1", "secret": "s", "run": "r2", "seal": None}
        yield "lease.force", {}

    def watch(self, kind):
        """What the host's own switch says; it must end, or wait, without a traceback."""
        watch, armed = (ActivationWatch, Switch) if kind == "switch" else (DrainWatch, HostDrains)
        rounds = []

        def sleep(seconds):
            rounds.append(seconds)
            if len(rounds) > 3:
                raise TimeoutError

        store = state.HostStore("demo")
        lease = Lease(store, clock=lambda: 1e12)  # long after everybody's last beat
        one = watch(store, "app", armed(store, "app", clock=lambda: 1e12), lease, sleep)
        try:
            one.run()
        except (Failed, OSError, TimeoutError) as error:
            return error
        finally:
            if lease._work is not None:
                lease._work.close()
        return None


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A host, its session, and what its files hold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switch, "boot_id", boot_id)
        host = Host(tmp_path_factory.mktemp("host"), patch)
        saved = {path: path.read_bytes() for path in host.state.iterdir() if path.suffix == ".json"}
        release = {name: (host.folder / "srv/releases" / name).is_dir() for name in "12"}
        assert release == {"1": True, "2": True}
        yield host, saved
        if host.agent.lease._work is not None:
            host.agent.lease._work.close()


def restore(host, saved):
    """All files as they were, and a session that has held the host since."""
    for path in host.state.glob("*.json"):
        path.unlink()
    for path, data in saved.items():
        path.write_bytes(data)
    host.folder.joinpath("toggles.json").write_text('{"new": false}\n')
    old = host.agent
    host.agent = host.session()
    host.well("open", project="demo")
    host.agent.lease = old.lease
    lease = json.loads(saved[host.state / "lease.json"])
    host.agent.lease.run, host.agent.lease.fence = lease["run"], lease["fence"]


def damage(host, saved, file, data):
    """The messages of all calls to a host with a damaged file; none may be a bug, each says what to do."""
    restore(host, saved)
    lease = host.agent.lease
    (host.state / file).write_bytes(data)
    told = []
    for name, arguments in host.every_call():
        held = host.agent.lease
        answer = host.call(name, **arguments)
        if name == "open":
            host.agent.lease = held
        error = answer.get("error")
        if error is None:
            continue
        assert error["kind"] != "bug", (name, file, data[:200], error["output"])
        assert "bug in this" not in error["message"], (name, file, data[:200], error)
        if error["kind"] == "damaged":
            assert str(host.state / file) in error["message"], (name, error)
            assert error["details"]["hint"], error
            told.append((name, error["message"]))
    for one in {id(host.agent.lease): host.agent.lease, id(lease): lease}.values():
        if one._work is not None:
            one._work.close()
            one._work = None
    host.agent.lease = lease
    for kind in ("switch", "drain"):
        restore(host, saved)
        (host.state / file).write_bytes(data)
        host.watch(kind)
    return told


def test_there_is_nothing_that_no_file_was_made_of(made):
    _, saved = made
    assert sorted(path.name for path in saved if not path.name.endswith("-2.json")) == sorted(FILES)


def test_an_undamaged_host_answers_all(made):
    host, saved = made
    told = damage(host, saved, "ledger.json", saved[host.state / "ledger.json"])
    assert told == []


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("what", ["list", "null", "deep", "cut in half"])
def test_a_file_of_the_wrong_shape_is_named_with_what_to_do(made, file, what):
    host, saved = made
    text = saved[host.state / file]
    data = WHOLE.get(what, text[: len(text) // 2])
    told = damage(host, saved, file, data)
    assert told or file in TOLERATED or fits(file, data)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("what", WHOLE)
def test_whatever_is_in_a_file_it_fits_or_is_told(made, file, what):
    host, saved = made
    if fits(file, WHOLE[what]):
        damage(host, saved, file, WHOLE[what])


def fits(file, data):
    """Whether it's a value that may be there, such as that of a host that has applied nothing."""
    try:
        formats.decoded("/x", file, data)
    except formats.Damaged as error:
        return not error.message.startswith("/x is damaged: ")
    return True


@pytest.mark.parametrize("file", FILES)
def test_no_wrong_value_anywhere_in_a_file_is_a_bug(made, file):
    """A value that doesn't fit ends as every other; one that does is what calls must cope with."""
    host, saved = made
    value = json.loads(saved[host.state / file])
    for number, place in enumerate(places(value)):
        wrong = [changed(value, place), *(changed(value, place, one) for one in WRONG)]
        good = [data for data in (json.dumps(one).encode() for one in wrong) if fits(file, data)]
        for turn in range(min(rounds(1, len(good)), len(good))):
            damage(host, saved, file, good[(number + turn) % len(good)])


def places(value, above=()):
    """The places of all values in a value."""
    if above:
        yield above
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*above, key))


def changed(value, place, *wrong):
    """A copy with a wrong value at a place; without one, nothing there."""
    result = copy.deepcopy(value)
    inner = result
    for key in place[:-1]:
        inner = inner[key]
    if wrong:
        inner[place[-1]] = wrong[0]
    else:
        del inner[place[-1]]
    return result


@pytest.mark.parametrize(
    ("file", "data", "problem"),
    [
        ("ledger.json", b'{"shop": {"verified": null}}', "'shop.verified' is null, not a list"),
        (
            "ledger.json",
            b'{"shop": {"pinned": {"abc": {"reason": "x", "version": "1"}}}}',
            "'shop.pinned.abc.at' is missing",
        ),
        ("lease.json", b"[]", "it is a list, not an object"),
        ("lease.json", b"{", "it isn't JSON"),
        ("lease.json", b"", "it's empty"),
        ("identity.json", b'{"environment": "dev", "host": 5}', "'host' is a number, not a text"),
        ("key.json", b'"1234"', "it is another text, not 64 hexadecimal digits"),
        ("pending.json", b"5", "it is a number, not a list"),
        (
            "drain-app.json",
            b'{"run": "r", "fence": 1, "boot": "b", "at": 1, "hosts": {}, "drain":'
            b' {"app": "app", "command": "true", "undrain": "a\\u0000b", "timeout": 5}}',
            "'drain.undrain' is another text, not a text without zero bytes",
        ),
        (
            "drain-app.json",
            b'{"run": "r", "fence": 1, "boot": "b", "at": 1, "hosts": {"a\\u0000b": {"address": "x","at": 1}},"drain":'
            b' {"app": "app", "command": "true", "undrain": "true", "timeout": 5}}',
            "'hosts.a\x00b' is another text, not a text without zero bytes",
        ),
        ("applied.json", b"[" * 100000, "it's nested too deeply, or too large to be read"),
    ],
)
def test_what_is_wrong_is_said_by_its_place(file, data, problem):
    with pytest.raises(formats.Damaged) as caught:
        formats.decoded(f"/x/{file}", file, data)
    assert caught.value.message == f"/x/{file} is damaged: {problem}"
    assert (caught.value.kind, caught.value.details["file"]) == ("damaged", f"/x/{file}")


def test_a_host_whose_memory_of_provisioning_is_damaged_is_not_changed(made, monkeypatch):
    host, saved = made
    restore(host, saved)
    monkeypatch.setattr(host.agent, "proceed", lambda: None)
    (host.folder / "a").unlink(missing_ok=True)
    (host.state / "provisions.json").write_text("null")
    error = host.call("converge", catalog=host.catalog, check=False, digest="c1")["error"]
    assert (error["kind"], (host.folder / "a").is_symlink()) == ("damaged", False)


def test_a_huge_file_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "LIMIT", 1000)
    store = state.HostStore("demo", str(tmp_path))
    with (tmp_path / "ledger.json").open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(formats.Damaged, match="it's larger than"):
        store.read("ledger.json")


def test_a_secret_in_a_wrong_place_is_not_shown():
    with pytest.raises(formats.Damaged) as caught:
        formats.decoded("/x/ledger.json", "ledger.json", b'{"shop": {"verified": "hunter2"}}')
    assert "hunter2" not in caught.value.message


def test_what_newer_versions_write_beside_it_is_kept(tmp_path):
    store = state.HostStore("demo", str(tmp_path))
    store.write("ledger.json", {"shop": {"mood": "good", "verified": ["1"]}})
    ledger = Ledger(store, "shop")
    ledger.pin("a", "1", "it hung")
    page = json.loads((tmp_path / "ledger.json").read_text())["shop"]
    assert (page["mood"], page["verified"], list(page["pinned"])) == ("good", ["1"], ["a"])


def test_every_file_that_the_agent_reads_has_a_shape():
    """Nothing reads JSON of the state directory but by `Store.read`, whose names are all described."""
    agent = Path(cdconf.agent.__file__).parent
    named = set()
    for source in agent.rglob("*.py"):
        named |= set(re.findall(r'"([a-z]+\.json)"', source.read_text()))
    # Root's words to the agent of a look-only key, in a directory of their own; what npm reads.
    for name in named - {"look.json", "package.json"}:
        formats.about(name)
