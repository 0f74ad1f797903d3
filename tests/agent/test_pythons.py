"""What the agent does, on every Python from 3.6 on, with nothing but the standard library, over real pipes."""

import bz2
import hashlib
import os
import stat
import subprocess
from pathlib import Path

import pytest

from cdconf.agent.facts.groups import GROUPS
from cdconf.agent.install import unpacked
from cdconf.agent.release import chunks, tree
from cdconf.errors import LeaseHeld
from cdconf.session.bundle import bundle
from cdconf.session.session import AgentError
from tests.agent.private import VERSIONS, PrivateAgent, catalog, find, resource


@pytest.fixture(params=VERSIONS)
def python(request):
    return find(request.param)


@pytest.fixture
def agent(python, tmp_path):
    return PrivateAgent(python, tmp_path)


@pytest.fixture
def session(agent):
    one = agent.open()
    yield one
    one.close()


def take_lease(session, run="r1", environment="staging"):
    return session.call("lease.take", run=run, owner="me", reason="test", ttl=30, environment=environment, host="here")[
        "fence"
    ]


def converge(session, document, *, check=False):
    events = []
    result = session.converge(document, check=check, on_event=events.append)
    return result, {event["title"]: event for event in events}


def mode(path):
    return f"{stat.S_IMODE(path.lstat().st_mode):04o}"


def test_it_tells_its_facts_and_that_it_is_nobody_s_yet(agent):
    session = agent.open(facts=sorted(GROUPS))
    try:
        assert session.facts.known["kernel"] == os.uname().release
        assert session.facts.known["cpu"]["count"] == len(os.sched_getaffinity(0))
        assert session.identity is None
        assert session.lease is None
    finally:
        session.close()


def wanted(root):
    return catalog(
        resource("directory", f"{root}/etc", path=f"{root}/etc", mode="0750"),
        resource("file", f"{root}/etc/app", notify=["tell"], path=f"{root}/etc/app", content="new\n", mode="0640"),
        resource("file", f"{root}/etc/plain", path=f"{root}/etc/plain", content="x"),
        resource("file", f"{root}/etc/blob", path=f"{root}/etc/blob", content=bytes(range(256))),
        resource("file", f"{root}/etc/grün", path=f"{root}/etc/grün", content="ä\n"),
        resource("link", f"{root}/etc/link", path=f"{root}/etc/link", target="app"),
        resource("command", f"echo ran > {root}/ran", command=f"echo ran > {root}/ran", creates=f"{root}/ran"),
        resource("file", f"{root}/gone", absent=True, path=f"{root}/gone"),
        handlers={"tell": resource("command", "tell", command=f"echo told >> {root}/told")},
    )


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_it_converges_and_a_second_run_changes_nothing(python, tmp_path, umask):
    root = tmp_path / "root"
    root.mkdir()
    (root / "gone").write_text("x")
    session = PrivateAgent(python, tmp_path, umask, installed=False).open()
    try:
        result, events = converge(session, wanted(root), check=True)
        assert (result["counts"], result["failed"]) == ({"would_change": 9}, False)
        assert "created" in events[f"{root}/etc/app"]["diff"]
        assert [path.name for path in root.iterdir()] == ["gone"]
        take_lease(session)
        result, _ = converge(session, wanted(root))
        assert (result["counts"], result["failed"]) == ({"changed": 9}, False)
        names = ("etc", "etc/app", "etc/plain", "etc/blob", "etc/grün", "ran")
        assert [mode(root / name) for name in names] == ["0750", "0640", "0644", "0644", "0644", "0644"]
        assert (root / "etc/blob").read_bytes() == bytes(range(256))
        assert (root / "etc/grün").read_bytes() == "ä\n".encode()
        assert str((root / "etc/link").readlink()) == "app"
        assert not (root / "gone").exists()
        assert (root / "told").read_text() == "told\n"
        result, events = converge(session, wanted(root))
        assert (result["counts"], result["failed"]) == ({"ok": 8}, False)
        (root / "etc/app").write_text("old\n")
        result, events = converge(session, wanted(root), check=True)
        event = events[f"{root}/etc/app"]
        assert (event["status"], event["by_hand"]) == ("would_change", True)
        assert "-old" in event["diff"]
        assert (root / "etc/app").read_text() == "old\n"
    finally:
        session.close()


def test_what_should_be_absent_and_was_brought_back_is_told_as_done_by_hand(session, tmp_path):
    gone = tmp_path / "gone"
    document = catalog(resource("file", "gone", absent=True, path=str(gone)))
    take_lease(session)
    converge(session, document)
    gone.write_text("by hand")
    event = converge(session, document, check=True)[1]["gone"]
    assert (event["status"], event["by_hand"]) == ("would_change", True)
    for check in (True, False):  # without it in the files it's nobody's orphan
        assert converge(session, catalog(), check=check)[0]["counts"] == {}
    event = converge(session, document, check=True)[1]["gone"]
    assert (event["status"], event.get("by_hand", False)) == ("would_change", False)


def test_bytes_that_are_not_utf_8_do_no_harm(session, tmp_path):
    link = os.fsencode(tmp_path) + b"/l"
    Path(os.fsdecode(link)).symlink_to(os.fsdecode(b"caf\xe9"))
    (tmp_path / "latin").write_bytes(b"caf\xe9\n")
    document = catalog(
        resource("link", "l", path=os.fsdecode(link), target="tea"),
        resource("file", "latin", path=str(tmp_path / "latin"), content="tea\n"),
    )
    _, events = converge(session, document, check=True)
    assert events["l"]["diff"] == "target: caf\\xe9 -> tea\n"
    assert events["latin"]["status"] == "would_change"
    said = session.run("printf 'caf\\351'; printf 'th\\351' >&2")
    assert (said["stdout"], said["stderr"]) == (b"caf\xe9", b"th\xe9")
    with pytest.raises(AgentError) as caught:
        session.run("true", cwd=os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    caught.value.message.encode("utf-8")


@pytest.mark.parametrize("locale", ["POSIX", "de_DE.ISO-8859-1"])
def test_names_are_utf_8_whatever_the_locale(python, tmp_path, locale):
    """Only 3.6 can't; it says so. The start command asks for C.UTF-8, which old systems don't have."""
    session = PrivateAgent(python, tmp_path, env={"LC_ALL": locale}).open()
    try:
        path = f"{tmp_path}/grün"
        take_lease(session)
        result, events = converge(session, catalog(resource("file", path, path=path, content="ä")))
        if "/3.6." in python:
            assert "Python 3.6 without a UTF-8 locale can't use the name" in events[path]["message"]
        else:
            assert not result["failed"]
            assert os.fsencode(path) in [entry.path for entry in os.scandir(os.fsencode(tmp_path))]
    finally:
        session.close()


def test_a_failing_resource_ends_the_run_and_says_why(session, tmp_path):
    take_lease(session)
    path = tmp_path / "d"
    path.mkdir()
    document = catalog(
        resource("file", "d", path=str(path), content="x"), resource("file", "e", path=str(tmp_path / "e"), content="x")
    )
    result, events = converge(session, document)
    assert result == {"counts": {"failed": 1}, "failed": True}
    assert events["d"]["message"] == f"'{path}' is a directory; move it away: `mv -T {path} {path}.away`"
    assert not (tmp_path / "e").exists()


def test_it_runs_commands(session, tmp_path):
    blob = bytes(range(256)) * 4000
    assert session.run("cat", data=blob)["stdout"] == blob
    said = session.run('printf %s "$WORD"; pwd >&2; umask; exit 3', env={"WORD": "ü"}, cwd=str(tmp_path))
    assert (said["status"], said["stdout"], said["stderr"]) == (3, "ü0022\n".encode(), f"{tmp_path}\n".encode())
    with pytest.raises(AgentError, match="still running after 1 s, killed"):
        session.run("sleep 60", timeout=1)
    with pytest.raises(AgentError, match="there is no user 'nobody-here'"):
        session.run("true", user="nobody-here")


def test_it_holds_a_lease_against_others(agent, session):
    first = take_lease(session)
    other = agent.open()
    try:
        assert other.lease["owner"] == "me"
        with pytest.raises(LeaseHeld, match="held by me"):
            take_lease(other, "r2")
        session.call("lease.give_back")
        with pytest.raises(AgentError, match="this host is staging's 'here', not production's"):
            take_lease(other, "r2", "production")
        assert take_lease(other, "r2") > first
        with pytest.raises(AgentError, match="no longer holds"):
            converge(session, catalog())
    finally:
        other.close()


def test_it_stages_and_activates_releases(python, tmp_path):
    session = PrivateAgent(python, tmp_path, umask=0o077).open()
    try:
        take_lease(session)
        app = {"name": "shop", "path": str(tmp_path / "shop"), "services": []}
        (tmp_path / "shop").mkdir()
        for number, text in enumerate((b"one", b"two")):
            name = f"r{number}"
            manifest = release(text)
            lacking = prepared(session, app, name, manifest)
            assert len(lacking) == (2 if number == 0 else 1)  # bin/serve is the same in both
            contents = {hashlib.sha256(one).digest(): one for one in (b"serve\n", text)}
            about = {"version": name, "archive": name * 32, "tree": tree.digest(manifest)}
            raw = [chunks.pack(contents[one], 6) for one in lacking]
            session.call("app.stage", raw=raw, app=app, release=name, about=about)
            session.call("app.activate", app=app, release=name)
            if number == 0:
                session.call("app.confirm", app=app, release=name, keep=5)
        current = tmp_path / "shop/current"
        assert (current / "VERSION").read_bytes() == b"two"
        assert [mode(current / one) for one in ("bin", "bin/serve", "VERSION")] == ["0755", "0755", "0644"]
        assert mode(tmp_path / "shop/releases/r1") == "0755"
        assert session.call("app.roll_back", app=app) == {"release": "r0"}
        assert (current / "VERSION").read_bytes() == b"one"
        bad = [dict(entry, path="../x") for entry in release(b"x")[:1]]
        with pytest.raises(AgentError, match="leaves the release"):
            prepared(session, app, "bad", bad)
        assert sorted(path.name for path in (tmp_path / "shop/releases").iterdir()) == ["r0", "r1"]
    finally:
        session.close()


def prepared(session, app, name, manifest):
    """The digests of the chunks that the host lacks."""
    told = {**chunks.tell(manifest, {}), "base": None}
    about = {"tree": tree.digest(manifest), "lists": chunks.digest({}), "told": told}
    known = list(chunks.table(manifest, {}))
    runs = session.call("app.prepare", app=app, release=name, **about)["lacking"]
    return [known[number] for first, count in runs for number in range(first, first + count)]


def release(text):
    def file(path, content, mode="0644"):
        digest = hashlib.sha256(content).hexdigest()
        return {"path": path, "kind": "file", "mode": mode, "sha256": digest, "size": len(content)}

    link = {"path": "start", "kind": "link", "target": "bin/serve"}
    folder = {"path": "bin", "kind": "directory", "mode": "0755"}
    return [file("VERSION", text), folder, file("bin/serve", b"serve\n", "0755"), link]


def test_every_module_of_the_agent_can_be_imported(python, tmp_path):
    files = dict(unpacked(bz2.decompress(bundle().data)))
    for path, source in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(source)
    names = [name[:-3].replace("/", ".").replace(".__init__", "") for name in files]
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + "".join(f"__import__({name!r})\n" for name in names)
    subprocess.run([python, "-I", "-S", "-W", "error", "-c", code], check=True, timeout=60)
