"""How a run ends that loses its reader, its terminal, or its life; and how a wrong command line is told."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.test_small import lost, shell
from tests.conftest import cdconf, write
from tests.terminal import Terminal

__all__ = ["lost"]


def recorded(root):
    return [json.loads(line) for line in (root / ".cdconf/history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        "cdconf drift dev 2>&1 | true",
        "cdconf drift dev --json 2>&1 | true",
        "cdconf run dev -- true 2>&1 >/dev/null | true",
        "cdconf smoke dev 2> >(true)",
        "cdconf drift dev >&- 2>&-",
        "cdconf drift dev <&- 2>/dev/full",
    ],
)
def test_output_that_nobody_reads_changes_neither_the_exit_code_nor_the_history(lost, line):
    code, _, said = shell(lost, f"sleep 0.5 | {line}")
    assert "bug" not in said
    assert code == 4
    assert [one["exit_code"] for one in recorded(lost)] == [4]


@pytest.fixture
def hanging(project):
    """A project with a host that takes connections and says nothing, and an event that tells of one."""
    reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def accept():
            with contextlib.suppress(OSError):  # it's shut down at the end
                while True:
                    kept.append(server.accept()[0])
                    reached.set()

        thread = threading.Thread(target=accept)
        thread.start()
        hosts = f"ssh: {{port: {server.getsockname()[1]}}}\nhosts:\n  web1: {{address: 127.0.0.1, groups: [web]}}\n"
        write(project, {"inventories/dev/hosts.yml": hosts})
        yield project, reached
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in kept:
            one.close()


# A run with limits of a second or two, for it waits for those that it's connecting to.
HASTY = ["-c", "from tests.hostile import hasty; hasty.be_hasty(); from cdconf.cli import main; main()"]
RUN = ["run", "dev", "--", "true"]


def begin(root, *before):
    return subprocess.Popen(
        [*before, sys.executable, *HASTY, *RUN],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_hangup_ends_a_run_as_sigterm_does_however_often_it_comes(hanging):
    root, reached = hanging
    process = begin(root)
    assert reached.wait(60)
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
    assert "interrupted" in process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert recorded(root)[0]["exit_code"] == 143


def test_with_nohup_a_run_goes_on(hanging):
    root, reached = hanging
    process = begin(root, "nohup")
    assert reached.wait(60)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_run_whose_terminal_is_closed_ends_in_order(hanging):
    root, reached = hanging
    terminal = Terminal(root, *RUN, program=HASTY, PYTHONPATH=str(Path(__file__).parents[2]))
    assert reached.wait(60)
    terminal.hang_up()
    assert terminal.process.wait(timeout=60) == 143
    assert recorded(root)[0]["exit_code"] == 143


@pytest.mark.parametrize(
    ("arguments", "verb"),
    [
        (["run", "nosuchenv", "--json", "--", "ls"], "run"),
        (["status", "nosuchenv", "--json"], "status"),
        (["status", "--josn", "dev", "--json"], "status"),
        (["lock", "status", "nosuchenv", "--json"], "lock"),
        (["lock", "nosuch", "--json"], "lock"),
        (["history", "nosuch", "--json"], "history"),
        (["status", "--json"], "status"),
        (["nosuch", "--json"], None),
    ],
)
def test_errors_are_json_when_that_was_asked_for(project, arguments, verb):
    result = cdconf(project, *arguments)
    document = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (1, "")
    assert (document["command"], document["exit_code"]) == (verb, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "nosuchenv", "--", "ls", "--json"],
        ["lock", "take", "nosuchenv", "--reason", "--json", "--", "ls"],
        ["ssh", "nosuchenv", "web1", "--", "ls", "--json"],
        ["run", "nosuchenv", "--limit", "--json", "--", "ls"],
    ],
)
def test_what_belongs_to_a_command_or_another_option_asks_for_no_json(project, arguments):
    result = cdconf(project, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: there is no environment 'nosuchenv'")


@pytest.mark.parametrize("file", ["nosuch/smoke.xml", "."])
def test_a_junit_file_that_cannot_be_written_is_told_before_a_host_is_asked(project, file):
    result = cdconf(project, "smoke", "dev", "--junit", file)
    assert result.returncode == 1
    assert file in result.stderr
    assert "web1" not in result.stdout + result.stderr


def test_a_junit_file_is_well_formed_whatever_bytes_there_are(tmp_path):
    from cdconf.events import HostResult, SmokeDone
    from cdconf.render.junit import write as write_junit

    message = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0xD800, 0xDCFF, 0xFFFE, 0xFFFF, 0x1F600])) + "]]><&"
    host = HostResult("failed", smoke=[SmokeDone("web1", f"base: test[{message}]", False, message, 0.1)])
    write_junit(str(tmp_path / "smoke.xml"), "dev", {"web1": host}, str)
    case = ET.parse(tmp_path / "smoke.xml").getroot()[0][0]
    assert case[0].text.startswith(r"\x00\x01")
    assert r"\x1b" in case[0].text
    assert "\U0001f600]]><&" in case[0].text
    assert r"\x1b" in case.get("name")
    assert os.linesep in case[0].text
