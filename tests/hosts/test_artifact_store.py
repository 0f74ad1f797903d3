"""Signed artifacts on real hosts, and a store that keeps what they hold."""

import base64
import json

import pytest

pytestmark = pytest.mark.hosts


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An operator without keys."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CDCONF_SIGNING_KEY", "CDCONF_TRUSTED_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_gc_keeps_what_hosts_run_and_what_they_could_go_back_to(live, home):
    versions = [live.commit(note=f"{number}\n") for number in range(4)]
    for version in versions[:2]:
        live("deploy", f"app@{version}", "--to", "dev")
    document = live.document("artifact", "gc", "--keep", "1", "--dry-run")
    assert f"app@{versions[2]}" in document["removed"]
    document = live.document("artifact", "gc", "--keep", "1")
    assert document["unknown"] == {}
    left = {one["version"] for one in live.document("artifact", "list")["artifacts"]}
    assert {versions[0], versions[1], versions[3]} <= left
    assert versions[2] not in left
    live("rollback", "dev", "app")
    assert set(live.served().values()) == {versions[0]}


def test_a_forged_artifact_is_refused_and_nothing_changes(live, home):
    live("key", "new")
    version = live.commit(note="signed\n")
    live("deploy", "app", "--to", "dev")
    assert set(live.served().values()) == {version}
    other = live.commit(note="signed too\n")
    metadata = live.root / f".cdconf/artifacts/app@{other}.json"
    document = json.loads(metadata.read_text())
    good = metadata.read_text()
    document["provenance"]["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    metadata.write_text(json.dumps(document))
    before = {
        host: live.on(host, "ls -A /srv/app/releases; cat /var/lib/cdconf/e2e/ledger.json") for host in ("web1", "web2")
    }
    result = live("deploy", "app", "--to", "dev", code=1)
    assert "is forged" in result.stderr
    after = {
        host: live.on(host, "ls -A /srv/app/releases; cat /var/lib/cdconf/e2e/ledger.json") for host in ("web1", "web2")
    }
    assert before == after
    assert set(live.served().values()) == {version}
    metadata.write_text(good)
    live("deploy", "app", "--to", "dev")
    assert set(live.served().values()) == {other}
    # What the hosts hold is theirs: going back needs nobody's signature.
    (home / ".config/cdconf/trusted/e2e").unlink()
    (home / ".config/cdconf/keys/e2e").unlink()
    live("key", "new")
    live("deploy", "app", "--to", "dev", code=1)
    said = live("rollback", "dev", "app").stderr
    assert "a key that this project doesn't trust" in said
    assert set(live.served().values()) == {version}
