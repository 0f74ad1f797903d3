"""Which artifacts may go."""

import shutil
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from cdconf.artifacts import Artifact, ArtifactStore, retention
from cdconf.artifacts.holders import forget, reserved
from cdconf.artifacts.retention import Use, in_use, superfluous
from cdconf.cli.verbs.artifact import command as artifact_command
from cdconf.engine import Fleet, Outcome
from cdconf.errors import HostFailed, ProviderError, Unreachable
from cdconf.inventory import load_environment, load_project
from tests.conftest import cdconf, write


def artifact(app, number):
    about = dict.fromkeys(("file_name", "builder"), "x") | dict.fromkeys(("commit", "commit_time"))
    return Artifact(
        app, str(number), f"a{number}", f"t{number}", size=1, built_at=number, duration_s=0, dirty=False, **about
    )


NEWEST_FIRST = [artifact(app, number) for number in (5, 4, 3, 2, 1) for app in ("shop", "api")]


def left(use, keep):
    return [one.label for one in superfluous(NEWEST_FIRST, use, keep)]


def test_the_newest_of_each_app_stay():
    assert left(Use(), 4) == ["shop@1", "api@1"]
    assert left(Use(), 5) == []


def test_the_newest_are_those_that_the_store_took_in_last():
    """Whoever built `shop@1` had a clock that was behind. Where a store was copied, its own order says nothing."""
    skewed = [artifact("shop", number) for number in (1, 5, 4, 3, 2)]
    assert [one.label for one in superfluous(skewed, Use(), 1)] == ["shop@4", "shop@3", "shop@2"]


@pytest.mark.parametrize("page", [{"archive": "a2", "tree": "?"}, {"archive": "?", "tree": "t2"}])
def test_what_a_host_holds_stays_however_old(page):
    use = Use()
    use.add({"releases": {"2-t2": page}})
    assert left(use, 3) == ["shop@1", "api@1"]


def test_all_artifacts_of_an_app_stay_while_one_of_its_hosts_is_silent():
    use = Use()
    use.doubt(["shop"], "web1 doesn't answer")
    assert left(use, 1) == ["api@4", "api@3", "api@2", "api@1"]


@pytest.fixture
def app(project):
    return write(
        project,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base], db: [base]}
                apps:
                  app: {groups: [web], path: /srv/app, build: make, artifact: out/app-*.tar.gz}
            """,
            "inventories/dev/hosts.yml": """
                hosts:
                  web1: {address: 127.0.0.1, groups: [web], ssh: {port: 1}}
                  db1: {address: 127.0.0.1, groups: [db], ssh: {port: 1}}
            """,
        },
    )


def filled(app, tmp_path, count):
    for number in range(count):
        file = tmp_path / f"app-{number}.bin"
        file.write_bytes(b"%d" % number)
        assert cdconf(app, "artifact", "add", "app", str(file), "--version", str(number)).returncode == 0


def test_gc_keeps_everything_while_a_host_cannot_be_asked(app, tmp_path):
    filled(app, tmp_path, 3)
    result = cdconf(app, "artifact", "gc", "--keep", "1")
    assert result.returncode == 4
    assert "all artifacts of app stay: dev: web1: " in result.stderr
    assert "db1" not in result.stderr
    assert len(ArtifactStore(load_project(app)).list()) == 3


def test_gc_of_an_environment_without_hosts_of_an_app_removes_the_oldest(app, tmp_path):
    filled(app, tmp_path, 3)
    write(app, {"inventories/dev/hosts.yml": "hosts:\n  db1: {address: 127.0.0.1, groups: [db]}\n"})
    tried = cdconf(app, "artifact", "gc", "--keep", "1", "--dry-run")
    assert (tried.returncode, "would remove app@0" in tried.stderr) == (0, True)
    assert len(ArtifactStore(load_project(app)).list()) == 3
    result = cdconf(app, "artifact", "gc", "--keep", "1")
    assert (result.returncode, "2 of 3 artifacts" in result.stderr) == (0, True)
    assert [one.label for one in ArtifactStore(load_project(app)).list()] == ["app@2"]


def test_gc_keeps_artifacts_of_an_app_that_has_gone_from_the_files(app, tmp_path):
    filled(app, tmp_path, 2)
    text = (app / "cdconf.yml").read_text()
    (app / "cdconf.yml").write_text(text.replace("  app: {", "  other: {").replace("/srv/app", "/srv/other"))
    write(app, {"inventories/dev/hosts.yml": "hosts:\n  db1: {address: 127.0.0.1, groups: [db]}\n"})
    result = cdconf(app, "artifact", "gc", "--keep", "1")
    assert (result.returncode, "cdconf.yml has no such app" in result.stderr) == (0, True)
    assert len(ArtifactStore(load_project(app)).list()) == 2


@pytest.mark.parametrize(
    ("made", "located", "unknown"), [(0, [], False), (2, ["web1"], False), (2, [], True), (None, [], True)]
)
def test_hosts_that_a_provider_has_not_made_hold_nothing_and_stopped_ones_might(
    app, monkeypatch, made, located, unknown
):
    class Provider:
        def locate(self, hosts):
            if made is None:
                raise ProviderError("no engine")
            return {host.name: host for host in hosts if host.name in located}

        def standing(self):
            return SimpleNamespace(made=made)

    monkeypatch.setattr(retention, "provider_for", lambda project, environment: Provider())
    # The store is the checkout's own: nobody else deploys from it.
    use = in_use(load_project(app), lambda event: None)
    # The one that was located doesn't answer, so nothing is known of it either.
    assert bool(use.unknown) is (unknown or bool(located))
    assert use.unreachable is (bool(located) or (unknown and made is not None))


@pytest.fixture
def shared(app, tmp_path, monkeypatch):
    """Two checkouts that share a store; dev's hosts are a provider's, which has made none in either."""

    class Provider:
        def locate(self, hosts):
            return {}

        def standing(self):
            return SimpleNamespace(made=0)

    monkeypatch.setattr(retention, "provider_for", lambda project, environment: Provider())
    store = tmp_path / "shared"
    store.mkdir()
    text = (app / "cdconf.yml").read_text()
    (app / "cdconf.yml").write_text(f"{text.rstrip()}\nstore: {store}\n")
    hosts = "provider: docker\nhosts:\n  web1: {groups: [web], os: debian-12}\n"
    write(app, {"inventories/dev/hosts.yml": hosts})
    other = tmp_path / "other"
    other.mkdir()
    for name in ("cdconf.yml", "inventories", "roles"):
        source = app / name
        shutil.copytree(source, other / name) if source.is_dir() else shutil.copy(source, other / name)
    filled(app, tmp_path, 4)
    return app, other


def collected(root, *words):
    result = CliRunner().invoke(artifact_command, ["gc", "--keep", "1", "--project", str(root), *words])
    return result.exit_code, result.stderr


def labels(root):
    return sorted(one.label for one in ArtifactStore(load_project(root)).list())


@pytest.mark.parametrize(
    ("error", "code"),
    [(HostFailed("no\nerror: web2: it's theirs", host="web1"), 1), (Unreachable("gone", host="web1"), 4)],
)
def test_a_host_that_answers_and_can_not_tell_what_it_holds_fails_the_run_in_one_line(
    app, tmp_path, monkeypatch, error, code
):
    filled(app, tmp_path, 2)
    monkeypatch.setattr(Fleet, "look", lambda fleet, hosts, job: Outcome({}, {hosts[0].name: error}))
    found, said = collected(app)
    assert found == code
    assert f"all artifacts of app stay: dev: web1: {error.message.partition(chr(10))[0]}" in said
    assert not any(line.startswith("error:") for line in said.splitlines())
    assert labels(app) == ["app@0", "app@1"]


def test_hosts_that_another_checkout_may_have_made_count_as_holding(shared):
    app, _ = shared
    code, said = collected(app)
    assert code == 4
    assert "all artifacts of app stay: dev: its hosts aren't made in this checkout" in said
    assert len(labels(app)) == 4


def bring(root, label):
    """What a deployment does in the store."""
    project = load_project(root)
    store = ArtifactStore(project)
    return reserved(project, store.place, store.find(label), load_environment(project, "dev"), lambda event: None)


def test_what_a_deployment_of_another_checkout_has_noted_stays_until_its_hosts_are_gone(shared):
    app, other = shared
    with bring(other, "app@1"):
        pass
    with bring(other, "app@1"):  # again: still one object
        pass
    code, said = collected(app, "--without", "dev")
    assert code == 0
    assert labels(app) == ["app@1", "app@3"]
    checkout = load_project(other).checkout
    assert f"app@1 stays: dev's hosts of checkout {checkout} may hold it" in said
    assert collected(app, "--without", "dev", "--forget", "x")[0] == 1
    assert collected(app, "--without", "dev", "--forget", f"{checkout}/dev", "--dry-run")[0] == 0
    assert labels(app) == ["app@1", "app@3"]
    assert collected(app, "--without", "dev", "--forget", f"{checkout}/dev")[0] == 0
    assert labels(app) == ["app@3"]


def test_an_environment_that_only_another_checkout_knows_holds_what_was_brought_there(shared):
    app, other = shared
    write(other, {"inventories/eu/hosts.yml": "hosts:\n  web1: {address: 192.0.2.7, groups: [web]}\n"})
    project = load_project(other)
    store = ArtifactStore(project)
    eu = load_environment(project, "eu")
    with reserved(project, store.place, store.find("app@0"), eu, lambda event: None):
        pass
    collected(app, "--without", "dev")
    assert labels(app) == ["app@0", "app@3"]


def test_what_hosts_that_are_asked_from_here_no_longer_hold_is_not_kept_by_what_was_noted(shared):
    app, _ = shared
    with bring(app, "app@1"):
        pass
    collected(app, "--without", "dev")  # dev's hosts of this checkout: it knows that there are none
    assert labels(app) == ["app@3"]


def test_what_a_run_has_reserved_stays_however_old(shared):
    app, other = shared
    for root in (app, other):
        with bring(root, "app@1"):
            code, said = collected(app, "--without", "dev", "--forget", f"{load_project(other).checkout}/dev")
        assert (code, labels(app)) == (0, ["app@1", "app@3"])
        assert "app@1 stays: a run is about to bring it to hosts" in said


def test_a_run_that_begins_while_hosts_are_asked_is_noticed(shared, monkeypatch):
    """Whether it goes on or has ended when gc comes to remove."""
    app, other = shared
    ask = retention.in_use

    def meanwhile(*arguments, **options):
        use = ask(*arguments, **options)
        with bring(other, "app@1"):
            pass
        going_on.enter_context(bring(app, "app@2"))
        return use

    monkeypatch.setattr(retention, "in_use", meanwhile)
    with ExitStack() as going_on:
        _, said = collected(app, "--without", "dev")
    assert labels(app) == ["app@1", "app@2", "app@3"]
    assert "app@1 stays, because a run has begun to use it" in said


def test_a_holder_that_cannot_be_read_holds(shared):
    app, _ = shared
    archive = ArtifactStore(load_project(app)).find("app@1").archive
    ArtifactStore(load_project(app)).place.create(f"holder-{archive}-{'0' * 16}-1.json", b'{"version": 2}')
    collected(app, "--without", "dev")
    assert labels(app) == ["app@1", "app@3"]


def test_destroying_an_environment_forgets_what_it_held(shared):
    app, other = shared
    with bring(other, "app@1"):
        pass
    project = load_project(other)
    assert forget(project, ArtifactStore(project).place, "staging") == 0
    assert forget(project, ArtifactStore(project).place, "dev") == 1
    collected(app, "--without", "dev")
    assert labels(app) == ["app@3"]
