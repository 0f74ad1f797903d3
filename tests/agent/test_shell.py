"""Command lines reach the shell without standing in a process list, and run as `sh -c` runs them."""

import ast
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from cdconf.agent.commands import identity, process_groups, shell
from cdconf.agent.errors import Failed
from tests.agent.test_paths_in_agents import ROOT, SOURCES

BUSYBOX = shutil.which("busybox")
LINES = {
    "a program that isn't there": "true\n\nmissing-program x",
    "a line that can't be parsed": "echo a\nif then\n",
    "an open quote": "echo 'a",
    "an exit status": "exit 7",
    "the last status": "false",
    "its names and numbers": 'echo "$0 $# $-"',
    "set -e": "set -e\nfalse\necho no",
    "a signal": "kill -9 $$",
    "a trap": "trap 'echo bye' EXIT; exit 4",
    "what may not be run": "/etc/passwd",
    "a variable that isn't set": "set -u\n\necho $nothing",
    "quotes and backslashes": "printf '%s\\n' 'a\\b' \"\\$x\" $'x'",
    "a here-document": "cat <<X\na'b\"c\n$HOME\nX",
    "a comment": "# hi\nfalse",
    "nothing": "",
    "blanks": "\n \n",
    "a comment behind it": "exit 3 # why",
    "a backslash at the end": "echo a \\",
    "unicode and braces": "echo 'Grüße ✓ {{ x }} ${HOME}'",
    "input": 'read a; echo "got $a"; cat',
    "a function": "f() { return 5; }\nf",
    "a job that's left": "sleep 0 & wait; echo done",
}


def by_argument(line, data):
    pipes = {"input": data, "capture_output": True}
    done = subprocess.run(["/bin/sh", "-c", line], env=identity.environment(), cwd="/", check=False, **pipes)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("what", LINES)
def test_a_line_runs_as_sh_runs_it(what):
    line, data = LINES[what], b"one\ntwo\n"
    status, out, err = shell.run_bytes(line, data)
    assert (status, out, err.replace(b": eval: ", b": ")) == by_argument(line, data)


def test_a_line_has_its_own_numbers_in_bash():
    argv, variables = shell.words("echo $LINENO\n\nmissing-program")
    env = {**identity.environment(), **variables}
    done = subprocess.run(["bash", "--posix", *argv[1:]], capture_output=True, env=env, check=False)
    assert (done.returncode, done.stdout) == (127, b"1\n")
    assert b"line 3: missing-program" in done.stderr


@pytest.mark.skipif(BUSYBOX is None, reason="busybox isn't installed; `make test` installs it")
@pytest.mark.parametrize("what", LINES)
def test_a_line_runs_as_the_sh_of_alpine_runs_it(what):
    """busybox's messages have the line's number behind `eval`, and none behind `-c`."""
    env = identity.environment()
    argv, variables = shell.words(LINES[what])
    one, other = (
        subprocess.run(
            [BUSYBOX, "sh", *arguments], input=b"one\ntwo\n", env=more, cwd="/", capture_output=True, check=False
        )
        for arguments, more in ((argv[1:], env | variables), (["-c", LINES[what]], env))
    )
    assert (one.returncode, one.stdout) == (other.returncode, other.stdout)
    assert re.sub(rb"eval: line \d+: ", b"", one.stderr) == other.stderr


@pytest.mark.skipif(BUSYBOX is None, reason="busybox isn't installed; `make test` installs it")
def test_nothing_that_busybox_starts_has_the_line():
    argv, variables = shell.words(
        "# s3cret\nenv; set; cat /proc/self/environ; cat <<X | wc -c\n" + "é" * 100_000 + "\nX"
    )
    done = subprocess.run(
        [BUSYBOX, "sh", *argv[1:]], env=identity.environment() | variables, capture_output=True, check=True
    )
    assert done.stdout.endswith(b"200001\n")
    assert b"s3cret" not in done.stdout
    assert shell.NAME.encode() not in done.stdout


def test_nothing_that_is_started_has_the_line():
    status, out, _ = shell.run_bytes("# s3cret\nenv; set; cat /proc/self/environ")
    assert status == 0
    assert b"s3cret" not in out
    assert shell.NAME.encode() not in out


def test_the_process_list_has_no_line(tmp_path):
    process = shell.start(f"# s3cret\ntouch {tmp_path}/up; read x; exit 3", has_input=True)
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "up").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        folder = Path(f"/proc/{process.pid}")
        assert b"s3cret" not in (folder / "cmdline").read_bytes()
        assert (folder / "environ").stat().st_mode & 0o077 == 0
        process.stdin.write(b"go\n")
        process.stdin.flush()
        assert process.wait(20) == 3
    finally:
        process_groups.end(process)
        process_groups.leave(process)


def started(argv, variables, tmp_path):
    log = tmp_path / "calls"
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=clone,clone3,fork,vfork,execve", *argv]
    subprocess.run(command, env={**identity.environment(), **variables}, check=True, capture_output=True)
    return sorted(line.split()[1].partition("(")[0] for line in log.read_text().splitlines() if "resumed" not in line)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace isn't installed")
@pytest.mark.parametrize("line", ["true", "/bin/true", "test -e / && /bin/true", "/bin/true\n/bin/true"])
def test_it_costs_no_process_more(line, tmp_path):
    if "dash" not in os.path.realpath("/bin/sh"):
        pytest.skip("bash becomes the last program of a `-c`, and of nothing else")
    assert started(*shell.words(line), tmp_path) == started(["/bin/sh", "-c", line], {}, tmp_path)


@pytest.mark.parametrize("size", [60_000, 70_000, 200_000, shell.LIMIT - 40])
def test_a_long_line_runs_whole(size):
    text = "é'\"" * (size // 4)
    line = f"cat <<'END' | sha256sum\n{text}\nEND\n"
    status, out, err = shell.run_bytes(line)
    assert (status, err) == (0, b"")
    done = subprocess.run(["sha256sum"], input=f"{text}\n".encode(), capture_output=True, check=True)
    assert out == done.stdout


@pytest.mark.parametrize(("line", "says"), [("a\0b", "NUL"), ("#" * (shell.LIMIT + 1), "too long")])
def test_a_line_that_no_shell_takes_is_an_error(line, says):
    with pytest.raises(Failed, match=says):
        shell.run_bytes(line)


def test_a_lines_own_variables_stay():
    assert shell.run("echo $A", env={"A": "b"}).out == "b\n"


def test_an_error_tells_the_line_itself():
    with pytest.raises(Failed) as caught:
        shell.run("sleep 60", timeout=0.1)
    assert caught.value.command == "sleep 60"


def test_nothing_else_gives_a_shell_a_line():
    """A fixed text is no line of somebody's: it's in a list of constants alone."""
    found = []
    for path in SOURCES:
        for one in ast.walk(ast.parse(path.read_text())):
            if isinstance(one, ast.List) and any(getattr(member, "value", None) == "-c" for member in one.elts):
                words = [member.value if isinstance(member, ast.Constant) else ... for member in one.elts]
                if words[0] in ("/bin/sh", "sh", "bash", "/bin/bash") and ... in words:
                    found.append(str(path.relative_to(ROOT)))
    # It gets a line of cdconf's own, by which a host is given what its Python lacks.
    assert found == ["agent/commands/shell.py", "agent/install.py"]
