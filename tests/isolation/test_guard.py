"""A controller that is killed by SIGKILL leaves nothing of the commit's own code running."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cdconf.isolation import users
from tests.conftest import git, write

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run something as another user")
both = pytest.mark.parametrize("switch", [pytest.param("on", marks=root), "off"])

STARTS = """
import subprocess, sys
from pathlib import Path
from cdconf.isolation import account
with account("test") as who:
    process = who.start(["/bin/sh", "-c", sys.argv[1]], who.home, {"MARK": sys.argv[2]})
    process.wait()
"""
TESTS = """
import sys
from pathlib import Path
from cdconf.smoke.runner import run_smoke
run_smoke(Path(sys.argv[1]), {"base": ["web1"]}, {"web1": {"name": "web1"}}, "dev", {"web1": dict}, print)
"""
BUILDS = """
import sys
from pathlib import Path
from cdconf.artifacts import build
from cdconf.inventory import load_project
project = load_project(Path(sys.argv[1]))
build(project, project.apps["app"], print, allow_dirty=True)
"""


def until(happens):
    end = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.05)


def marked(mark):
    """The processes whose command lines have a word."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


@pytest.fixture
def mark():
    """A length of sleep that nobody else has."""
    return f"{os.getpid()}{time.monotonic_ns() % 10**6:06}"


@contextlib.contextmanager
def killed(program, *arguments, mark, **variables):
    """A controller that's killed once its code runs; what the code has started must end."""
    environment = {**os.environ, **variables}
    with subprocess.Popen([sys.executable, "-c", program, *arguments], env=environment) as controller:
        try:
            until(lambda: [one for one in marked(mark) if one != controller.pid])
            yield controller
        finally:
            controller.kill()
    until(lambda: not marked(mark))


@both
def test_what_an_account_runs_ends_with_the_controller(mark, switch):
    """Also what pays no heed to other signals, in a session of its own."""
    text = f"trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM HUP; sleep {mark}.5' & wait; sleep {mark}.7"
    with killed(STARTS, text, "x", mark=f"{mark}.5", CDCONF_ISOLATION=switch):
        pass


def watchers(user):
    """The processes that watch over an account's own."""
    return [one for one in marked(f"\0{user}\0") if b"guard.py" in Path(f"/proc/{one}/cmdline").read_bytes()]


@root
def test_the_user_stays_taken_until_all_of_its_processes_have_ended(mark):
    with killed(STARTS, f"exec sleep {mark}", "x", mark=mark, CDCONF_ISOLATION="on") as controller:
        until(lambda: len(marked(mark)) == 2)  # the controller, whose argument it is, and what it runs
        (process,) = [one for one in marked(mark) if one != controller.pid]
        user = Path(f"/proc/{process}").stat().st_uid
        until(lambda: watchers(user))
        (watching,) = watchers(user)
        os.kill(watching, signal.SIGSTOP)
        controller.kill()
        controller.wait()
        try:
            with users.free_user() as other:
                assert other != user
        finally:
            os.kill(watching, signal.SIGCONT)


@both
def test_smoke_tests_end_with_the_controller(tmp_path, mark, switch):
    text = f"import subprocess\n\ndef test_it(host):\n    subprocess.run(['sleep', '{mark}'])\n"
    write(tmp_path, {"cdconf.yml": "project: demo\n", "roles/base/smoke/test_it.py": text})
    with killed(TESTS, str(tmp_path), mark=mark, CDCONF_ISOLATION=switch):
        pass


@both
@pytest.mark.parametrize("dirty", [False, True])
def test_a_build_ends_with_the_controller(tmp_path, mark, switch, dirty):
    write(
        tmp_path,
        {
            "cdconf.yml": f"""
                project: demo
                groups: {{web: []}}
                apps:
                  app: {{groups: [web], path: /srv/app, artifact: app-*.tar.gz, build: "sh -c 'sleep {mark}.5; true'"}}
            """,
            ".gitignore": ".cdconf/\n",
        },
    )
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    if dirty:
        (tmp_path / ".gitignore").write_text(".cdconf/\n*.pyc\n")
    with killed(BUILDS, str(tmp_path), mark=f"{mark}.5", CDCONF_ISOLATION=switch):
        pass


def test_it_does_nothing_when_the_controller_ends_as_it_should(mark):
    """What a build leaves running, where nobody else can run it, goes on as ever."""
    text = f"sleep {mark} >/dev/null 2>&1 </dev/null &"
    subprocess.run([sys.executable, "-c", STARTS, text, "x"], env={**os.environ, "CDCONF_ISOLATION": "off"}, check=True)
    (left,) = marked(mark)
    os.kill(left, signal.SIGKILL)
