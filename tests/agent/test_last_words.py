"""What a host tells beside the plain fact: last lines of a unit, who deployed, that its last provision failed."""

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.protocol import deploy_calls
from cdconf.agent.records import events
from cdconf.agent.release import app_services, health
from tests.deploy.paper_hosts import PaperHost, app_of


@pytest.mark.parametrize(
    ("names", "said"), [(["app"], "last of app"), (["a", "b"], "a.service:\nlast of a\nb.service:\nlast of b")]
)
def test_a_failed_health_check_shows_what_the_services_logged_last(monkeypatch, names, said):
    def unwell(*arguments):
        raise Failed("not healthy", kind="release")

    monkeypatch.setattr(health, "wait", unwell)
    monkeypatch.setattr(app_services, "journal", "last of {}".format)
    with pytest.raises(Failed) as caught:
        deploy_calls.check_health(None, {}, 1, names)
    assert caught.value.output == said


def test_a_stopped_health_check_shows_nothing(monkeypatch):
    def stopped(*arguments):
        raise Failed("stopped", kind="stopped")

    monkeypatch.setattr(health, "wait", stopped)
    with pytest.raises(Failed) as caught:
        deploy_calls.check_health(None, {}, 1, ["app"])
    assert not caught.value.output


def test_status_says_who_deployed_what_runs_and_that_the_last_provision_failed(tmp_path):
    host = PaperHost(tmp_path, "web1")
    by = {"run": "r7", "owner": "ann@laptop pid 3", "reason": "deploy app@1.0"}
    host.agent.lease.by = lambda: by
    name = host.stage("1.0")[0]
    deploy_calls.activate(host.agent, {**app_of().document(), "path": str(host.path)}, name)
    page = host.call("app.status", app=app_of().document())
    assert (page["deployed"]["owner"], page["deployed"]["run"]) == ("ann@laptop pid 3", "r7")
    assert page["provision_failed"] is None
    events.provisioned(host.store, by, "c1", {"changed": 1}, failed=True)
    assert host.call("app.status", app=app_of().document())["provision_failed"]["owner"] == "ann@laptop pid 3"
    events.provisioned(host.store, by, "c1", {"changed": 1}, failed=False)
    assert host.call("app.status", app=app_of().document())["provision_failed"] is None


def test_what_nobody_remembers_is_nobody_s():
    assert events.deployed([], "x") is None
    assert events.deployed([{"event": "staged", "release": "x", "owner": "a", "run": "r", "at": 1}], "x") is None
