"""People's own scripts, by Fabric, on real hosts; `test_awkward_hosts.py` has those with passwords and jump hosts."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.hosts.live import container, eventually
from tests.inside import inside

pytestmark = pytest.mark.hosts
EXAMPLE = Path(__file__).parents[2] / "examples/scripts/fabfile.py"
FAB = [sys.executable, "-m", "fabric"]


@pytest.fixture(scope="module", autouse=True)
def provisioned(live):
    live("provision", "dev")


@pytest.fixture
def script(live):
    """Runs the lines of a script in the project, without a terminal."""

    def run(lines, code=0, **environment):
        arguments = [sys.executable, "-c", f"import cdconf.fabric, io\n{lines}"]
        done = ended(live.root, arguments, **environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def refused(script):
    """What cdconf refuses a script: the exit code that `fab` has for it, and the words."""

    def run(line):
        lines = f"try: {line}\nexcept cdconf.fabric.Refused as error: print(error.code, error)"
        code, _, said = script(lines).stdout.partition(" ")
        return int(code), said

    return run


def ended(root, arguments, **environment):
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    return subprocess.run(
        arguments, cwd=root, env={**os.environ, **environment}, check=False, timeout=120, **pipes
    )  # fmt: skip


def newest(live):
    return live.document("history", "dev", "--limit", "1")["runs"][0]


def test_a_group_runs_on_its_hosts_and_the_history_records_it(live, script):
    said = script("""
with cdconf.fabric.group("dev", limit="web") as web:
    assert isinstance(web[0], __import__("fabric").Connection) and len(web) == 2
    print(sorted((one.host, result.stdout) for one, result in web.run("hostname; id -un", hide=True).items()))
    web.sudo("echo as root", hide=True)
""").stdout
    assert said == "[('web1', 'web1\\nroot\\n'), ('web2', 'web2\\nroot\\n')]\n"
    row = newest(live)
    assert (row["command"], row["exit_code"], sorted(row["hosts"])) == ("fabric", 0, ["web1", "web2"])
    assert row["detail"] == "fabric: python: run: hostname; id -un; sudo: echo as root"
    assert not any(live.document("lock", "status", "dev")["leases"].values())


def test_files_go_there_and_back(live, script):
    script("""
with cdconf.fabric.group("dev") as hosts:
    hosts.put(io.BytesIO(bytes(range(256)) * 40000), "/root/blob")
    hosts.get("/root/blob")
""")
    for host in ("web1", "web2"):
        assert (live.root / host / "blob").read_bytes() == bytes(range(256)) * 40000
        shutil.rmtree(live.root / host)


def test_a_group_that_is_left_open_ends_with_the_script(live, script):
    assert script('cdconf.fabric.group("dev", limit="web1").run("hostname")').stdout == "web1\n"
    assert (newest(live)["exit_code"], newest(live)["detail"]) == (0, "fabric: python: run: hostname")
    assert not any(live.document("lock", "status", "dev")["leases"].values())
    script('cdconf.fabric.group("dev", limit="web1").run("hostname")\nraise ValueError("no\\nmore")', code=1)
    assert (newest(live)["exit_code"], newest(live)["error"]) == (1, "the script ended with ValueError: no")


def test_what_fails_on_a_host_is_recorded(live, script):
    said = script(
        'with cdconf.fabric.group("dev", parallel=False) as hosts: hosts.run("test $(hostname) = web1")', code=1
    ).stderr
    assert "GroupException" in said
    row = newest(live)
    assert row["error"] == "web2: run: test $(hostname) = web1: exit status 1"
    assert [row["hosts"][name]["status"] for name in ("web1", "web2")] == ["ok", "failed"]


def test_hosts_that_somebody_else_holds_are_refused_unless_the_script_only_looks(live, script, refused):
    holding = live.begun(
        "lock", "take", "dev", "--reason", "release", "--", "echo held >&2; exec sleep 60", until="held"
    )
    try:
        code, said = refused('cdconf.fabric.group("dev", limit="web2")')
        assert code == 3
        assert said.startswith("error: web2: held by ")
        assert "may say lease=False" in said
        assert newest(live)["exit_code"] == 3
        assert script('cdconf.fabric.group("dev", "web2", lease=False).run("hostname")').stdout == "web2\n"
    finally:
        holding.send_signal(signal.SIGTERM)
        holding.communicate(timeout=30)
    live.free()


def test_a_script_holds_its_hosts_until_its_lease_is_ended(live, script):
    lines = """
with cdconf.fabric.group("dev", reason="long chore") as hosts:
    hosts.run("echo begun")
    import time; time.sleep(1.5); input()
    hosts.run("touch /root/never")
"""
    arguments = [sys.executable, "-u", "-c", f"import cdconf.fabric\n{lines}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, cwd=live.root, **pipes) as process:
        assert process.stdout.readline() == "begun\n"
        assert "(long chore, " in live("run", "dev", "--", "id", code=3).stderr
        live("lock", "release", "dev", "--yes")
        _, said = process.communicate("\n", timeout=60)
    assert process.returncode == 1
    assert "this run no longer holds" in said or "lease" in said, said
    assert live.on("web1", "ls /root/never") == ""


def test_inside_of_lock_take_a_script_shares_the_leases(live):
    line = f'{sys.executable} -c \'import cdconf.fabric; cdconf.fabric.group("dev", "web1").run("hostname")\''
    assert live("lock", "take", "dev", "--reason", "nested", "--", line).stdout == "web1\n"


def test_a_host_whose_key_has_changed_is_refused(live, script, refused):
    key = "/etc/ssh/ssh_host_ed25519_key"
    live.on("web1", f"cp -a {key} /root/kept; ssh-keygen -q -t ed25519 -N '' -f /root/new; cp /root/new {key}")
    live.on("web1", "systemctl restart ssh")
    try:
        code, said = refused('cdconf.fabric.group("dev").run("touch /root/never")')
        assert code == 4
        assert "web1: unreachable: its ssh host key is not the one that is known" in said
        assert live.on("web2", "ls /root/never") == ""
    finally:
        live.on("web1", f"cp -a /root/kept {key}; rm /root/new*; systemctl restart ssh")
    assert script('cdconf.fabric.group("dev", "web1").run("hostname")').stdout == "web1\n"


def test_a_host_that_is_down_ends_it_before_anything_is_done(live, script, refused):
    subprocess.run(["docker", "pause", live.container("web2")], check=True, capture_output=True)
    try:
        code, said = refused('cdconf.fabric.group("dev").run("touch /root/never")')
        assert code == 4
        assert said.startswith("error: web2: unreachable")
        assert 'limit="all,!web2"' in said
        assert live.on("web1", "ls /root/never") == ""
        assert script('cdconf.fabric.group("dev", "all,!web2").run("hostname")').stdout == "web1\n"
    finally:
        subprocess.run(["docker", "unpause", live.container("web2")], check=True, capture_output=True)
    live.free()


# On a busy machine, Ctrl-C can come before a host's thread has begun: before cdconf knows of its command, or later.
LATE = """
import time
from cdconf.fabric.connection import {name} as Begins
begin = Begins.{begins}
def late(self, *arguments, **keywords):
    time.sleep(2 if "web2" in (getattr(self, "host", None), getattr(self.context, "host", None)) else 0)
    return begin(self, *arguments, **keywords)
Begins.{begins} = late
"""
# A signal that strikes another thread wakes the main thread no more than one that comes as its wait begins.
ELSEWHERE = """
import pathlib, signal, threading, time
def strike():
    while not pathlib.Path("strike").exists():
        time.sleep(0.1)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
threading.Thread(target=strike, daemon=True).start()
"""
BEFORE = {
    "at once": "",
    "slept through": ELSEWHERE,
    "unknown": LATE.format(name="HostConnection", begins="run").replace("self.context", "self"),
    "known": LATE.format(name="Remote", begins="start"),
}


@pytest.mark.parametrize(("parallel", "before"), [(False, "at once"), *((True, before) for before in BEFORE)])
def test_ctrl_c_ends_what_runs_on_the_hosts(live, parallel, before):
    lines = f'with cdconf.fabric.group("dev", parallel={parallel}) as hosts: hosts.run("echo begun; sleep 4321 | cat")'
    arguments = [sys.executable, "-c", f"import cdconf.fabric\n{BEFORE[before]}\n{lines}"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, cwd=live.root, **pipes) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        begun = process.stdout.readline()
        assert begun == "begun\n", process.communicate()
        if before == "slept through":
            (live.root / "strike").touch()
        else:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        timer.cancel()
    (live.root / "strike").unlink(missing_ok=True)
    assert process.returncode == -signal.SIGINT, said
    for host in ("web1", "web2"):
        running = [*inside(container(live.root, host)), "pgrep", "-f", "[s]leep 4321"]
        assert eventually(lambda: subprocess.run(running, check=False, capture_output=True).returncode, 10)  # noqa: B023
    assert (newest(live)["command"], newest(live)["exit_code"]) == ("fabric", 130)
    assert not any(live.document("lock", "status", "dev")["leases"].values())


def test_ctrl_c_names_hosts_where_a_command_ignores_it(live):
    command = "trap : TERM; echo begun; ends=$(($(date +%s) + 30)); while [ $(date +%s) -lt $ends ]; do sleep 1; done"
    lines = f'import cdconf.fabric\nwith cdconf.fabric.group("dev", limit="web1") as hosts: hosts.run("{command}")'
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", lines], cwd=live.root, **pipes) as process:
        assert process.stdout.readline() == "begun\n", process.communicate()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT, said
    assert "cdconf: warning: web1: what it ran may still go on: it didn't end within 10 s\n" in said
    assert not any(live.document("lock", "status", "dev")["leases"].values())


def test_the_example_s_fabfile_works_on_hosts(live):
    shutil.copy(EXAMPLE, live.root / "fabfile.py")
    try:
        listed = ended(live.root, [*FAB, "--list"]).stdout
        assert {"disk", "collect", "trim"} <= set(listed.split())
        said = ended(live.root, [*FAB, "disk", "--environment", "dev"])
        assert sorted(line.partition(":")[0] for line in said.stdout.splitlines()) == ["web1", "web2"], said.stderr
        assert said.stdout.count("%") == 2
        said = ended(live.root, [*FAB, "trim", "--environment", "dev", "--limit", "web1"])
        assert said.stdout == "trimmed web1\n", said.stderr
        assert newest(live)["detail"].startswith("trim journals: sudo: journalctl --vacuum-size=100M")
        said = ended(live.root, [*FAB, "collect", "--environment", "dev", "--file", "/etc/hostname"])
        assert [(live.root / host / "hostname").read_text() for host in ("web1", "web2")] == ["web1\n", "web2\n"]
        said = ended(live.root, [*FAB, "disk", "--environment", "prod"])
        assert (said.returncode, "Traceback" in said.stderr) == (1, False)
        assert "error: there is no environment 'prod'" in said.stderr
    finally:
        (live.root / "fabfile.py").unlink()
        for host in ("web1", "web2"):
            shutil.rmtree(live.root / host, ignore_errors=True)
