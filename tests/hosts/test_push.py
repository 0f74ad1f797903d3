"""Pushes to real hosts: what travels when little has changed, after a kill, and from a release that someone damaged."""

import io
import random
import signal
import subprocess
import tarfile
import time

import pytest

from tests.conftest import begun
from tests.hosts.conftest import FILES
from tests.hosts.test_main_job import container
from tests.inside import inside

pytestmark = pytest.mark.hosts

MB = 1_000_000


def added(live, data):
    """Takes in an artifact that serves its own version, with `data` in it; returns the version."""
    version = f"push{time.time_ns()}"
    path = live.root / f"dist/{version}.tar"
    path.parent.mkdir(exist_ok=True)
    serve = "\n".join(line[8:] for line in FILES["serve.py"].strip("\n").split("\n"))
    with tarfile.open(path, "w") as archive:
        for name, content in (("serve.py", serve.encode()), ("VERSION", version.encode()), ("data", data)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    live("artifact", "add", "app", str(path), "--version", version)
    path.unlink()
    return version


def printed(live, host, *command):
    """What a command prints in a host's container; nothing of it goes over the host's network."""
    line = [*inside(container(live, host)), *command]
    return subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout


def moved(live, host):
    """Bytes that the host's interfaces have seen, both ways; one that was cut off comes back as eth1."""
    text = printed(live, host, "cat", "/proc/net/dev")
    rows = [line.split(":")[1].split() for line in text.splitlines() if line.strip().startswith("eth")]
    return sum(int(fields[0]) + int(fields[8]) for fields in rows)


def deployed(live, version):
    """Deploys; returns how many bytes each host saw."""
    before = {host: moved(live, host) for host in ("web1", "web2")}
    live("deploy", f"app@{version}", "--to", "dev")
    seen = {host: moved(live, host) - before[host] for host in before}
    assert live.served() == {"web1": version, "web2": version}
    return seen


def ended(live, host):
    """Waits until a host's agent has taken in what the network still held for it, and has ended."""
    for _ in range(60):
        if "-X utf8 -I -S" not in printed(live, host, "ps", "-eo", "args"):
            return
        time.sleep(0.5)
    raise AssertionError("an agent that lost its controller never ended")


def test_an_insertion_in_the_middle_moves_little_and_a_damaged_old_release_spoils_nothing(live):
    data = random.Random(time.time_ns()).randbytes(20 * MB)
    assert min(deployed(live, added(live, data)).values()) > 20 * MB
    data = data[: 10 * MB] + b"one line more\n" + data[10 * MB :]
    assert max(deployed(live, added(live, data)).values()) < 0.3 * MB
    live.on("web1", "cd /srv/app/current; printf XXXX | dd of=data bs=1 seek=5000000 conv=notrunc 2>/dev/null")
    live.on("web2", "truncate -s 15000000 /srv/app/current/data")
    others = "cd /srv/app/releases; for r in *; do [ $r = $(basename $(readlink ../current)) ] || rm -rf $r; done"
    for host in ("web1", "web2"):  # the older releases could mend it
        live.on(host, others)
    data += b"at the end\n"
    seen = deployed(live, added(live, data))
    assert seen["web1"] < 0.4 * MB
    assert 5 * MB < seen["web2"] < 6 * MB
    live("drift", "dev")


def test_a_push_whose_controller_was_killed_goes_on_where_it_was(live):
    data = random.Random(time.time_ns()).randbytes(150 * MB)
    version = added(live, data)
    served = live.served()
    process = begun(live.root, "deploy", f"app@{version}", "--to", "dev", stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    size = "du -sk /srv/app/releases/.staging-* 2>/dev/null || true"
    while time.monotonic() < deadline:
        text = printed(live, "web1", "sh", "-c", size).split()
        if text and int(text[0]) * 1024 > 20 * MB:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    live.free()
    for host in ("web1", "web2"):
        ended(live, host)
    assert live.served() == served
    kept = int(printed(live, "web1", "sh", "-c", size).split()[0]) * 1024
    assert 20 * MB < kept < 145 * MB
    seen = deployed(live, version)
    assert abs(seen["web1"] + kept - 150 * MB) < 8 * MB
    assert "staging" not in printed(live, "web1", "ls", "-a", "/srv/app/releases")
    live("drift", "dev")
