"""Hooks with the agent's own code: where they run, what ends them, and what a host does about one that failed."""

from types import SimpleNamespace

import pytest

from cdconf.agent.converge.apply import Stopped
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import deploy_calls
from cdconf.agent.release import hooks
from cdconf.agent.switch.switch import Switch
from tests.agent.test_activation import Scene, Systemd
from tests.agent.test_watch import Scene as Watched

LINE = 'echo "$CDCONF_HOOK $CDCONF_RELEASE $(cat a) $MOOD"'


@pytest.fixture
def scene(tmp_path, monkeypatch):
    one = Scene(tmp_path, Systemd(monkeypatch), monkeypatch)
    one.agent.gone = one.agent.stopping = False
    one.log = tmp_path / "log"
    (tmp_path / "env").write_text("MOOD=calm")
    one.app["env_file"] = str(tmp_path / "env")
    one.hooks = lambda **more: one.app.update(
        hooks={name: {"run": f"{LINE} >> {one.log}; {rest}", "within": 20.0} for name, rest in more.items()}
    )
    one.ran = lambda: one.log.read_text().splitlines() if one.log.exists() else []
    return one


def test_hooks_run_in_the_release_with_its_environment_before_and_after_the_activation(scene):
    scene.hooks(before_activate="test $(readlink ../../current) = releases/1", after_activate="echo warm")
    told = deploy_calls.activate(scene.agent, scene.app, "2")["hooks"]
    assert scene.ran() == ["before_activate 2 2 calm", "after_activate 2 2 calm"]
    assert [(one["hook"], one["problem"], one["output"]) for one in told] == [
        ("before_activate", None, ""),
        ("after_activate", None, "warm"),
    ]


def test_one_before_the_activation_that_fails_is_the_release_s_fault_and_going_back_restarts_nothing(scene):
    scene.hooks(before_activate="echo bad; exit 4", after_rollback="exit 5")
    with pytest.raises(Failed, match="the before_activate hook failed with exit status 4") as caught:
        deploy_calls.activate(scene.agent, scene.app, "2")
    assert (caught.value.kind, caught.value.output) == ("release", "bad")
    answer = deploy_calls.roll_back(scene.agent, scene.app)
    assert (answer["release"], answer["hooks"][0]["problem"]) == ("1", "failed with exit status 5")
    assert scene.systemd.told == []
    assert scene.ran() == ["before_activate 2 2 calm", "after_rollback 1 1 calm"]
    assert deploy_calls.roll_back(scene.agent, scene.app) == {"release": "1"}, "the host is back already"


def test_one_before_the_activation_starts_no_worker_that_was_stopped_and_going_back_does(scene):
    scene.hooks(before_activate="false")
    deploy_calls.stop(scene.agent, scene.app, "2")
    with pytest.raises(Failed):
        deploy_calls.activate(scene.agent, scene.app, "2")
    assert scene.systemd.told == ["stop worker"]
    deploy_calls.roll_back(scene.agent, scene.app)
    assert scene.systemd.told == ["stop worker", "start worker"]


def test_one_that_cannot_be_started_is_no_fault_of_the_release(scene):
    scene.hooks(before_activate="true")
    scene.app["env_file"] = "/nowhere"
    with pytest.raises(Failed, match="can't be started: can't read the environment file") as caught:
        deploy_calls.activate(scene.agent, scene.app, "2")
    assert caught.value.kind == "failed"


def test_one_after_the_activation_that_fails_blocks_nothing(scene):
    scene.hooks(after_activate="echo no; exit 6")
    told = deploy_calls.activate(scene.agent, scene.app, "2")["hooks"]
    assert (told[0]["problem"], told[0]["output"]) == ("failed with exit status 6", "no")
    assert scene.page["linked"] == "2"


def test_one_takes_no_longer_than_it_may(scene):
    scene.hooks(after_activate="sleep 60")
    scene.app["hooks"]["after_activate"]["within"] = 0.3
    told = deploy_calls.activate(scene.agent, scene.app, "2")["hooks"]
    assert told[0]["problem"] == "was still running after 0.3 s, and was ended"


def test_one_ends_with_its_controller(scene):
    scene.hooks(before_activate="sleep 60")

    def proceed():
        if scene.ran():
            scene.agent.gone = True
            raise Stopped("the controller is gone")

    scene.agent.proceed = proceed
    scene.agent.stopping = True
    with pytest.raises(Stopped):
        hooks.run(scene.app, "before_activate", "2", lambda: deploy_calls._go_on(scene.agent))


def test_a_hook_is_run_only_in_the_release_that_is_current(scene):
    scene.hooks(after_deploy="true")
    assert deploy_calls.hook(scene.agent, scene.app, "1", "after_deploy")["hooks"][0]["problem"] is None
    with pytest.raises(Failed, match="'2' isn't the current release here"):
        deploy_calls.hook(scene.agent, scene.app, "2", "after_deploy")


@pytest.fixture
def watched(tmp_path, monkeypatch):
    one = Watched(tmp_path, monkeypatch)
    one.log = tmp_path / "log"
    line = {"run": f"{LINE} >> {one.log}; exit 7", "within": 20.0}
    armed = dict(one.app, hooks={"after_rollback": line})
    Switch.arm(one.switch, armed, "2", one.lease, 8)
    yield one
    if one.lease._work is not None:
        one.lease._work.close()


@pytest.mark.parametrize("end", ["dies", "reboots"])
def test_the_dead_man_s_switch_runs_the_hook_of_a_rollback_and_remembers_what_came_of_it(watched, end):
    getattr(watched, end)()
    watched.watch()
    assert watched.current == "1"
    assert watched.log.read_text().splitlines() == ["after_rollback 1 1 "]
    assert watched.page["reverted"]["problem"] == "the after_rollback hook failed with exit status 7"


def test_hooks_are_written_down_with_what_the_switch_is_armed_for(watched):
    stored = watched.store.read("switch-app.json")
    assert stored["app"]["hooks"]["after_rollback"]["within"] == 20.0


def test_without_a_release_there_is_nothing_to_run_in(scene):
    scene.hooks(after_rollback="true")
    assert hooks.run(scene.app, "after_rollback", None, lambda: None) == []
    assert hooks.run({"hooks": {}}, "after_rollback", "1", SimpleNamespace) == []
