"""Which artifacts may go."""

from types import SimpleNamespace

import pytest

from cdconf.artifacts import Artifact, Store
from cdconf.deploy import retention
from cdconf.deploy.retention import Use, in_use, superfluous
from cdconf.errors import ProviderError
from cdconf.inventory import load_project
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
    assert len(Store(load_project(app)).list()) == 3


def test_gc_of_an_environment_without_hosts_of_an_app_removes_the_oldest(app, tmp_path):
    filled(app, tmp_path, 3)
    write(app, {"inventories/dev/hosts.yml": "hosts:\n  db1: {address: 127.0.0.1, groups: [db]}\n"})
    tried = cdconf(app, "artifact", "gc", "--keep", "1", "--dry-run")
    assert (tried.returncode, "would remove app@0" in tried.stderr) == (0, True)
    assert len(Store(load_project(app)).list()) == 3
    result = cdconf(app, "artifact", "gc", "--keep", "1")
    assert (result.returncode, "2 of 3 artifacts" in result.stderr) == (0, True)
    assert [one.label for one in Store(load_project(app)).list()] == ["app@2"]


def test_gc_keeps_artifacts_of_an_app_that_has_gone_from_the_files(app, tmp_path):
    filled(app, tmp_path, 2)
    text = (app / "cdconf.yml").read_text()
    (app / "cdconf.yml").write_text(text.replace("  app: {", "  other: {").replace("/srv/app", "/srv/other"))
    write(app, {"inventories/dev/hosts.yml": "hosts:\n  db1: {address: 127.0.0.1, groups: [db]}\n"})
    result = cdconf(app, "artifact", "gc", "--keep", "1")
    assert (result.returncode, "cdconf.yml has no such app" in result.stderr) == (0, True)
    assert len(Store(load_project(app)).list()) == 2


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
    use = in_use(load_project(app), lambda event: None)
    # The one that was located doesn't answer, so nothing is known of it either.
    assert bool(use.unknown) is (unknown or bool(located))
    assert use.unreachable is (bool(located) or (unknown and made is not None))
