"""A run that deploys nothing restarts an app's service only into a verified release that isn't pinned."""

import pytest

from cdconf.agent.converge import handlers
from cdconf.agent.converge.handlers import FILE, Handlers
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import toggle_calls
from cdconf.agent.toggles import toggles
from tests.deploy.paper_hosts import PaperHost


@pytest.fixture
def host(tmp_path):
    one = PaperHost(tmp_path, "web1")
    one.deploy("1.0")
    one.deploy("2.0")
    return one


def provisioned(host, monkeypatch, action="restart", check=False):
    """What came of the due handler `restart app`: (whether all went well, its event, whether it ran)."""
    ran, events = [], []
    monkeypatch.setattr(handlers, "act", lambda entry: ran.append(entry["name"]))
    app = {"name": "app", "path": str(host.path)}
    entry = {"name": "restart app", "type": "service", "title": "app", "fields": {}, "action": action, "app": app}
    host.store.write(FILE, [entry])
    report = lambda status, shown, started, message=None, why=None: events.append((status, message))  # noqa: E731
    alright = Handlers({"handlers": {}, "resources": [], "environment": "dev"}, check, host.store, report).run_due(
        lambda: None
    )
    return alright, events[-1], ran


def pin(host, release):
    host.ledger().pin(f"archive-{release}", release, "not healthy")


def moved(host, version):
    (host.path / "current").unlink()
    release = next((host.path / "releases").glob(f"{version}-*"))
    (host.path / "current").symlink_to(f"releases/{release.name}")


def interrupted(host):
    name = host.stage("3.0")[0]
    host.ledger().activating(name, "r9")


def test_a_verified_release_is_restarted(host, monkeypatch):
    assert provisioned(host, monkeypatch) == (True, ("changed", "restart app"), ["restart app"])
    assert host.store.read(FILE) is None


def staged(host):
    host.stage("3.0")
    moved(host, "3.0")


@pytest.mark.parametrize(
    ("spoil", "why", "repair"),
    [
        (staged, "which isn't the verified release (2.0-", "`cdconf deploy app@2.0 --to dev` mends that"),
        (lambda host: moved(host, "1.0"), "current points to 1.0-", "`cdconf deploy app@2.0 --to dev` mends that"),
        (lambda host: pin(host, "2.0"), "is pinned, because it failed: not healthy", "`cdconf rollback dev app`"),
        (interrupted, "the deployment of 3.0-", "`cdconf deploy app --to dev --resume` mends that"),
    ],
)
@pytest.mark.parametrize("action", ["restart", "reload", "start"])
def test_any_other_is_left_alone_and_the_handler_stays_due(host, monkeypatch, spoil, why, repair, action):
    spoil(host)
    alright, (status, message), ran = provisioned(host, monkeypatch, action)
    assert (alright, status, ran) == (False, "failed", [])
    assert why in message
    assert repair in message
    assert [entry["name"] for entry in host.store.read(FILE)] == ["restart app"]
    _, (status, message), _ = provisioned(host, monkeypatch, action, check=True)
    assert status == "would_change"
    assert why in message, "a plan says so before"


def test_a_service_may_always_be_stopped_and_one_without_a_release_waits(host, monkeypatch):
    moved(host, "1.0")
    assert provisioned(host, monkeypatch, "stop")[2] == ["restart app"]
    (host.path / "current").unlink()
    assert provisioned(host, monkeypatch) == (True, ("skipped", "no release"), [])


@pytest.mark.parametrize("active", [True, False])
def test_toggles_do_not_reload_into_it_either(host, monkeypatch, active):
    moved(host, "1.0")
    monkeypatch.setattr(toggles, "_is_active", lambda name: active)
    monkeypatch.setattr(toggles.Toggles, "put", lambda self, values, lease: True)
    app = {"name": "app", "path": str(host.path), "services": ["app"]}
    app["toggles"] = {"path": str(host.path / "toggles.json"), "values": {"x": True}, "reload": True}
    host.store.write("identity.json", {"environment": "dev", "host": "web1"})
    if not active:
        assert toggle_calls.put(host.agent, app) == {"changed": True}
        return
    with pytest.raises(Failed, match=r"isn't the verified release .* `cdconf deploy app@2.0 --to dev` mends that"):
        toggle_calls.put(host.agent, app)
    with pytest.raises(Failed, match="isn't the verified release"):
        toggle_calls.try_out(host.agent, app, "x", on=True)
