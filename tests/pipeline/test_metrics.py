"""What Prometheus is told, and the file in which it's told."""

import stat
import threading
import time

import pytest

from cdconf.errors import CdconfError
from cdconf.events import HostResult, RunResult
from cdconf.history import journal, journal_file
from cdconf.pipeline.metrics import write_textfile
from tests.conftest import cdconf, git

parser = pytest.importorskip("prometheus_client.parser")


def values(text):
    """Name of a sample and its labels -> value, as Prometheus reads them."""
    samples = [one for family in parser.text_string_to_metric_families(text) for one in family.samples]
    return {
        (one.name, *(f"{name}={value}" for name, value in sorted(one.labels.items()))): one.value for one in samples
    }


def record(project, command, code, version=None, status="ok", **fields):
    extra = {"app": "shop" if version else None, "version": version}
    result = RunResult(command, "dev", {"web1": HostResult(status)}, code, extra=extra)
    journal_file.append(project / ".cdconf", journal.entry(result, time.time(), project) | fields)


def test_runs_deployments_lead_time_and_drift(project):
    (project / ".cdconf").mkdir()
    commit = git(project, "rev-parse", "HEAD") if (project / ".git").exists() else _committed(project)
    made = float(git(project, "show", "-s", "--format=%ct", commit))
    record(project, "deploy", 1, "1")
    record(project, "deploy", 0, "2", built_from=commit, committed_at=made + 90)
    record(project, "provision", 0)
    record(project, "drift", 2, status="changed")
    record(project, "de\x1bploy\n", 0)
    result = cdconf(project, "metrics")
    assert result.returncode == 0, result.stderr
    found = values(result.stdout)
    where = ("app=shop", "command=deploy", "environment=dev")
    assert found[("cdconf_deployments_total", *where, "result=ok")] == 1
    assert found[("cdconf_deployments_total", *where, "result=failed")] == 1
    assert found[("cdconf_runs_total", "command=drift", "environment=dev", "result=differences")] == 1
    assert found[("cdconf_runs_total", "command=de?ploy?", "environment=dev", "result=ok")] == 1
    assert found[("cdconf_deployed_info", "app=shop", "environment=dev", "version=2")] == 1
    assert found[("cdconf_last_lead_time_seconds", "app=shop", "environment=dev")] == pytest.approx(90)
    assert found[("cdconf_drift_hosts", "environment=dev")] == 1


def _committed(project):
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "all")
    return git(project, "rev-parse", "HEAD")


def test_the_file_is_whole_whenever_it_is_read_and_everybody_may(tmp_path):
    path = tmp_path / "cdconf.prom"
    texts = [b"a 1\n" * 20_000, b"b 2\n" * 20_000]
    write_textfile(path, texts[0])
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for text in texts:
                write_textfile(path, text)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert {path.read_bytes() for _ in range(300)} <= set(texts)
    finally:
        stop.set()
        thread.join()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["cdconf.prom"]


def test_a_file_that_can_not_be_written_is_said_and_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(CdconfError, match="can't be written"):
        write_textfile(tmp_path / "folder", b"")
    with pytest.raises(CdconfError, match="can't be written"):
        write_textfile(tmp_path / "missing/cdconf.prom", b"")
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_the_file_may_be_named_by_the_environment(project, tmp_path):
    path = tmp_path / "cdconf.prom"
    result = cdconf(project, "metrics", CDCONF_METRICS_TEXTFILE=str(path))
    assert (result.returncode, result.stdout) == (0, "")
    assert path.read_text().startswith("# HELP cdconf_runs")
