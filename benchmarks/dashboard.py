"""What the dashboard's pages cost with 10,000 hosts and 100,000 runs.

    python benchmarks/dashboard.py [--hosts 10000] [--runs 100000] [--times 40] [--keep DIR]

A checkout is made with 20 environments, one of which has all the hosts but a few, and a history of three years. The
server is another process on loopback. Shown are each page's size, how long its first answer took, how long the others
took, and the server's processor time for each, while a run is added every second, so that what's kept grows old.
With --pause, requests come as far apart as people's do.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fleet import CDCONF
from history import record

from cdconf.history import journal_file
from cdconf.history.chain import Head, chained, link_of
from cdconf.history.index import History

SPAN = 3 * 365 * 86400.0
ENVIRONMENTS = 20
LARGEST, SLOWEST = 200_000, 300.0  # bytes, milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two requests")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="make the project there, or take the one that's there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdconf-bench-") as folder:
        root = arguments.keep or Path(folder) / "shop"
        if not (root / "cdconf.yml").exists():
            make(root, arguments.hosts, arguments.runs)
        began = time.monotonic()
        with served(root) as server:
            print(f"start, with {arguments.runs} runs: {time.monotonic() - began:.1f} s")
            measure(root, server, arguments.times, arguments.pause)


def make(root: Path, hosts: int, runs: int) -> None:
    root.mkdir(parents=True)
    apps = "".join(
        f"  app-{number}: {{groups: [web], path: /srv/app-{number}, artifact: 'dist/app-{number}-*.tar.gz'}}\n"
        for number in range(10)
    )
    stages = "".join(f"    - {{stage: s{number}, environment: env-{number:02d}}}\n" for number in range(17, 20))
    (root / "cdconf.yml").write_text(
        f"project: bench\ngroups: {{web: []}}\napps:\n{apps}pipeline:\n  stages:\n{stages}"
    )
    for number in range(ENVIRONMENTS):
        count = hosts - 20 * (ENVIRONMENTS - 1) if number == 7 else 20
        lines = "".join(
            f"  web-{one}: {{address: 10.0.{one // 250}.{one % 250}, groups: [web]}}\n" for one in range(count)
        )
        folder = root / f"inventories/env-{number:02d}"
        folder.mkdir(parents=True)
        (folder / "hosts.yml").write_text(f"provider: existing\nhosts:\n{lines}")
    subprocess.run(["git", "-C", root, "init", "-q", "-b", "main"], check=True)
    data = root / ".cdconf"
    data.mkdir(mode=0o700)
    (root / ".gitignore").write_text(".cdconf/\n")
    subprocess.run(["git", "-C", root, "add", "-A"], check=True)
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", "-C", root, *who, "commit", "-q", "-m", "begin"], check=True)
    random.seed(1)
    head, now = Head(), time.time()
    with (data / journal_file.FILE).open("wb") as stream:
        for number in range(runs):
            line = chained(record(number, now - SPAN + (SPAN - 7200) * number / runs), head)
            head = Head(head.number + 1, link_of(head.link, line))
            stream.write(line + b"\n")
    History(data).close()


class Server(NamedTuple):
    """Where it listens, the cookie that opens it, and its process."""

    port: int
    cookie: str
    pid: int

    def worked(self) -> float:
        """Processor time until now, in milliseconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(root: Path) -> Iterator[Server]:
    command = [*CDCONF, "serve", "--project", str(root), "--bind", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        found = re.search(r":(\d+)(/open/\S+)", process.stderr.readline())
        if found is None:
            sys.exit(process.stderr.read())
        port = int(found[1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", found[2], headers={"Host": f"localhost:{port}"})
        cookie = str(connection.getresponse().headers["set-cookie"]).partition(";")[0]
        yield Server(port, cookie, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def measure(root: Path, server: Server, times: int, pause: float) -> None:
    ended = threading.Event()
    threading.Thread(target=go_on, args=(root, ended), daemon=True).start()
    is_too_much = False
    try:
        for path in paths(server.port, server.cookie):
            first, size = asked(server.port, server.cookie, path)
            worked, took = server.worked(), []
            for _ in range(times):
                time.sleep(pause)
                took.append(asked(server.port, server.cookie, path)[0])
            p95 = statistics.quantiles(took, n=20)[18]
            verdict = "" if size <= LARGEST and p95 <= SLOWEST else "  TOO MUCH"
            is_too_much |= bool(verdict)
            print(f"{path:45} {size / 1000:6.1f} kB  first {first:6.0f} ms  p50 {statistics.median(took):5.0f} ms  "
                  f"p95 {p95:5.0f} ms  CPU {(server.worked() - worked) / times:5.0f} ms{verdict}")  # fmt: skip
    finally:
        ended.set()
    sys.exit(is_too_much)


def paths(port: int, cookie: str) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/runs.json", headers={"Host": f"localhost:{port}", "Cookie": cookie})
    run = json.load(connection.getresponse())["tables"]["runs"]["rows"][0]["id"]
    lists = ["/board", "/pipeline", "/review", "/hosts", "/hosts?environment=env-07", "/drift", "/flow", "/trust"]
    runs = ["/runs", "/runs?page=1999", "/runs?sort=-duration_s", "/runs?environment=env-07", "/runs?q=app-3"]
    asked_of_hosts = ["/hosts?environment=env-07&q=web-99", "/hosts?environment=env-07&sort=-at&page=100"]
    return [*lists, *asked_of_hosts, *runs, "/runs?host=web-123", f"/runs/{run}", "/hosts/env-07/web-123", "/runs.json"]


def asked(port: int, cookie: str, path: str) -> tuple[float, int]:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": f"localhost:{port}", "Cookie": cookie})
        answer = connection.getresponse()
        size = len(answer.read())
    if answer.status != 200:
        sys.exit(f"{path}: {answer.status}")
    return 1000 * (time.monotonic() - began), size


def go_on(root: Path, ended: threading.Event) -> None:
    number = 10_000_000
    while not ended.wait(1.0):
        number += 1
        journal_file.append(root / ".cdconf", record(number, time.time()))


if __name__ == "__main__":
    main()
