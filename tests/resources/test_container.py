"""Containers' argument lists and what `inspect` says of them; and Docker itself, on the machine that runs the tests."""

import shutil
import subprocess
import uuid

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.system import containers
from cdconf.resources.container import agent

FIELDS = {
    "name": "shop", "image": "nginx:1.27", "command": [], "env": {}, "ports": [], "volumes": [], "network": "",
    "restart": "unless-stopped", "labels": {}, "user": "", "memory": 0, "cpus": 0, "options": [], "running": True,
    "pull": "missing",
}  # fmt: skip


def test_a_variables_value_is_not_among_the_arguments():
    fields = {**FIELDS, "env": {"WORD": "open sesame", "PATH": "/opt/bin"}}
    arguments, environment = containers.create("shop", fields)
    assert environment == {"WORD": "open sesame"}
    assert not any("sesame" in argument for argument in arguments)
    assert arguments[arguments.index("--env") + 1] == "PATH=/opt/bin"  # the client's own PATH stays as it is


def test_arguments():
    fields = {**FIELDS, "command": ["sh", "-c", "x"], "ports": ["80:80"], "volumes": ["a:/b"], "labels": {"a": "b c"}}
    fields.update(memory=1024, cpus=1.5, user="1000", network="host", options=["--read-only"])
    arguments, _ = containers.create("shop.new", fields)
    assert arguments[:3] == ["create", "--name", "shop.new"]
    assert " ".join(arguments[5:]) == (
        "--publish 80:80 --volume a:/b --label a=b c --network host --restart unless-stopped --user 1000 "
        "--memory 1024 --cpus 1.5 --read-only nginx:1.27 sh -c x"
    )


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("grafana/loki", "docker.io/grafana/loki:latest"),
        ("ghcr.io/a/b:2", "ghcr.io/a/b:2"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        ("localhost/a", "localhost/a:latest"),
        ("a/b@sha256:00", "docker.io/a/b@sha256:00"),
    ],
)
def test_an_images_full_name(name, full):
    assert containers.full_image(name) == full


def test_a_container_that_someone_else_made_differs():
    found = {"Name": "/shop", "State": {"Running": True}, "HostConfig": {}, "Config": {"Image": "nginx:1.27"}}
    state = containers.state(FIELDS, found)
    assert (state["image"], state["running"], state["restart"], state["ports"]) == ("nginx:1.27", True, "no", None)


@pytest.mark.parametrize("label", ["{", "[]", '{"env": 3}', '{"env": [[]]}'])
def test_a_damaged_label_is_no_definition(label):
    config = {"Image": "x", "Labels": {containers.LABEL: label}, "Env": ["A=b=c"]}
    found = {
        "State": {},
        "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}},
        "Config": config,
    }
    state = containers.state(FIELDS, found)
    assert (state["image"], state["env"], state["restart"]) == ("x", {}, "on-failure:2")


@pytest.fixture
def engine():
    """Docker's client on this machine, an image with busybox-like contents, and a name of our own."""
    if shutil.which("docker") is None:
        pytest.skip("there's no docker client on this machine")
    import docker

    from cdconf.environments.docker.image import ensure_image

    image = ensure_image(docker.from_env(), "debian-12", lambda event: None)
    name = f"cdconf-test-{uuid.uuid4().hex[:8]}"
    yield {**FIELDS, "name": name, "image": image, "command": ["sleep", "1000"], "runtime": "docker"}
    for one in (name, agent.FRESH.format(name)):
        subprocess.run(["docker", "rm", "-f", one], capture_output=True, check=False)


def settled(fields):
    """What still differs."""
    state = agent.observe(fields)
    return {name: state[name] for name in (*containers.DEFINITION, "env", "running") if state[name] != fields[name]}


@pytest.mark.hosts
def test_docker_makes_changes_and_removes_a_container(engine):
    fields = {**engine, "env": {"WORD": "open sesame", "LINES": "a\nb"}, "memory": 64 * 1024**2, "labels": {"a": "b c"}}
    fields.update(ports=["127.0.0.1::80"], volumes=["/srv:/data:ro"], network="bridge", user="1000", cpus=0.5)
    assert agent.observe(fields) is None
    agent.apply(fields, {"exists": (False, True)})
    assert settled(fields) == {}
    out = subprocess.run(["docker", "exec", fields["name"], "env"], capture_output=True, text=True, check=True).stdout
    assert "WORD=open sesame\n" in out
    assert "LINES=a\nb\n" in out
    changed = {**fields, "env": {"WORD": "x"}, "restart": "no", "command": ["sleep", "999"]}
    assert set(settled(changed)) == {"env", "restart", "command"}
    agent.apply(changed, dict.fromkeys(settled(changed)))
    assert settled(changed) == {}
    stopped = {**changed, "running": False}
    agent.apply(stopped, {"running": (True, False)})
    assert settled(stopped) == {}
    agent.apply(stopped, {"exists": (True, False)})
    assert agent.observe(stopped) is None


@pytest.mark.hosts
def test_docker_keeps_the_old_container_when_the_new_one_cannot_be_made(engine):
    agent.apply(engine, {"exists": (False, True)})
    with pytest.raises(Failed, match="docker create failed"):
        agent.apply({**engine, "options": ["--no-such-option"]}, {"options": ([], ["--no-such-option"])})
    assert settled(engine) == {}
    with pytest.raises(Failed, match="forbids to get it"):
        agent.apply({**engine, "image": "localhost/nowhere:1", "pull": "never"}, {"image": (engine["image"], "")})
    assert settled(engine) == {}


@pytest.mark.hosts
def test_docker_says_why_a_container_ended(engine):
    with pytest.raises(Failed, match="ended at once") as caught:
        agent.apply(
            {**engine, "restart": "no", "command": ["sh", "-c", "echo out of luck; exit 3"]}, {"exists": (False, True)}
        )
    assert caught.value.status == 3
    assert "out of luck" in caught.value.output
