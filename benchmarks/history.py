"""What the lists of a long history cost.

    python benchmarks/history.py [--runs 100000] [--times 5] [--postgresql URL]

A checkout with so many runs over three years: 20 environments, 10 apps, 300 hosts, some machines' clocks wrong. Told is
the query alone, in a process that has opened the history; and, to compare, the whole command, most of which is Python's
start. Without --postgresql the history is the checkout's own SQLite.
"""

import argparse
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from fleet import CDCONF

from cdconf.history.chain import Head, chained, link_of
from cdconf.history.index import History
from cdconf.history.journal_file import FILE
from cdconf.history.rows import RunFilter

END = 1_790_000_000.0
SPAN = 3 * 365 * 86400.0
COMMANDS = (
    ("deploy",) * 6 + ("provision",) * 3 + ("drift",) * 8 + ("rollback", "toggle", "smoke", "pipeline run", "run")
)
WANTED = {
    "the last 20": RunFilter(),
    "an environment's": RunFilter("env-07"),
    "an app's": RunFilter(app="app-3"),
    "a host's": RunFilter(host="web-123"),
    "a host's that there isn't": RunFilter(host="web-999"),
    "a user's": RunFilter(user="ann"),
    "a user's that there isn't": RunFilter(user="nobody"),
    "deployments": RunFilter(kinds=("deployment",)),
    "throw-away copies'": RunFilter(kinds=("throw-away",)),
    "overrides": RunFilter(kinds=("override",)),
    "approvals, of which there are none": RunFilter(kinds=("approval",)),
    "a day two years ago": RunFilter(since=END - 2 * 365 * 86400, until=END - 2 * 365 * 86400 + 86400),
    "a run by its id": RunFilter(named=f"{int((END - SPAN / 2) * 1000):012x}"[:9]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--postgresql", metavar="URL")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdconf-bench-") as folder:
        root = Path(folder)
        data = root / ".cdconf"
        data.mkdir(mode=0o700)
        write(data, arguments.runs)
        began = time.monotonic()
        team = (arguments.postgresql, "bench", "bench0000") if arguments.postgresql else ()
        History(data, *team).close()
        print(f"taking {arguments.runs} runs in, once: {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        with closing(History(data, *team)) as history:
            print(f"opening, nothing new: {1000 * (time.monotonic() - began):.0f} ms")
            for name, wanted in WANTED.items():
                print(told(name, arguments.times, partial(shown, history, wanted)))
            for ask in (history.environments, history.apps, history.deployed):
                print(told(ask.__name__, arguments.times, partial(asked, ask)))
        if not arguments.postgresql:
            whole(root, arguments.times)


def shown(history: History, wanted: RunFilter) -> int:
    return len(history.runs(limit=20, wanted=wanted))


def asked(ask: Callable[[], Sequence[object]]) -> int:
    return len(ask())


def told(name: str, times: int, ask: Callable[[], int]) -> str:
    found, took = 0, []
    for _ in range(times):
        began = time.monotonic()
        found = ask()
        took.append(1000 * (time.monotonic() - began))
    return f"{name}: {statistics.median(took):.0f} ms (at most {max(took):.0f}), {found} found"


def whole(root: Path, times: int) -> None:
    (root / "cdconf.yml").write_text("project: bench\ngroups: {}\n")
    for words in (["--version"], ["history", "--limit", "20"]):
        took = []
        for _ in range(times):
            began = time.monotonic()
            subprocess.run([*CDCONF, *words], cwd=root, stdout=subprocess.DEVNULL, check=True)
            took.append(1000 * (time.monotonic() - began))
        print(f"cdconf {' '.join(words)}, whole: {statistics.median(took):.0f} ms")


def write(data: Path, count: int) -> None:
    random.seed(1)
    head = Head()
    with (data / FILE).open("wb") as stream:
        for number in range(count):
            line = chained(record(number, END - SPAN + SPAN * number / count), head)
            head = Head(head.number + 1, link_of(head.link, line))
            stream.write(line + b"\n")


def record(number: int, at: float) -> dict[str, Any]:
    command = random.choice(COMMANDS)
    wrong = 3600.0 if number % 100 == 0 else random.choice((0.1, -0.2, 0.3))
    hosts = {f"web-{random.randrange(300)}": {"status": "ok", "ok": 29, "changed": 0, "failed": 0} for _ in range(5)}
    deploys = command in ("deploy", "rollback")
    about = {"app": f"app-{random.randrange(10)}", "version": f"1.{number}", "artifact": f"{number:064x}"}
    fields = {"built_from": f"{number:040x}", "committed_at": at + 20, "procedure": "sha256:" + "0" * 64}
    return {
        "id": f"{int(at * 1000):012x}-{number:012x}",
        "run": f"{int(at * 1000):x}-{number:016x}",
        "command": command,
        "environment": f"env-{random.randrange(20):02d}",
        "started_at": at,
        "duration_s": 30.0,
        "exit_code": random.choice((0,) * 9 + (1,)),
        "user": random.choice(("ann", "bob", "eve", "ci")),
        "controller": "laptop",
        "commit": f"{number:040x}",
        "detail": None,
        "error": None,
        "hosts": hosts,
        "clock_difference_s": wrong,
        "fences": dict.fromkeys(hosts, number),
        "checkout": "bench0000",
        **(about | fields if deploys else {}),
        **({"throwaway": True} if number % 50 == 0 else {}),
        **({"override": "the site is down"} if number % 5000 == 1 else {}),
    }


if __name__ == "__main__":
    main()
