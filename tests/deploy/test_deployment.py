"""Which artifact a word names, what is found before a host is touched, and what errors mean."""

import io
import tarfile
from types import SimpleNamespace

import pytest

from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.choose import choose
from cdconf.deploy import rollback_target
from cdconf.deploy.host_failure import failure_of
from cdconf.deploy.outcome import explained
from cdconf.deploy.rollout import Failure, Rollout
from cdconf.errors import DeployFailed, GateClosed, HostFailed, Unreachable, UsageError
from cdconf.events import HostDone, Notice
from cdconf.inventory import load_project
from cdconf.session import AgentError
from tests.conftest import cdconf, write


def packed(path, data=b"x"):
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo("f")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return path


@pytest.fixture
def app(project):
    write(
        project,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base], db: [base]}
                apps:
                  app: {groups: [web], path: /srv/app, build: make, artifact: out/app-*.tar.gz}
                  api: {groups: [web], path: /srv/api, build: make, artifact: "out/*-api.tgz"}
            """,
            "roles/base/smoke/test_it.py": "def test_it(host): pass\n",
        },
    )
    return project


def chosen(root, word):
    notices = []
    chosen = choose(load_project(root), str(word), notices.append)
    return chosen, [one.message for one in notices if isinstance(one, Notice)]


def test_a_file_is_added_under_the_app_and_version_that_its_name_tells(app, tmp_path):
    artifact, notices = chosen(app, packed(tmp_path / "app-1.4-rc1.tar.gz"))
    assert (artifact.label, artifact.commit, artifact.dirty) == ("app@1.4-rc1", None, False)
    assert "can't be promoted" in notices[0]
    other, _ = chosen(app, packed(tmp_path / "7-api.tgz", b"y"))
    assert other.label == "api@7"
    assert chosen(app, artifact.archive[:8])[0] == artifact
    assert chosen(app, "app@1.4-rc1")[0] == artifact


def test_a_file_that_is_in_the_store_is_that_artifact_whatever_its_name(app, tmp_path):
    artifact, _ = chosen(app, packed(tmp_path / "app-1.tar.gz"))
    (tmp_path / "app-1.tar.gz").rename(tmp_path / "renamed")
    again, notices = chosen(app, tmp_path / "renamed")
    assert again == artifact
    assert "promoted" not in notices[0]
    assert len(ArtifactStore(load_project(app)).list()) == 1


def test_a_file_of_no_app_says_how_to_add_it(app, tmp_path):
    with pytest.raises(UsageError, match="matches the `artifact` of no app") as caught:
        chosen(app, packed(tmp_path / "else.tar.gz"))
    assert "cdconf artifact add APP" in caught.value.hint


def test_a_file_name_that_fits_two_apps_is_ambiguous(app, tmp_path):
    text = (app / "cdconf.yml").read_text().replace("out/*-api.tgz", "out/app*")
    (app / "cdconf.yml").write_text(text)
    with pytest.raises(UsageError, match="of 'app', 'api'"):
        chosen(app, packed(tmp_path / "app-1.tar.gz"))


def test_a_file_that_is_not_there_is_said_to_be_missing(app):
    with pytest.raises(UsageError, match=r"no file './app-1.tar.gz'"):
        chosen(app, "./app-1.tar.gz")


@pytest.mark.parametrize(
    ("word", "hint"), [("ap", "did you mean 'app'?"), ("1239ec1", "give 8 digits or more"), ("x", "there are: app")]
)
def test_a_word_that_names_nothing_is_told_what_would(app, word, hint):
    with pytest.raises(UsageError, match=f"there is no app '{word}'") as caught:
        chosen(app, word)
    assert hint in caught.value.hint


def test_an_artifact_whose_app_is_gone_is_refused(app, tmp_path):
    artifact, _ = chosen(app, packed(tmp_path / "7-api.tgz"))
    text = (app / "cdconf.yml").read_text()
    (app / "cdconf.yml").write_text("".join(line for line in text.splitlines(True) if "api" not in line))
    result = cdconf(app, "deploy", artifact.label, "--to", "dev")
    assert result.returncode == 1
    assert "api@7 can't be deployed: cdconf.yml has no app 'api'" in result.stderr


def test_smoke_tests_that_are_not_python_end_a_deployment_before_any_host_is_asked(app, tmp_path):
    write(app, {"roles/base/smoke/test_it.py": "x = 1\ndef test_it(host:\n"})
    result = cdconf(app, "deploy", str(packed(tmp_path / "app-1.tar.gz")), "--to", "dev")
    assert result.returncode == 1
    assert "roles/base/smoke/test_it.py:2: not Python" in result.stderr
    result = cdconf(app, "rollback", "dev", "app")
    assert (result.returncode, "test_it.py:2" in result.stderr) == (1, True)
    result = cdconf(app, "provision", "dev")
    assert (result.returncode, "test_it.py:2" in result.stderr) == (1, True)


def test_an_app_without_any_smoke_test_is_not_deployed(app, tmp_path):
    (app / "roles/base/smoke/test_it.py").unlink()
    result = cdconf(app, "deploy", str(packed(tmp_path / "app-1.tar.gz")), "--to", "dev")
    assert result.returncode == 1
    assert "web1 has no smoke tests" in result.stderr


@pytest.mark.parametrize(
    ("error", "verdict", "unreachable"),
    [
        (AgentError("no", host="a", reason="release", details={}, detail=None), True, False),
        (AgentError("no", host="a", reason="failed", details={}, detail=None), False, False),
        (AgentError("no", host="a", reason="disk_full", details={}, detail=None), False, False),
        (AgentError("no", host="a", reason="bug", details={}, detail=None), False, False),
        (Unreachable("no", host="a"), False, True),
        (HostFailed("no", host="a"), False, False),
    ],
)
def test_only_what_the_release_itself_did_is_a_verdict(error, verdict, unreachable):
    assert failure_of(error) == Failure("no", verdict=verdict, unreachable=unreachable)


APP = SimpleNamespace(confirm_within=60.0)
SILENT = Failure("hangs", verdict=False, unreachable=True)
BROKEN = Failure("no", verdict=False)
UNWELL = Failure("not healthy", verdict=True)


@pytest.mark.parametrize(
    ("failures", "stuck", "kind"),
    [
        ({"b": SILENT}, {}, Unreachable),
        ({"b": SILENT}, {"b": SILENT}, Unreachable),
        ({"b": SILENT}, {"a": BROKEN}, DeployFailed),
        ({"a": BROKEN, "b": SILENT}, {"b": SILENT}, DeployFailed),
        ({"b": SILENT, "a": UNWELL}, {"b": SILENT}, DeployFailed),
    ],
)
def test_a_run_that_failed_for_silent_hosts_alone_says_unreachable(failures, stuck, kind):
    rollout = Rollout([("a",), ("b",), ("c",)], stage=False)
    while rollout.step.kind != "activate" or rollout.step.hosts != ("b",):
        rollout.advance()
    rollout.advance(failures)
    rollout.advance(stuck)
    events = []
    hosts = [SimpleNamespace(name=name) for name in "abc"]
    error = explained(rollout, SimpleNamespace(hosts=hosts, app=APP), events.append)
    assert type(error) is kind
    said = {event.host: event.status for event in events if isinstance(event, HostDone)}
    assert said["c"] == "not_attempted"
    alone = bool(stuck) and all(why.unreachable for why in stuck.values())
    assert ("goes back by itself within 120 s" in error.message) == alone
    first = "a" if failures.get("a") is UNWELL else next(iter(failures))
    assert (error.host, error.message.partition(" (")[0]) == (first, failures[first].message)
    told = [event.message for event in events if isinstance(event, Notice)]
    assert told == [f"{name}: {why.message}" for name, why in failures.items() if name != first]
    for name, why in stuck.items():
        assert said[name] == ("unreachable" if why.unreachable else "failed")


def page(*verified, linked="", activating=None):
    linked = verified[-1] if linked == "" and verified else linked or None
    releases = {name: {"version": f"v{name}", "archive": f"sha-{name}"} for name in verified}
    return {
        "verified": list(verified),
        "releases": releases,
        "linked": linked,
        "activating": activating,
        "pinned": {},
    }


@pytest.mark.parametrize(
    ("pages", "release"),
    [
        ([page("1", "2"), page("1", "2")], "1"),
        ([page("1", "2"), page()], "1"),
        ([page("1", "2"), page("2")], "1"),
        ([page("1", "2", linked="3"), page("1", "2", linked="3")], "2"),
        ([page("1", "2"), page("0", "2")], GateClosed),
        ([page("2"), page()], GateClosed),
    ],
)
def test_what_hosts_go_back_to(pages, release):
    pages = {str(number): one for number, one in enumerate(pages)}
    if release is GateClosed:
        with pytest.raises(GateClosed):
            rollback_target.previous(pages, SimpleNamespace(name="app"))
    else:
        assert rollback_target.previous(pages, SimpleNamespace(name="app")) == release


@pytest.mark.parametrize(
    ("pages", "stopped", "release"),
    [
        ([page("1", "2", "3")], {"sha-2"}, "1"),
        ([page("1", "2", "3"), page("2", "3")], {"sha-2"}, "1"),
        ([page("1", "2", linked="3")], {"sha-2"}, "1"),
        ([page("1", "2", "1")], {"sha-2"}, GateClosed),  # what runs is nothing to go back to
        ([page("1", "2")], {"sha-1"}, GateClosed),
    ],
)
def test_what_was_stopped_is_skipped_on_the_way_back(pages, stopped, release):
    pages = {str(number): one for number, one in enumerate(pages)}
    app = SimpleNamespace(name="app")
    asked = []

    def tell(archives):
        asked.append(archives)
        return stopped

    if release is GateClosed:
        with pytest.raises(GateClosed, match="that isn't stopped") as caught:
            rollback_target.previous(pages, app, tell)
        assert "--to VERSION" in caught.value.hint
    else:
        assert rollback_target.previous(pages, app, tell) == release
    assert stopped <= asked[0]


def test_what_a_rollback_leaves_is_what_ran():
    pages = {"a": page("1", "2"), "b": page("1"), "c": page("1", "2", linked="unknown")}
    assert rollback_target.left_releases(pages, "1") == [{"version": "v2", "archive": "sha-2"}]


def test_a_rollback_to_a_version_goes_to_its_verified_release_alone():
    app = SimpleNamespace(name="app")
    pages = {"a": page("1", "2", "3"), "b": page("3")}
    assert rollback_target.of_version(pages, app, "v1") == "1"
    with pytest.raises(GateClosed, match="version v9 is verified on no host") as caught:
        rollback_target.of_version(pages, app, "v9")
    assert caught.value.hint == "verified versions: v1, v2, v3"
    pages["b"]["releases"]["3"]["version"] = "v2"
    with pytest.raises(GateClosed, match="means 2 or 3"):
        rollback_target.of_version(pages, app, "v2")
    pages["a"]["pinned"]["sha-1"] = {"reason": "smoke tests failed", "version": "v1", "at": 0}
    with pytest.raises(GateClosed, match="pinned, because it failed on a: smoke"):
        rollback_target.of_version(pages, app, "v1")
