"""Smoke tests: what a role's tests may meet, and what that says of a release."""

import json
import os
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from cdconf.deploy.verify import smoke
from cdconf.errors import CdconfError, InvalidFile, Unreachable
from cdconf.roles import smoke_errors, smoke_files
from cdconf.smoke.runner import SmokeReport, _Server, check_runnable, run_smoke
from tests.conftest import cdconf, write

HOSTS = {"web1": {"name": "web1", "address": "192.0.2.1", "groups": ["web"]}}


def answer(command):
    return {"status": 0, "stdout": b"fine\n", "stderr": b""}


def smoked(root, text, run_on=answer):
    write(root, {"roles/base/smoke/test_it.py": text})
    events = []
    report = run_smoke(root, {"base": ["web1"]}, HOSTS, "dev", {"web1": run_on}, events.append)
    return report, events


def test_a_test_talks_to_its_host(project):
    report, events = smoked(project, "def test_it(host):\n    assert host.check_output('x') == 'fine'\n")
    assert report.ok
    assert [(one.host, one.test, one.passed) for one in events] == [("web1", "base: test_it.py::test_it", True)]


def test_a_test_may_ask_as_another_user(project):
    asked = []

    def as_users(command, user="root"):
        asked.append((command, user))
        return {"status": 0, "stdout": f"{user}\n".encode(), "stderr": b""}

    text = """
        def test_it(host, host_as):
            shop = host_as("shop")
            assert shop.check_output("id -un") == "shop"
            assert host.check_output("id -un") == "root"

        def test_that(host_as):
            assert host_as("it's").run("x").rc == 0
    """
    report, events = smoked(project, text, as_users)
    assert (report.passed, [one.host for one in events]) == (2, ["web1", "web1"])
    assert asked[:2] == [("id -un", "shop"), ("id -un", "root")]
    assert {user for _, user in asked[2:]} == {"it's"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "import os\nimport nosuchmodule\n",
            "roles/base/smoke/test_it.py:2: ModuleNotFoundError: No module named 'nosuchmodule'; `smoke: ",
        ),
        ("x = 1\n\ndef test_it(host:\n", "roles/base/smoke/test_it.py:3: SyntaxError"),
        ("def test_it(nosuchfixture): pass\n", None),
        ("x = 1\n", "no smoke test was collected"),
    ],
)
def test_tests_that_cannot_be_collected_are_a_problem_and_no_verdict(project, text, problem):
    report, _ = smoked(project, text)
    assert not report.ok
    if problem is None:  # pytest reports an unknown fixture as the failure of that test
        assert report.failed
    else:
        assert problem in report.problem
        assert "Traceback" not in report.problem
        assert not report.failed


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("import nosuchmodule\n", False), ("def test_it(host): assert False\n", True), ("x = 1\n", False)],
)
def test_only_a_test_that_ran_and_failed_blames_the_release(project, text, verdict):
    write(project, {"roles/base/smoke/test_it.py": text})
    host = SimpleNamespace(name="web1", address="192.0.2.1", groups=("web",))
    shape = SimpleNamespace(root=project, groups={"web": ("base",)}, smoke_packages=None)
    environment = SimpleNamespace(name="dev", hosts={"web1": host})
    fleet = SimpleNamespace(lend=dict, sessions={"web1": SimpleNamespace(run=lambda command, timeout: answer(command))})
    failures = smoke(shape, environment, fleet, [host], lambda event: None)
    assert [one.verdict for one in failures.values()] == [verdict]


def test_tests_whose_process_was_killed_say_so(project):
    report, _ = smoked(project, "import os\ndef test_it(host):\n    os.kill(os.getpid(), 9)\n")
    assert report.problem.splitlines()[0] == "the smoke tests couldn't run: pytest was killed by signal 9"
    report, _ = smoked(project, "import os\ndef test_it(host):\n    os._exit(7)\n")
    assert report.problem.splitlines()[0] == "the smoke tests couldn't run: pytest ended with exit status 7"


def test_a_host_that_falls_silent_is_not_a_failed_test(project):
    def silent(command):
        raise Unreachable("hangs", host="web1")

    report, events = smoked(project, "def test_it(host):\n    host.run('x')\n", silent)
    assert list(report.unreachable) == ["web1"]
    assert [one.message for one in events] == ["web1: hangs"], "a traceback says no more"


@pytest.mark.parametrize("message", [b'{"host": "web1", "command": "x"}\n', b'{"host": "we', b""])
def test_tests_that_are_killed_in_the_middle_leave_no_traceback(tmp_path, message):
    closed = threading.Event()

    def slow(command):
        closed.wait(10)
        return answer(command)

    server = _Server(tmp_path / "socket", {"web1": slow}, SmokeReport(), lambda event: None)
    with server:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(str(server.path))
        client.sendall(message)
        time.sleep(0.1)
        client.close()
        closed.set()
    assert not server._thread.is_alive()


def test_what_python_cannot_read_is_found_without_running_it(project):
    write(
        project,
        {
            "roles/base/smoke/test_bad.py": "x = 1\ndef test_it(host:\n",
            "roles/base/smoke/lib/more.py": "return 1\n",
            "roles/base/smoke/test_fine.py": "raise SystemExit('never run')\n",
        },
    )
    (project / "roles/base/smoke/test_nul.py").write_bytes(b"x = '\0'\n")
    (project / "roles/base/smoke/test_bytes.py").write_bytes(b"x = '\xff'\n")
    (project / "roles/base/smoke/test_deep.py").write_text("-" * 200_000 + "1")
    with (project / "roles/base/smoke/test_huge.py").open("wb") as stream:
        stream.truncate(1 << 40)
    os.mkfifo(project / "roles/base/smoke/test_pipe.py")  # which nobody ever writes to
    found = smoke_errors(project, ["base"])
    assert sorted((one.file.rpartition("smoke/")[2], one.line) for one in found) == [
        ("lib/more.py", 1),
        ("test_bad.py", 2),
        ("test_bytes.py", 1),
        ("test_deep.py", 1),
        ("test_huge.py", None),
        ("test_nul.py", 1),
        ("test_pipe.py", None),
    ]
    with pytest.raises(InvalidFile, match="this isn't a file"):
        smoke_files(project, ["base"])


def test_lint_finds_it(project):
    write(project, {"roles/base/smoke/test_bad.py": "x = 1\ndef test_it(host:\n"})
    result = cdconf(project, "lint", "--json")
    assert result.returncode == 1
    (error,) = json.loads(result.stdout)["errors"]
    assert (error["file"], error["line"]) == ("roles/base/smoke/test_bad.py", 2)


def test_a_teardown_that_fails_is_a_failed_test(project):
    text = """
        import pytest
        @pytest.fixture
        def thing():
            yield
            raise OSError("the thing is lost")
        def test_it(host, thing):
            pass
    """
    report, _ = smoked(project, text)
    assert report.failed == {"web1": ["base: test_it.py::test_it"]}


def test_a_test_that_asks_for_no_host_counts_for_the_first(project):
    report, events = smoked(project, "def test_it(): assert False\n")
    assert (report.failed, [one.host for one in events]) == ({"web1": ["base: test_it.py::test_it"]}, ["web1"])


def test_hosts_whose_names_begin_alike_are_told_apart(project):
    text = """
        import pytest
        @pytest.mark.parametrize("word", ["web-1", "x"])
        def test_it(host, word):
            assert host.backend.hostname == "web-1"
    """
    write(project, {"roles/base/smoke/test_it.py": text})
    names = ["web-1", "web-10"]
    hosts = {name: {"name": name, "address": None, "groups": []} for name in names}
    events = []
    run_smoke(project, {"base": names}, hosts, "dev", dict.fromkeys(names, answer), events.append)
    assert sorted((one.host, one.passed) for one in events) == [("web-1", True)] * 2 + [("web-10", False)] * 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import nosuchmodule\n", "No module named 'nosuchmodule'"),
        ("x = 1\n", "no smoke test was collected"),
        ("import os\nos._exit(3)\n", "the smoke tests can't be run"),
        ("def test_it(host): assert False\n", None),
    ],
)
def test_what_would_keep_tests_from_running_is_found_without_a_host(project, text, problem):
    write(project, {"roles/base/smoke/test_it.py": text})
    if problem is None:
        check_runnable(project, {"base": ["web1"]}, HOSTS)
    else:
        with pytest.raises(CdconfError, match=problem):
            check_runnable(project, {"base": ["web1"]}, HOSTS)


@pytest.mark.parametrize(("folder", "words"), [("x" * 100, "is too long"), (None, "No space left")])
def test_a_place_where_the_tests_cannot_run_is_found_before_anything_is_touched(
    project, tmp_path, monkeypatch, folder, words
):
    write(project, {"roles/base/smoke/test_it.py": "def test_it(host): pass\n"})
    if folder:
        (tmp_path / folder).mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / folder))
    else:
        monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(CdconfError, match=words) as found:
        check_runnable(project, {"base": ["web1"]}, HOSTS)
    assert "TMPDIR" in found.value.hint
    report = run_smoke(project, {"base": ["web1"]}, HOSTS, "dev", {"web1": answer}, lambda event: None)
    assert words in report.problem


def full(*arguments, **keywords):
    raise OSError(28, "No space left on device", "/tmp")


def test_a_test_may_print_any_byte(project):
    text = "import os\nos.write(1, bytes(range(256)))\ndef test_it(host): assert host.check_output('x') == 'fine'\n"
    report, _ = smoked(project, text)
    assert report.ok


def two_files(root, one, other):
    write(root, {"roles/base/smoke/test_one.py": one, "roles/base/smoke/test_other.py": other})
    names = ["web1", "web2"]
    hosts = {name: {"name": name, "address": None, "groups": []} for name in names}
    events = []
    report = run_smoke(root, {"base": names}, hosts, "dev", dict.fromkeys(names, answer), events.append)
    return report, events


def test_tests_of_one_name_are_told_apart_by_file_class_and_parameters(project):
    one = """
        import pytest
        @pytest.mark.parametrize("port", ["-80-", "443"])
        def test_a(host, port): pass
    """
    other = """
        import pytest
        class TestIt:
            @pytest.mark.parametrize("host_name", ["cdconf://web1"])
            def test_a(self, host_name, host): pass
        @pytest.mark.parametrize("x", ["a::b"])
        def test_b(x): pass
    """
    _, events = two_files(project, one, other)
    assert sorted((one.host, one.test) for one in events) == [
        *(("web1", "base: test_one.py::test_a[-80-]"), ("web1", "base: test_one.py::test_a[443]")),
        ("web1", "base: test_other.py::TestIt::test_a[cdconf://web1]"),
        ("web1", "base: test_other.py::test_b[a::b]"),
        *(("web2", "base: test_one.py::test_a[-80-]"), ("web2", "base: test_one.py::test_a[443]")),
        ("web2", "base: test_other.py::TestIt::test_a[cdconf://web1]"),
    ]


def test_skipped_tests_are_reported_with_their_reasons(project):
    text = """
        import pytest
        @pytest.mark.skip(reason="not here")
        def test_marked(host): pass
        def test_asks(host): pytest.skip("no nginx")
        @pytest.mark.xfail(reason="known")
        def test_known(host): assert False
        def test_it(host): pass
    """
    report, events = smoked(project, text)
    assert report.ok
    assert (report.passed, report.failed) == (1, {})
    skipped = {one.test.rpartition("::")[2]: one.message for one in events if one.skipped}
    assert skipped == {"test_marked": "not here", "test_asks": "no nginx", "test_known": "it's expected to fail: known"}
    assert {(one.host, one.passed) for one in events} == {("web1", True)}


@pytest.mark.parametrize(
    "text",
    [
        "import pytest\ndef test_it(host): pytest.skip('no nginx')\n",
        "import pytest\npytest.skip('no nginx', allow_module_level=True)\n",
        "import pytest\npytest.importorskip('nosuch', reason='no nginx')\ndef test_it(host): pass\n",
    ],
)
def test_all_skipped_is_no_missing_test(project, text):
    report, _ = smoked(project, text)
    assert not report.ok
    assert "every smoke test was skipped" in report.problem
    assert "no nginx" in report.problem


def test_a_file_that_cannot_be_imported_fails_alone(project):
    report, events = two_files(project, "import nosuchmodule\n", "def test_it(host): pass\n")
    found = sorted((one.host, one.test, one.passed) for one in events)
    assert found == [
        ("web1", "base: test_one.py", False),
        ("web1", "base: test_other.py::test_it", True),
        ("web2", "base: test_one.py", False),
        ("web2", "base: test_other.py::test_it", True),
    ]
    assert not report.ok
    assert set(report.uncollected) == {"web1", "web2"}
    assert report.failed == {}, "nobody's verdict"
