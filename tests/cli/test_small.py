"""Misspelt words on the command line, and terminals that want no colour."""

import json
import os
import pty
import shlex
import subprocess

import pytest

from cdconf.cli.context import run_of
from cdconf.cli.verbs.status import _deployed, _state
from cdconf.errors import LeaseHeld
from cdconf.events import HostDone
from tests.conftest import CDCONF, begun, cdconf, write


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["plan", "dev", "--role", "bas"], "no group has the role 'bas'", "did you mean 'base'?"),
        (["provision", "dev", "--role", "x"], "no group has the role 'x'", "there are: base"),
        (["plan", "dev", "--limit", ""], "'' isn't a pattern", "such as web, web1 or web,!web2"),
        (["plan", "dev", "-e", "foo"], "-e 'foo' isn't NAME=VALUE", "such as -e foo=VALUE"),
        (["history", "devv"], "there is no environment 'devv', and the history has none", "did you mean 'dev'?"),
        (["history", "--app", "x"], "there is no app 'x', and the history has none", "there are: none"),
        (["lock"], "cdconf lock needs a command", "there are: release, status, take"),
    ],
)
def test_a_misspelt_word_is_one_error_and_nothing_else(project, arguments, message, hint):
    result = cdconf(project, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: {message}\n" + (f"  hint: {hint}\n" if hint else "")


def test_an_environment_that_is_gone_keeps_its_history(project):
    cdconf(project, "drift", "dev", "--forks", "1")
    (project / "inventories/dev/hosts.yml").rename(project / "hosts.kept")
    result = cdconf(project, "history", "dev")
    assert "drift" in result.stdout


@pytest.mark.parametrize(("no_color", "styled"), [("1", False), ("", True)])
def test_no_color_leaves_no_style_at_all(project, no_color, styled):
    mine, theirs = pty.openpty()
    with os.fdopen(theirs, "wb", buffering=0) as terminal:
        environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
        process = begun(project, "drift", "dev", stdout=terminal, stderr=terminal, env=environment)
    shown = b""
    try:
        while data := os.read(mine, 65536):
            shown += data
    except OSError:  # Linux: the other end is closed
        pass
    os.close(mine)
    process.wait(timeout=60)
    assert (b"\x1b[2m" in shown or b"\x1b[1m" in shown or b"\x1b[31m" in shown) is styled


def test_a_host_without_a_release_tells_its_pins_too():
    page = {"activating": None, "reverted": None, "linked": None, "verified": [], "pinned": {"x": {}}, "problem": None}
    assert _state(page, None) == "1 pinned"
    assert _state(page | {"linked": "1", "verified": ["1"]}, None) == "verified, 1 pinned"
    two = {"x": {"version": "1.5"}, "y": {"version": "1.4"}}
    assert _state(page | {"pinned": two}, None) == "2 pinned (1.4, 1.5)"


def test_status_says_when_and_by_whom_a_release_was_deployed():
    about = {"at": 0, "owner": "ann@laptop pid 7", "run": "r1"}
    assert _deployed({"deployed": about}).endswith(" by ann@laptop")
    assert _deployed({"deployed": None}) == ""


def test_only_hosts_of_the_run_are_taken_over(project):
    for verb in ("plan", "provision"):
        result = cdconf(project, verb, "dev", "--limit", "web1", "--take-over", "db1")
        assert result.returncode == 1
        assert "--take-over names no host of this run: 'db1'" in result.stderr


def shell(project, line):
    """Runs a line of bash in which `cdconf` is this one; returns the exit code, stdout and stderr."""
    words = shlex.join(CDCONF)
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; cdconf() {{ {words} "$@"; }}; {line}'],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def lost(project):
    """A project whose hosts are unreachable at once."""
    hosts = "  web1: {groups: [web], container: cdconf-no-such-one}\n"
    return write(project, {"inventories/dev/hosts.yml": f"transport: docker\nhosts:\n{hosts}"})


def test_a_reader_that_has_had_enough_changes_neither_the_exit_code_nor_the_history(lost):
    code, _, said = shell(lost, "cdconf drift dev --json | true")
    assert code == 4, said
    assert "bug" not in said
    assert json.loads((lost / ".cdconf/history.jsonl").read_text())["exit_code"] == 4


@pytest.mark.parametrize("verb", ["vars dev", "drift dev", "history"])
def test_a_full_disk_behind_the_output_is_no_bug(lost, verb):
    code, _, said = shell(lost, f"cdconf {verb} > /dev/full")
    assert code == 1
    assert said.splitlines()[-1].endswith("No space left on device")


def test_an_unreachable_host_counts_more_than_a_gate(project, capsys):
    def gated():
        with run_of("plan", "dev", {"directory": str(project)}) as run:
            run.emit(HostDone("web1", "unreachable", "it hangs"))
            raise LeaseHeld("held by somebody")

    with pytest.raises(SystemExit) as ended:
        gated()
    assert ended.value.code == 4
    assert "error: held by somebody" in capsys.readouterr().err
