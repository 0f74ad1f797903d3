"""`cdconf pipeline watch`, as a process."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cdconf.cli.verbs.pipeline import command as verb
from cdconf.pipeline.watch.child import command, read
from tests.conftest import cdconf

PROGRAM = Path(__file__).with_name("program.py")
SCRIPT = """
cd "$(dirname "$0")"
echo "$1" >>ran
test -e hold && until test -e go; do sleep 0.05; done
trap 'echo "$1" >>ended; exit 143' TERM
test -e hang && { touch hangs; while :; do sleep 0.05; done; }
exit 0
"""


class Watching:
    """The process, and what its stand-in for runs left."""

    def __init__(self, root, folder, *options):
        self.folder = folder
        (folder / "script").write_text(SCRIPT)
        self.log = folder / "log"
        arguments = ["pipeline", "watch", "--every", "1s", *options]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, PROGRAM, folder / "script", *arguments], cwd=root, stdin=subprocess.DEVNULL, stderr=log
            )

    def until(self, condition):
        for _ in range(1200):
            if condition():
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def ran(self, name="ran"):
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def end(self):
        return self.process.wait(timeout=60)


@pytest.fixture
def watching(repository, tmp_path):
    begun = []

    def begin(*options):
        begun.append(Watching(repository.root, tmp_path, *options))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()


def test_it_runs_each_commit_and_ends_after_the_change_in_hand(watching, repository, tmp_path):
    first = repository.head
    watch = watching()
    watch.until(lambda: watch.ran() == [first])
    (tmp_path / "hold").touch()
    second = repository.commit("second")
    watch.until(lambda: watch.ran() == [first, second])
    third = repository.commit("third")
    watch.signal()
    watch.until(lambda: f"ending after the run of {second[:10]}" in watch.log.read_text())
    (tmp_path / "go").touch()
    assert watch.end() == 143
    assert watch.ran() == [first, second]
    assert f"{second[:10]} has passed" in watch.log.read_text()
    again = watching()
    again.until(lambda: again.ran() == [first, second, third])
    again.signal(signal.SIGINT)
    assert again.end() == 130


def test_a_second_signal_ends_the_run_in_hand_which_is_due_again(watching, repository, tmp_path):
    (tmp_path / "hang").touch()
    watch = watching()
    watch.until((tmp_path / "hangs").exists)
    watch.signal()
    watch.until(lambda: "a second signal ends that, too" in watch.log.read_text())
    assert watch.ran("ended") == []
    watch.signal()
    assert watch.end() == 143
    assert watch.ran("ended") == [repository.head]
    (tmp_path / "hang").unlink()
    again = watching()
    again.until(lambda: len(again.ran()) == 2)


def test_a_terminal_that_is_closed_is_one_signal_however_often_it_is_told(watching, repository, tmp_path):
    (tmp_path / "hold").touch()
    watch = watching()
    watch.until(lambda: watch.ran() == [repository.head])
    for _ in range(3):
        watch.signal(signal.SIGHUP)
        time.sleep(0.05)
    watch.until(lambda: "ending after the run of" in watch.log.read_text())
    (tmp_path / "go").touch()
    assert watch.end() == 143
    assert watch.ran("ended") == []
    assert f"{repository.head[:10]} has passed" in watch.log.read_text()


def test_a_watch_that_was_killed_leaves_the_checkout_free(watching, repository):
    watch = watching()
    watch.until(lambda: watch.ran() == [repository.head])
    second = cdconf(repository.root, "pipeline", "watch")
    assert second.returncode == 3
    assert "this checkout is watched already: main, by " in second.stderr
    assert f"process {watch.process.pid}" in second.stderr
    watch.process.kill()
    watch.process.wait()
    again = watching()
    again.until(lambda: "==> watching main" in again.log.read_text())


def test_what_a_commit_calls_cdconf_is_never_run(repository, tmp_path):
    trap = tmp_path / "imported"
    repository.commit("a trap", **{"cdconf/__init__.py": f"open({str(trap)!r}, 'w')\n", "click.py": "1 / 0\n"})
    arguments = command(repository.root, repository.head)
    assert arguments[:4] == [sys.executable, "-P", "-m", "cdconf"]
    done = subprocess.run(
        [*arguments[:4], "--version"], cwd=repository.root, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("cdconf ")
    assert not trap.exists()


def test_the_command_of_a_run_is_one_that_there_is(repository):
    pipeline, run, *words = command(repository.root, repository.head)[4:]
    assert (pipeline, run) == ("pipeline", "run")
    context = verb.commands["run"].make_context("run", words)
    found = {name: context.params[name] for name in ("commit", "directory", "as_json")}
    assert found == {"commit": repository.head, "directory": str(repository.root), "as_json": True}


@pytest.mark.parametrize(
    ("code", "output", "why"),
    [
        (0, b"{}", ""),
        (3, b'{"error": {"message": "release waits", "hint": "approve it"}}', "release waits"),
        (1, b"", "the run ended with exit code 1"),
        (1, b"[" * 100000, "the run ended with exit code 1"),
        (1, b'{"error": {"message": 7}}', "the run ended with exit code 1"),
        (-9, b"", "the run was ended by SIGKILL"),
        (-99, b"", "the run was ended by signal 99"),
    ],
)
def test_how_a_run_ended_is_read_from_its_code_and_its_document(code, output, why):
    assert read(code, output).why == why


@pytest.mark.parametrize("every", ["0s", "0", "1.5", "1w", "-1s", "", "nan", "2d"])
def test_how_often_has_limits(repository, every):
    done = cdconf(repository.root, "pipeline", "watch", "--every", every)
    assert (done.returncode, done.stderr.count("isn't a time between 1s and 1d")) == (1, 1)


def test_without_a_pipeline_there_is_nothing_to_watch(repository):
    text = (repository.root / "cdconf.yml").read_text()
    (repository.root / "cdconf.yml").write_text(text[: text.index("pipeline:")])
    for name in ("watch", "status"):
        done = cdconf(repository.root, "pipeline", name)
        assert (done.returncode, "cdconf.yml has no pipeline" in done.stderr) == (1, True)
