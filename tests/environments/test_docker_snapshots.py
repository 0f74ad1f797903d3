"""Snapshots come and go, against an engine that only lists them."""

from datetime import UTC, datetime, timedelta

import pytest
from docker.errors import APIError, ImageNotFound

from cdconf.environments.docker import snapshots as docker_snapshots
from cdconf.environments.docker.snapshot_kind import Kind
from cdconf.environments.docker.snapshots import _Snapshots, _Work, remove_snapshots, use_snapshots
from cdconf.environments.existing import ExistingProvider
from cdconf.errors import InvalidFile, ProviderError, UsageError
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

WEB = Kind("debian-12", ("web",), "sha256:1", frozenset(), "a" * 64)
DB = Kind("debian-12", ("db",), "sha256:1", frozenset(), "b" * 64)


class Image:
    def __init__(self, key, age=timedelta(0), kind=WEB, tagged=True):
        made = (datetime.now(UTC) - age).isoformat()[:19] + ".123456789Z"
        self.id = f"sha256:{key}"
        self.short_id = self.id[:12]
        self.tags = [f"cdconf-snapshot:demo-debian-12-{key[:16]}"] if tagged else []
        self.labels = {"cdconf.project": "demo", "cdconf.kind": kind.name, "cdconf.snapshot": key}
        self.attrs = {"Created": made}


class Client:
    def __init__(self, *images, used=()):
        self.images = self
        self.all = list(images)
        self.used = used

    def get(self, name):
        for image in self.all:
            if name in image.tags:
                return image
        raise ImageNotFound(name)

    def list(self, filters, name=None):
        wanted = [label.partition("=") for label in filters["label"]]
        return [
            image
            for image in self.all
            if all(image.labels.get(key, "") == value or not value for key, _, value in wanted)
            and bool(image.tags) != filters.get("dangling", False)
        ]

    def remove(self, name):
        if name in self.used:
            raise APIError("409 Conflict", explanation="a container is made of it")
        self.all = [image for image in self.all if name not in (image.id, *image.tags)]


@pytest.fixture
def snapshots(tmp_path, monkeypatch):
    root = write(
        tmp_path,
        {
            "cdconf.yml": "project: demo\ngroups: {db: [], web: []}\n",
            "inventories/dev/hosts.yml": "hosts: {web1: {groups: [web]}}\n",
        },
    )
    project = load_project(root)

    def make(*images, used=()):
        client = Client(*images, used=used)
        monkeypatch.setattr(docker_snapshots, "engine", lambda timeout=0: client)
        return client, _Snapshots(project, load_environment(project, "dev"), None, None, lambda event: None)

    return make


def test_a_snapshot_is_known_by_its_whole_key_and_used_for_a_week(snapshots):
    name = f"cdconf-snapshot:demo-debian-12-{'a' * 16}"
    assert snapshots(Image(WEB.key, timedelta(days=6)))[1]._find(WEB) == name
    assert snapshots(Image(WEB.key, timedelta(days=8)))[1]._find(WEB) is None
    assert snapshots(Image("a" * 16 + "c" * 48))[1]._find(WEB) is None
    assert snapshots()[1]._find(WEB) is None


def test_the_newest_of_each_kind_stay_and_so_does_what_is_used_or_perhaps_just_being_made(snapshots):
    webs = [Image(f"{number}" * 64, timedelta(hours=number)) for number in range(6)]
    nameless = [Image("d" * 64, timedelta(hours=1), tagged=False), Image("e" * 64, tagged=False)]
    client, ours = snapshots(*webs, Image(DB.key, timedelta(days=9), DB), *nameless, used=webs[4].tags)
    ours._tidy([WEB])
    left = {image.id.removeprefix("sha256:")[0] for image in client.all}
    assert left == {"0", "1", "2", "4", "b", "e"}


def test_all_of_a_project_are_removed_but_those_in_use(snapshots, tmp_path):
    used = Image(DB.key, kind=DB)
    client, _ = snapshots(Image(WEB.key), used, used=used.tags)
    said = []
    assert remove_snapshots(load_project(tmp_path), said.append) == [f"cdconf-snapshot:demo-debian-12-{'a' * 16}"]
    assert client.all == [used]
    assert "stays" in said[0].message


class Builder:
    removed = False

    def remove(self):
        self.removed = True


def test_one_kind_that_fails_is_said_and_the_others_go_on():
    said, done = [], []
    work = _Work({WEB: Builder(), DB: Builder()}, said.append)

    def step(kind):
        if kind == WEB:
            raise ProviderError("no room")
        done.append(kind)

    work.each(step)
    work.each(step)
    assert (work.left, done) == ([DB], [DB, DB])
    (notice,) = said
    assert notice.warning
    assert "no snapshot of web on debian-12" in notice.message
    assert "no room" in notice.message


def test_an_error_in_the_files_ends_the_run():
    work = _Work({WEB: Builder()}, lambda event: None)
    with pytest.raises(InvalidFile):
        work.fail({WEB: InvalidFile("no", file="x", line=1)})


def test_ctrl_c_removes_the_builders_before_it_waits():
    builders = {WEB: Builder(), DB: Builder()}
    work = _Work(builders, lambda event: None)

    def step(kind):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.each(step)
    assert all(builder.removed for builder in builders.values())


def test_hosts_that_exist_on_their_own_have_no_snapshots(tmp_path):
    root = write(
        tmp_path,
        {
            "cdconf.yml": "project: demo\ngroups: {web: []}\n",
            "inventories/dev/hosts.yml": "hosts: {a: {groups: [web]}}\n",
        },
    )
    project = load_project(root)
    environment = load_environment(project, "dev")
    with pytest.raises(UsageError, match="existing"):
        use_snapshots(project, environment, ExistingProvider(environment), lambda: None, [], lambda event: None)
