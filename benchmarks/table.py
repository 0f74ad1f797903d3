"""The results as Markdown, with what's needed to judge and to repeat them."""

import datetime as dt
import os
import platform
import re
import statistics
from dataclasses import dataclass, field
from pathlib import Path

import workload
from figures import Figures
from fleet import Figure

SHOWN = 15  # lines of what a tool said when it failed
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


@dataclass
class Result:
    """One tool's figures; `problem` says why there are none, or what makes them incomparable."""

    name: str
    versions: str = ""
    first: list[Figure] = field(default_factory=list)
    again: list[Figure] = field(default_factory=list)
    problem: str = ""


def markdown(
    results: list[Result], floor: list[Figure], figures: Figures | None, hosts: int, runs: tuple[int, int]
) -> str:
    """The whole section; `runs` are cdconf's and the floor's, and the other tools'."""
    base = statistics.median(figure.wall for figure in floor)
    ours = next((result for result in results if result.name == "cdconf" and not result.problem), None)
    lines = [
        f"{workload.COUNT} resources a host, {_many(hosts, 'host')}; tools in turn, {_medians(*runs)}.",
        f"Floor: `ssh HOST true` on all hosts in parallel, {base:.2f} s.",
        "",
        f"Measured on {_machine()}, {dt.datetime.now(tz=dt.UTC).date().isoformat()}.",
        "",
        "| tool | first converge | x floor | x cdconf | nothing to change | x floor | x cdconf | CPU per host |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(result, base, ours, hosts) for result in results),
        "",
        "Seconds are of the whole process; CPU is the controller's, per host, with nothing to change.",
        "",
        *(f"- {result.name}: {result.versions}" for result in results if result.versions),
    ]
    problems = [result for result in results if result.problem]
    if problems:
        lines += ["", "Without figures, or not comparable:", ""]
        for result in problems:
            said = result.problem.splitlines()
            rest = [f"… {len(said) - SHOWN} more lines"] if len(said) > SHOWN else []
            lines += [f"- {result.name}:", "", "  ```", *(f"  {line}" for line in said[:SHOWN] + rest), "  ```"]
    if figures is not None:
        lines += [
            "",
            "Of cdconf alone:",
            "",
            f"- the agent is a zip of {figures.agent_bytes / 1024:.0f} KiB;",
            f"- cached on the host, it answers {figures.boot * 1000:.0f} ms after the login;",
            f"- {figures.resources} resources with nothing to change take it {figures.apply * 1000:.0f} ms.",
        ]
    return "\n".join(lines) + "\n"


def _row(result: Result, base: float, ours: Result | None, hosts: int) -> str:
    cells = [result.name]
    for values, own in ((result.first, ours and ours.first), (result.again, ours and ours.again)):
        if not values:
            cells += ["-"] * 3
            continue
        middle = _median(values)
        cells += [f"{middle:.2f} s", f"{middle / base:.1f}", f"{middle / _median(own):.1f}" if own else "-"]
    cpu = statistics.median(figure.cpu for figure in result.again) if result.again else None
    cells.append(f"{cpu / hosts * 1000:.0f} ms" if cpu is not None else "-")
    return f"| {' | '.join(cells)} |"


def _medians(runs: int, others: int) -> str:
    text = f"median of {_many(runs, 'run')}"
    return text if runs == others else f"{text}; other tools than cdconf: {others}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _median(values: list[Figure]) -> float:
    return statistics.median(figure.wall for figure in values)


def _machine() -> str:
    information = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", information)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    cpu = model[1].strip() if model else platform.machine()
    return f"{os.cpu_count()} x {cpu}, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def put(text: str, path: Path) -> None:
    """Replaces the results in a Markdown file, between its two marks."""
    old = path.read_text(encoding="utf-8")
    head, found, rest = old.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{path} has no {BEGIN} … {END}")
    path.write_text(f"{head}{BEGIN}\n{text}{END}{tail}", encoding="utf-8")
