"""The hook after a deployment: which hosts run it, and that nothing of it stops anything; on the agent's own code."""

from dataclasses import replace
from types import SimpleNamespace

from cdconf.deploy.hooks import hooks_document, run_last
from cdconf.deploy.target import Target
from cdconf.events import Notice, ResourceDone
from cdconf.inventory.hooks import Hook, Hooks
from tests.deploy.paper_hosts import PaperFleet, app_of


def told(tmp_path, hook, *, back=False, undelivered=()):
    """What was told of the last hook of a release that two hosts run."""
    fleet = PaperFleet(tmp_path, ["a", "b"])
    release = fleet.deploy("1")
    for session in fleet.sessions.values():
        session.agent.gone = session.agent.stopping = False
    name = "after_rollback" if back else "after_deploy"
    target = Target(app_of(hooks=Hooks(None, {name: hook})), release, None, fleet.hosts)
    events = []
    rollout = SimpleNamespace(undelivered=undelivered)
    document = dict(target.app.document(), path=None)
    run_last(rollout, replace(target, back=back), document, fleet, events.append)
    return [one for one in events if isinstance(one, (Notice, ResourceDone))]


def test_each_host_runs_it_or_the_first_one_alone(tmp_path):
    hook = Hook("cat VERSION")
    assert [(one.host, one.diff or one.message) for one in told(tmp_path / "1", hook)] == [("a", "1"), ("b", "1")]
    assert [one.host for one in told(tmp_path / "2", replace(hook, once=True))] == ["a"]
    assert [one.host for one in told(tmp_path / "3", hook, back=True)] == ["a", "b"]
    assert [one.host for one in told(tmp_path / "4", hook, undelivered=("a",))] == ["b"]


def test_one_that_fails_is_a_warning(tmp_path):
    (one,) = told(tmp_path, Hook("echo why; exit 3", once=True))
    assert one.message == "a: the after_deploy hook of app failed with exit status 3: why"
    assert one.warning


def test_what_runs_once_is_told_to_the_first_host_alone(tmp_path):
    fleet = PaperFleet(tmp_path, ["a", "b"])
    hooks = Hooks(None, {"after_rollback": Hook("x", once=True), "before_activate": Hook("y")})
    target = Target(app_of(hooks=hooks, env_file="/etc/x"), "1", None, fleet.hosts)
    assert sorted(hooks_document(target, "a")["hooks"]) == ["after_rollback", "before_activate"]
    assert hooks_document(target, "b") == {
        "hooks": {"before_activate": {"run": "y", "within": 600.0}},
        "env_file": "/etc/x",
    }
