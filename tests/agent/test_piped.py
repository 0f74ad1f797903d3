"""Commands end when their own process does, at their limit at the latest, and only their last output is kept."""

import os
import time
from pathlib import Path

import pytest

from cdconf.agent.commands import execute, process_groups
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import stream


def sh(line, **options):
    return execute.run_bytes(["/bin/sh", "-c", line], **options)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("left", ["sleep 60", "setsid sleep 60", "(trap '' TERM HUP; sleep 60)"])
def test_what_is_left_running_holds_nobody(left):
    status, out, err = sh(f"{left} & echo $!; echo bad >&2; exit 3", timeout=30)
    assert (status, err) == (3, b"bad\n")
    assert alive(int(out))  # it wasn't ended
    os.kill(int(out), 9)


def test_what_is_left_running_may_print_on_as_much_as_it_likes(tmp_path):
    mark = tmp_path / "mark"
    line = (
        f"(while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; head -c 300000 /dev/zero && echo >&2 && touch {mark}) &"
    )
    assert sh(line)[0] == 0
    (tmp_path / "go").touch()
    assert until(mark.exists)


@pytest.mark.parametrize(
    "line",
    [
        "sleep 60",
        "sleep 60 & wait",
        "trap '' TERM; while :; do sleep 0.1; done",
        "exec >&- 2>&-; sleep 60",
        "yes",
        "yes & yes >&2; wait",
        "setsid -w sleep 2; sleep 60",
    ],
)
def test_a_limit_holds(line, tmp_path):
    pid = tmp_path / "pid"
    with pytest.raises(Failed, match=r"still running after 0\.3 s, killed") as caught:
        sh(f"echo $$ > {pid}; {line}", timeout=0.3)
    assert caught.value.details["timed_out"]
    assert not alive(pid.read_text().strip())


def test_a_limit_ends_the_whole_group_though_its_leader_has_gone(tmp_path):
    with pytest.raises(Failed):
        sh(f"(trap '' TERM; echo $$ > {tmp_path}/x; exec sleep 60) & echo $! > {tmp_path}/pid; sleep 60", timeout=0.3)
    assert not alive((tmp_path / "pid").read_text().strip())


def test_a_limit_of_a_watched_command_ends_what_ignores_signals():
    class Agent:
        stopping = gone = False

        def event(self, event):
            pass

    with pytest.raises(Failed, match="time limit"):
        stream.stream(Agent(), "trap '' TERM; while :; do sleep 0.1; done", timeout=0.3)


def test_the_last_of_much_output_is_kept():
    status, out, err = sh(f"head -c {process_groups.LIMIT + 1000} /dev/zero; echo end; echo more >&2")
    assert (status, len(out), out[-5:], err) == (0, process_groups.LIMIT, b"\0end\n", b"more\n")


def test_all_that_a_command_printed_before_its_end_is_there():
    for _ in range(5):
        assert len(sh("yes & head -c 60000 /dev/zero >&2; kill $!")[2]) == 60000


def test_input_is_given_whole_and_may_be_left(tmp_path):
    data = os.urandom(300000)
    assert execute.run_bytes(["cat"], data)[1] == data
    assert execute.run_bytes(["cat"], b"")[1] == b""
    assert sh(f"exec >&- 2>&-; cat > {tmp_path}/all", data=data)[0] == 0
    assert (tmp_path / "all").read_bytes() == data
    assert sh("exec <&-; echo done", data=data) == (0, b"done\n", b"")
    assert sh("sleep 60 <&0 & echo done; kill $!", data=data)[0] == 0
