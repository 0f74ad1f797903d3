"""The process that smoke tests are forked from."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cdconf.smoke import process as module
from cdconf.smoke.process import Pytest
from tests.conftest import write

ARGUMENTS = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "test_it.py"]


@pytest.fixture(scope="module")
def one():
    with contextlib.closing(Pytest()) as process:
        yield process


def ran(one, root, text, timeout=60, **environment):
    write(root, {"test_it.py": text})
    return one.run(ARGUMENTS, root, {**os.environ, **environment}, timeout)


def test_a_run_has_its_own_directory_environment_and_session(one, tmp_path):
    text = """
        import os, sys
        def test_it():
            assert os.environ["WORD"] == "mine"
            assert os.getsid(0) == os.getpid()
            assert sys.stdin.isatty() is False
            assert sys.path[0] == os.getcwd()
            assert os.getcwd() == ROOT
            os.environ["LEFT"] = "x"
    """
    for _ in range(2):
        status, output = ran(one, tmp_path, text.replace("ROOT", repr(str(tmp_path))), WORD="mine")
        assert (status, "1 passed" in output) == (0, True), output
    status, output = ran(one, tmp_path, "import os\ndef test_it(): assert not {'WORD', 'LEFT'} & set(os.environ)\n")
    assert status == 0, output


def test_the_next_run_imports_what_the_tests_say_now(one, tmp_path):
    write(tmp_path, {"beside.py": "VALUE = 1\n"})
    assert ran(one, tmp_path, "import beside\ndef test_it(): assert beside.VALUE == 1\n")[0] == 0
    write(tmp_path, {"beside.py": "VALUE = 22\n"})
    assert ran(one, tmp_path, "import beside\ndef test_it(): assert beside.VALUE == 22\n")[0] == 0


def test_a_run_that_takes_too_long_is_killed_and_the_next_one_works(one, tmp_path):
    status, output = ran(one, tmp_path, "import time\ndef test_it(): time.sleep(600)\n", timeout=1)
    assert (status, output.splitlines()[-1]) == (2, "still running after 1 s, killed")
    assert ran(one, tmp_path, "def test_it(): pass\n")[0] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_that_ends_a_run_is_told(one, tmp_path, number):
    assert ran(one, tmp_path, f"import os\ndef test_it(): os.kill(os.getpid(), {number})\n")[0] == -number


def test_a_process_that_died_is_started_again(one, tmp_path):
    one.start()
    os.kill(one._process.pid, signal.SIGKILL)
    one._process.wait()
    assert ran(one, tmp_path, "def test_it(): pass\n")[0] == 0
    status, _ = ran(one, tmp_path, "import os\ndef test_it(): os.kill(os.getppid(), 9); os._exit(0)\n")
    assert status == -signal.SIGKILL
    assert ran(one, tmp_path, "def test_it(): pass\n")[0] == 0


def test_what_keeps_the_process_from_starting_is_shown(tmp_path, monkeypatch):
    broken = write(tmp_path, {"python": "#!/bin/sh\necho no pytest >&2\n"}) / "python"
    broken.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(broken))
    with contextlib.closing(Pytest()) as lacking:
        assert ran(lacking, tmp_path, "def test_it(): pass\n") == (-signal.SIGKILL, "no pytest\n")


def test_the_end_of_much_output_is_kept(one, tmp_path):
    status, output = ran(one, tmp_path, "def test_it(): print('x' * (5 << 20)); assert 0\n")
    assert (status, len(output)) == (1, 1 << 20)
    assert "1 failed" in output


def test_an_interruption_kills_the_run(one, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.select, "select", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ran(one, tmp_path, "import time\ndef test_it(): time.sleep(600)\n")
    monkeypatch.undo()
    assert ran(one, tmp_path, "def test_it(): pass\n")[0] == 0


def test_a_run_leaves_no_process_behind_that_would_have_run_its_tests():
    code = "from cdconf.smoke.process import pytest_process as one; one().start(); print(one()._process.pid)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert not Path(f"/proc/{int(done.stdout)}").exists()
