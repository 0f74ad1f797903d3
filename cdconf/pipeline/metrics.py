"""What the history and the artifact store say, as metrics for Prometheus.

Counters are counts of the history's rows, of which none is ever dropped; so they don't begin anew with a process.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.attestations import STOP
from cdconf.atomic import write_output
from cdconf.errors import ArtifactError, CdconfError
from cdconf.events import Notice
from cdconf.git_command import git_command
from cdconf.history.deployed import deployed
from cdconf.history.reading import stages
from cdconf.history.rows import RunFilter, number
from cdconf.history.team import history_of
from cdconf.pipeline.indexed import index_store
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.said import Stop
from cdconf.promotion.stops import standing

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from cdconf.events import Emit
    from cdconf.history.index import History
    from cdconf.inventory import Project

VARIABLE = "CDCONF_METRICS_TEXTFILE"
_RESULTS = {0: "ok", 2: "differences", 3: "refused", 4: "unreachable", 130: "interrupted", 143: "interrupted"}
_OPEN = ("waiting", "running", "blocked")  # states of a stage that isn't over
_RECENT = 30 * 86400.0  # seconds: stages that began before aren't looked at for what's waiting now


def exposition(project: Project, emit: Emit) -> bytes:
    """The metrics in Prometheus' text format.

    What can't be told, such as stops where the store can't be read, is left out, and said.

    Raises:
        CdconfError: The history can't be read; or prometheus-client isn't installed here.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ModuleNotFoundError as error:
        text = "prometheus-client isn't installed here"
        raise CdconfError(text, hint="pip install 'cdconf[metrics]'") from error
    found = list(_metrics(project, emit))

    class Found:
        def collect(self) -> Iterable[Metric]:
            return found

    registry = CollectorRegistry()
    registry.register(Found())
    return bytes(generate_latest(registry))


def write_textfile(path: Path, text: bytes) -> None:
    """Puts a file in place whole, readable for everybody: node_exporter runs as another user.

    Raises:
        CdconfError: It can't be written.
    """
    try:
        write_output(path, text, private=False)
    except OSError as error:
        raise CdconfError(f"{path} can't be written: {error.strerror}") from error


def _metrics(project: Project, emit: Emit) -> Iterator[Metric]:
    with closing(history_of(project)) as history:
        try:
            index_store(project, history, emit)
        except ArtifactError as error:
            emit(Notice(f"stages are as they were known here before: {error.message}", warning=True))
        yield from _runs(history)
        yield from _last(project, history)
        yield from _drift(history)
        yield from _stages(history)
    try:
        yield _stops(project, emit)
    except ArtifactError as error:
        emit(Notice(f"stops are left out: {error.message}", warning=True))


def _runs(history: History) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    sa, runs = history.sa, history.tables.runs
    columns = (runs.c.command, runs.c.environment, runs.c.app, runs.c.exit_code, runs.c.source)
    query = sa.select(*columns, sa.func.count()).where(runs.c.project == history.project).group_by(*columns)
    every: Counter[tuple[str, ...]] = Counter()
    deployments: Counter[tuple[str, ...]] = Counter()
    with history.reading() as connection:
        for command, environment, app, code, source, count in connection.execute(query):
            result = _result(code, source)
            every[(command, environment or "", result)] += count
            if command in ("deploy", "rollback"):
                deployments[(environment or "", app or "", command, result)] += count
    yield _counted(
        CounterMetricFamily("cdconf_runs", "Runs of cdconf.", labels=["command", "environment", "result"]), every
    )
    labels = ["environment", "app", "command", "result"]
    text = "Runs of deploy and rollback; result=failed: it failed, and was rolled back."
    yield _counted(CounterMetricFamily("cdconf_deployments", text, labels=labels), deployments)


def _result(code: int | None, source: str) -> str:
    if code is None:
        return "killed" if source == "killed" else "unknown"
    return _RESULTS.get(code, "failed")


def _counted(family: Any, counts: Mapping[tuple[str, ...], float]) -> Metric:
    for labels, count in sorted(counts.items()):
        family.add_metric([_label(label) for label in labels], count)
    found: Metric = family
    return found


def _label(text: str) -> str:
    """Others have written into the history, too: a label is one line, of what can be encoded."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _last(project: Project, history: History) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    last = deployed(history, ("built_from", "committed_at"))
    info = GaugeMetricFamily(
        "cdconf_deployed_info", "The version that was deployed last.", labels=["environment", "app", "version"]
    )
    at = GaugeMetricFamily(
        "cdconf_last_deployment_timestamp_seconds", "When that began.", labels=["environment", "app"]
    )
    lead = GaugeMetricFamily(
        "cdconf_last_lead_time_seconds",
        "From the commit that it was built from to the moment at which all hosts kept it.",
        labels=["environment", "app"],
    )
    times = _commit_times(project.root, [one["built_from"] for one in last if isinstance(one["built_from"], str)])
    for one in last:
        where = [_label(one["environment"]), _label(one["app"])]
        info.add_metric([*where, _label(str(one["version"]))], 1)
        at.add_metric(where, one["ordered_at"])
        kept, made = number(one["committed_at"]), times.get(str(one["built_from"]))
        if kept is not None and made is not None:
            lead.add_metric(where, max(0.0, kept + one["ordered_at"] - one["started_at"] - made))
    yield from (info, at, lead)


def _commit_times(root: Path, commits: list[str]) -> dict[str, float]:
    """Commit -> when it was committed; those that git doesn't have here are left out."""
    wanted = sorted({commit for commit in commits if len(commit) in (40, 64) and commit.isalnum()})
    if not wanted:
        return {}
    command = git_command(root, "cat-file", "--batch=%(objectname) %(objecttype)", "--buffer")
    text = "".join(f"{one}\n" for one in wanted).encode()
    with suppress(OSError):
        done = subprocess.run(command, input=text, capture_output=True, check=False)
        return dict(_committed(done.stdout))
    return {}


def _committed(output: bytes) -> Iterator[tuple[str, float]]:
    """Of `git cat-file --batch`: a header, then the commit, whose committer's line has the time."""
    name = ""
    for line in output.split(b"\n"):
        if line.endswith(b" commit") and len(line) in (47, 71):
            name = line[:-7].decode("ascii", "replace")
        elif line.startswith(b"committer ") and name:
            with suppress(ValueError, IndexError):
                yield name, float(line.rsplit(b" ", 2)[1])
            name = ""


def _drift(history: History) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    found = GaugeMetricFamily("cdconf_drift_hosts", "Hosts that differed at the last look.", labels=["environment"])
    at = GaugeMetricFamily("cdconf_drift_timestamp_seconds", "When that was.", labels=["environment"])
    for name in history.environments():
        rows = history.runs(limit=1, wanted=RunFilter(name, commands=("drift",)))
        for row in rows:
            differ = sum(1 for host in row["hosts"].values() if host.get("status") not in ("ok", "unreachable"))
            found.add_metric([_label(name)], differ)
            at.add_metric([_label(name)], row["ordered_at"])
    yield from (found, at)


def _stages(history: History) -> Iterator[Metric]:
    """How many commits are in a stage or wait for it, and since when the first one does."""
    from prometheus_client.core import GaugeMetricFamily

    count = GaugeMetricFamily("cdconf_stage_commits", "Commits that a stage isn't over for.", labels=["stage", "state"])
    since = GaugeMetricFamily(
        "cdconf_stage_since_timestamp_seconds", "Since when the first of them is so.", labels=["stage", "state"]
    )
    last = {(stage.commit, stage.stage): stage for stage in stages(history, since=time.time() - _RECENT)}
    counts: Counter[tuple[str, ...]] = Counter()
    first: dict[tuple[str, ...], float] = {}
    for stage in last.values():
        if stage.result in _OPEN:
            key = (stage.stage, stage.result)
            counts[key] += 1
            first[key] = min(first.get(key, stage.states[-1].at), stage.states[-1].at)
    yield _counted(count, counts)
    yield _counted(since, first)


def _stops(project: Project, emit: Emit) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    counts: Counter[tuple[str, ...]] = Counter({(name,): 0 for name in project.apps})
    for checked in Evidence.of(project, emit).every(STOP).values():
        found: list[Stop] = [stop for _, stop in standing(checked) if stop.project == project.name]
        counts.update((stop.app,) for stop in found)
    return _counted(GaugeMetricFamily("cdconf_stops", "Stops that stand.", labels=["app"]), counts)
