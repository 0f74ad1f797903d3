"""How a host comes up, or doesn't, against a container that follows a script."""

import threading
import time

import pytest
from docker.errors import APIError

from cdconf.environments.docker import boot as docker_boot
from cdconf.errors import ProviderError
from cdconf.inventory import Host


class Container:
    """Stands for the engine's container; `states` are what systemd answers, the last one for ever."""

    def __init__(self, status="created", states=("running",), log=b"", networks=("net",)):
        self.status = status
        self.name = "its-name"
        self.states = list(states)
        self.log = log
        self.attrs = {"NetworkSettings": {"Networks": dict.fromkeys(networks)}}
        self.ports = {"22/tcp": [{"HostPort": "2222"}]}
        self.calls = []

    def start(self):
        self.calls.append("start")
        self.status = "running"

    def unpause(self):
        self.calls.append("unpause")
        self.status = "running"

    def restart(self, timeout):
        self.calls.append("restart")
        self.states = ["starting", "running"]

    def reload(self):
        pass

    def exec_run(self, command):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state == "ended":
            self.status = "exited"
            raise APIError("409 Conflict", explanation="Container is not running")
        return 0, state.encode() + b"\n"

    def logs(self, tail):
        return self.log

    def connect(self, container, aliases):
        self.calls.append(f"connect as {aliases[0]}")


class Client:
    def __init__(self, container):
        self.containers = self.networks = self
        self.container = container

    def get(self, name):
        return self.container


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(docker_boot, "BOOT_LIMIT", 0.6)
    monkeypatch.setattr(docker_boot, "SILENT", 0.2)
    monkeypatch.setattr(docker_boot, "answers", lambda port: port == 2222)


def boot(container, stop=None, new=False):
    steps = []
    docker_boot.Boot(
        Client(container),
        "c",
        Host("web1", ("web",)),
        "net",
        lambda event: steps.append(event.message),
        stop or threading.Event(),
    ).run(new=new)
    return steps


def test_a_new_container_is_started_and_waited_for():
    container = Container(states=["Failed to connect to bus", "starting", "running"])
    assert boot(container) == ["booting", "up"]
    assert container.calls == ["start"]


def test_a_paused_container_is_woken():
    container = Container("paused")
    boot(container)
    assert container.calls == ["unpause", "start"]


def test_a_container_without_network_gets_it_back():
    container = Container("running", networks=())
    boot(container)
    assert container.calls == ["connect as web1", "start"]


def test_a_running_container_that_never_booted_is_restarted():
    container = Container("running", states=["Failed to connect to bus"])
    assert boot(container) == ["booting", "restarting, since it never came up", "up"]


def test_a_container_that_was_just_made_gets_all_the_time_there_is(monkeypatch):
    slow = time.monotonic() + 0.4  # longer than SILENT
    monkeypatch.setattr(docker_boot, "answers", lambda port: time.monotonic() > slow)
    for states in (["running"], ["Failed to connect to bus"] * 3 + ["running"]):
        container = Container("running", states=states)
        assert boot(container, new=True) == ["booting", "up"]
        assert container.calls == ["start"]


def test_a_running_container_that_is_still_booting_is_not_restarted():
    container = Container("running", states=["starting"] * 4 + ["running"])
    boot(container)
    assert container.calls == ["start"]


def test_a_host_whose_ssh_server_is_down_is_not_restarted(monkeypatch):
    monkeypatch.setattr(docker_boot, "answers", lambda port: False)
    container = Container("running")
    with pytest.raises(ProviderError, match=r"web1: is up, but its ssh server didn't answer within 0.2 s") as caught:
        boot(container)
    assert "docker exec its-name systemctl status ssh" in caught.value.hint
    assert container.calls == ["start"]


def test_a_container_that_ends_while_it_boots_is_an_error_with_its_log():
    with pytest.raises(ProviderError, match="its container ended while it booted") as caught:
        boot(Container(states=["starting", "ended"], log=b"no init\n"))
    assert caught.value.detail == "no init\n"


@pytest.mark.parametrize("words", [b"Failed to create inotify object: Too many open files", b"Too many open files"])
def test_too_few_inotify_instances_are_named(words, tmp_path, monkeypatch):
    limit = tmp_path / "limit"
    limit.write_text("128\n")
    monkeypatch.setattr(docker_boot, "INOTIFY", limit)
    with pytest.raises(ProviderError, match=r"didn't boot within 0\.6 s") as caught:
        boot(Container(states=["Failed to connect to bus"], log=words))
    assert "(it's 128): sysctl -w fs.inotify.max_user_instances=1024" in caught.value.hint


def test_nothing_is_waited_for_after_a_stop(monkeypatch):
    monkeypatch.setattr(docker_boot, "BOOT_LIMIT", 60)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    boot(Container(states=["starting"]), stop)
    assert time.monotonic() - began < 5
