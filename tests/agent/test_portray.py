"""What a host tells of itself for a comparison: states as they are, secrets and long values sealed."""

from types import SimpleNamespace

import pytest

from cdconf.agent.converge.whole_host import LONGEST, SEALED, portray, seal
from cdconf.agent.records.store import AppliedResources, HostStore
from cdconf.resources.package import agent as package

KEY = "cd" * 32


@pytest.fixture
def agent(tmp_path):
    return SimpleNamespace(store=HostStore("demo", str(tmp_path / "state")))


def resource(path, *, sensitive=False, absent=False, **fields):
    return {
        "id": f"file:{path}",
        "type": "file",
        "title": str(path),
        "fields": {"path": str(path), **fields},
        "identity": ["path"],
        "absent": absent,
        "source": "roles/x/role.yml:3",
        "role": "x",
        "notify": [],
        "sensitive": sensitive,
        "removable": True,
        "order": 0,
    }


def catalog(*resources, complete=True):
    return {"complete": complete, "compare": {"file": ["content", "owner", "mode"]}, "resources": list(resources)}


def told(agent, *resources, **portrayed):
    return portray(agent, catalog(*resources), KEY, portrayed)


def test_what_is_asked_for_is_told_as_it_is(agent, tmp_path):
    path = tmp_path / "a"
    path.write_text("by hand\n")
    path.chmod(0o600)
    one = resource(path, content="wanted\n", mode="0644")
    assert told(agent, one)["states"] == {f"file:{path}": {"content": "by hand\n", "mode": "0600"}}
    more = told(agent, one, file=["owner"])["states"][f"file:{path}"]
    assert set(more) == {"content", "mode", "owner"}


def test_secrets_and_long_values_are_sealed(agent, tmp_path):
    secret, long = tmp_path / "secret", tmp_path / "long"
    secret.write_text("hunter22")
    long.write_text("x" * (LONGEST + 1))
    states = told(agent, resource(secret, content="hunter22", sensitive=True), resource(long, content=""))["states"]
    assert states == {
        f"file:{secret}": {"content": {SEALED: seal(KEY, "hunter22")}},
        f"file:{long}": {"content": {SEALED: seal(KEY, "x" * (LONGEST + 1))}},
    }
    assert seal(KEY, "hunter22") != seal("ab" * 32, "hunter22")


def test_what_isn_t_there_is_none_and_what_can_t_be_seen_says_why(agent, tmp_path):
    (tmp_path / "folder").mkdir()
    states = told(agent, resource(tmp_path / "gone", content=""), resource(tmp_path / "folder", content=""))["states"]
    assert states[f"file:{tmp_path}/gone"] is None
    assert "directory" in states[f"file:{tmp_path}/folder"]
    sensitive = told(agent, resource(tmp_path / "folder", content="", sensitive=True))["states"]
    assert sensitive[f"file:{tmp_path}/folder"] == "it can't be observed"


def test_left_overs_are_told_and_nothing_is_written(agent, tmp_path):
    old, new = resource(tmp_path / "old", content=""), resource(tmp_path / "new", content="")
    applied = AppliedResources(agent.store)
    for one in (old, new):
        applied.record(one)
    applied.save()
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    assert told(agent, new)["orphans"] == {f"file {tmp_path}/old": "roles/x/role.yml:3"}
    assert portray(agent, catalog(new, complete=False), KEY, {})["orphans"] == {}
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_package_s_pin_doesn_t_hide_its_version():
    assert package.portray({"name": "nginx", "version": "1.*", "hold": True}) == {"name": "nginx", "hold": True}
