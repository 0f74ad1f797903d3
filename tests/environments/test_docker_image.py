"""Which way an image comes about, against an engine that has what it's told, and what stays when it fails."""

import json
import threading
import time

import pytest
from docker.errors import APIError, ImageNotFound

from cdconf.environments.docker import image as docker_image
from cdconf.environments.docker.recipes import RECIPES, recipe_for
from cdconf.errors import ProviderError


class Image:
    def __init__(self, name, arch="amd64"):
        self.id = name
        self.attrs = {"Architecture": arch}


class Engine:
    """Stands for the docker package's client."""

    def __init__(self, *, registry=(), refusal="dial tcp: no such host", arch="amd64"):
        self.images = self.api = self
        self.have = {}
        self.registry = set(registry)
        self.refusal = refusal
        self.arch = arch
        self.fails = False
        self.built = []
        self.dockerfile = ""

    def get(self, name):
        if name not in self.have:
            raise ImageNotFound(name)
        return self.have[name]

    def version(self):
        return {"Arch": "amd64"}

    def pull(self, name, stream, decode):
        if name not in self.registry:
            raise APIError("500", explanation=self.refusal)
        self.have[name] = Image(name, self.arch)
        yield {"status": "Pulling"}

    def build(self, fileobj, tag, **options):
        self.built.append(tag)
        self.dockerfile = fileobj.read().decode("utf-8", "replace")
        yield {"stream": "E: Unable to locate package sudo\n"}
        if self.fails:
            yield {"error": "The command '/bin/sh' returned a non-zero code: 100"}
        else:
            self.have[tag] = Image(tag)

    def list(self, filters):
        return []


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    """What really builds images on this machine isn't waited for."""
    monkeypatch.setattr(docker_image.tempfile, "gettempdir", lambda: str(tmp_path))


@pytest.fixture
def steps():
    return []


def ensure(engine, os, steps, **more):
    return docker_image.ensure_image(engine, os, lambda event: steps.append(event.message), **more)


@pytest.mark.parametrize(("os", "base"), [(one.os, one.base) for one in RECIPES.values()])
def test_a_plain_image_that_a_registry_has_is_furnished(os, base, steps):
    engine = Engine(registry=[base])
    name = ensure(engine, os, steps)
    assert engine.built == [name]
    assert f"FROM {base}\n" in engine.dockerfile
    run = next(line for line in engine.dockerfile.splitlines() if line.startswith("RUN "))
    assert json.loads(run.removeprefix("RUN "))[2] == recipe_for(os).script
    assert steps[0] == f"pulling {base}"
    assert ensure(engine, os, steps) == name
    assert engine.built == [name]


def test_a_plain_image_that_is_here_is_not_pulled(steps):
    engine = Engine()
    engine.have["ubuntu:24.04"] = Image("ubuntu")
    ensure(engine, "ubuntu-24.04", steps)
    assert not any("pulling" in step for step in steps)


def test_another_base_makes_another_image(steps):
    engine = Engine(registry=["mirror.example.com:5000/debian:12", "debian:12"])
    name = ensure(engine, "debian-12", steps, base="mirror.example.com:5000/debian:12")
    assert name != ensure(engine, "debian-12", steps)


def test_debian_is_built_where_no_registry_answers(steps, monkeypatch):
    made = []
    monkeypatch.setattr(docker_image.shutil, "which", lambda name: name)
    monkeypatch.setattr(docker_image, "_bootstrap", lambda engine, recipe, name: made.append((recipe.suite, name)))
    name = ensure(Engine(), "debian-13", steps)
    assert made == [("trixie", name)]
    assert "with mmdebstrap" in steps[-1]


def test_debian_without_registry_and_mmdebstrap(steps, monkeypatch):
    monkeypatch.setattr(docker_image.shutil, "which", lambda name: None)
    with pytest.raises(
        ProviderError, match=r"debian:12 can't be pulled \(dial tcp: no such host\), and mmdebstrap"
    ) as caught:
        ensure(Engine(), "debian-12", steps)
    assert "apt-get install mmdebstrap" in caught.value.hint


def test_a_system_without_registry_and_recipe_says_what_to_do(steps):
    with pytest.raises(ProviderError, match=r"the image ubuntu:24\.04, .* can't be pulled: dial tcp") as caught:
        ensure(Engine(), "ubuntu-24.04", steps)
    assert "base_images: {ubuntu-24.04: REGISTRY/IMAGE}" in caught.value.hint
    assert "docker load" in caught.value.hint


def test_a_base_that_the_inventory_names_is_not_replaced_by_another_way(steps, monkeypatch):
    monkeypatch.setattr(docker_image, "_bootstrap", lambda *arguments: pytest.fail("not asked for"))
    with pytest.raises(ProviderError, match="which base_images names"):
        ensure(Engine(), "debian-12", steps, base="mirror.example.com/debian:12")


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        ("manifest for x:1 not found: manifest unknown", "is x:1 spelt right?"),
        ("pull access denied for x, repository does not exist or may require 'docker login'", "docker login"),
        (
            "no matching manifest for linux/amd64 in the manifest list entries",
            "isn't made for this engine's architecture",
        ),
        ("net/http: TLS handshake timeout", "docker load"),
    ],
)
def test_why_a_named_image_cannot_be_pulled(refusal, hint, steps):
    with pytest.raises(ProviderError, match="the image x:1 can't be pulled") as caught:
        docker_image.named_image(Engine(refusal=refusal), "x:1", lambda event: None)
    assert hint in caught.value.hint


@pytest.mark.parametrize("named", [True, False])
def test_an_image_for_other_machines(named, steps):
    engine = Engine(registry=["x:1"], arch="arm64")

    def get():
        if named:
            docker_image.named_image(engine, "x:1", lambda event: None)
        else:
            ensure(engine, "rocky-9", steps, base="x:1")

    with pytest.raises(ProviderError, match="the image x:1 is made for arm64, and this engine's machine is amd64"):
        get()


def test_a_build_that_fails_shows_its_last_words_and_tags_nothing(steps):
    engine = Engine(registry=["alpine:latest"])
    engine.fails = True
    with pytest.raises(ProviderError, match="the image for alpine can't be built from alpine:latest") as caught:
        ensure(engine, "alpine", steps)
    assert "Unable to locate package" in caught.value.detail
    assert list(engine.have) == ["alpine:latest"]


def test_an_unknown_system_has_a_suggestion():
    with pytest.raises(ProviderError, match=r"hosts\.yml:3: there's no Docker image for os 'debain-12'") as caught:
        recipe_for("debain-12", "hosts.yml", 3)
    assert caught.value.hint == "did you mean 'debian-12'?"
    with pytest.raises(ProviderError) as caught:
        recipe_for("windows")
    assert "ubuntu-24.04" in caught.value.hint


def test_two_that_need_an_image_build_it_once(steps):
    engine = Engine(registry=["debian:12"])
    begun, go = threading.Event(), threading.Event()
    build = engine.build

    def slow(**options):
        begun.set()
        go.wait(10)
        yield from build(**options)

    engine.build = slow
    threads = [threading.Thread(target=ensure, args=(engine, "debian-12", steps)) for _ in range(2)]
    for thread in threads:
        thread.start()
        begun.wait(10)
    end = time.monotonic() + 10
    while not any("waiting for another run" in step for step in steps) and time.monotonic() < end:
        time.sleep(0.01)
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(engine.built) == 1
    assert "waiting for another run that builds the image for debian-12" in steps
