"""What all tests share: small projects on disk, and the command line."""

import collections
import gc
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.prepared import Begun, prepared

CDCONF = [sys.executable, "-m", "cdconf"]
# Files that take minutes; "slowest files" at the end of a run tells whether they're still these.
LONGEST = (
    *("test_secrets_hidden", "test_rollout", "test_cases", "test_app_guides", "test_pipeline"),
    *("test_copy_of_production", "test_databases", "test_schedule_ticks", "test_attacks", "test_servers", "test_load"),
    *("test_main_job", "test_parity", "test_dead_mans_switch", "test_toggles", "test_shared", "test_plans"),
    *("test_refused", "test_new_project", "test_snapshots", "test_team", "test_dashboard_live", "test_upgrade"),
    *("test_throwaway", "test_by_hand", "test_history_rebuild", "test_lease_inherited"),
    # Of those that need no host:
    *("test_everybody_can_read_it", "test_browser", "test_run", "test_wheel", "test_ends", "test_broken_files"),
    *("test_artifacts", "test_approval_forgeries", "test_approvals", "test_revisions", "test_boot"),
    *("test_state_files", "test_pythons", "test_server", "test_vagrantfile", "test_attestations", "test_forgeries"),
    *("test_hostile_texts", "test_hostile_store", "test_process", "test_watch"),
)


def pytest_configure(config):
    """Runs in the background are started deaf to Ctrl-C, those of nohup to a hangup; what tests start would be, too.

    Smoke tests that tests start load no plugin of this suite's own: hypothesis alone takes 0.7 s each time.
    """
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


ON_HOSTS = "pytest.mark.hosts"
ALL_ON_HOSTS = re.compile(rf"^pytestmark = (\[[^]]*)?{re.escape(ON_HOSTS)}", re.MULTILINE)


def pytest_ignore_collect(collection_path, config):
    """Each worker imports what it runs, and not the other half of the suite as well, which takes it seconds."""
    wanted = config.getoption("markexpr")
    if wanted not in ("hosts", "not hosts") or not re.fullmatch(r"test_.*\.py", collection_path.name):
        return None
    text = collection_path.read_text(encoding="utf-8")
    others = ON_HOSTS not in text if wanted == "hosts" else ALL_ON_HOSTS.search(text) is not None
    return True if others else None


def pytest_collection_finish():
    """What was collected stays to the end: neither collections of garbage nor forks need look at it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed one: what it needs is missing there, and nobody would see it."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome, report.longrepr = "failed", f"skipped, which CI doesn't allow: {call.excinfo.value}"
    return report


def pytest_collection_modifyitems(items):
    """A test on real hosts gets a second try; see docs/adr/0012-a-second-try-is-reported.md.

    They come before the others, and the longest files first: workers that have nothing long left to do fill the end
    with what's short.
    """
    ranks = {}
    for item in items:
        hosts = item.get_closest_marker("hosts") is not None
        if hosts and item.path not in ranks and ON_HOSTS not in item.path.read_text(encoding="utf-8"):
            raise pytest.UsageError(f"{item.nodeid} is on hosts, and '{ON_HOSTS}' doesn't stand in its file")
        if hosts and not item.get_closest_marker("once"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        rank = (not hosts, LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])


def pytest_terminal_summary(terminalreporter):
    """What a first try failed with is shown whole: a second one that passed mustn't hide it.

    The files that took longest follow, since each change pays for them.
    """
    again = terminalreporter.stats.get("rerun", [])
    for report in again:
        terminalreporter.section(f"failed at first: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)
    seconds = collections.Counter()
    for report in itertools.chain(*terminalreporter.stats.values()):
        if hasattr(report, "duration"):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("slowest files", sep="_")
    for file, spent in seconds.most_common(15):
        terminalreporter.write_line(f"{spent:7.1f} s  {file}")
    terminalreporter.write_line(f"{sum(seconds.values()):7.1f} s  in all, {len(again)} tests tried twice")
    for report in again:
        terminalreporter.write_line(f"failed at first: {report.nodeid}")


def write(root: Path, files: dict[str, str]) -> Path:
    """Writes files, dedented; returns the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    return root


def git(root: Path, *arguments: str) -> str:
    own = ("user.name=test", "user.email=test@example.com", "maintenance.auto=false")
    command = ["git", "-C", str(root), *(word for one in own for word in ("-c", one)), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def cdconf(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs the command line in a project, without a terminal."""
    return prepared().run([str(one) for one in arguments], root, {**os.environ, **environment}, timeout=300)


def begun(root: Path, *arguments: str, stdin=subprocess.DEVNULL, stdout=None, stderr=None, env=None) -> Begun:
    """Starts the command line in a project; streams are as those of `subprocess.Popen`, and None is a test's own."""
    streams = (stdin, stdout or sys.__stdout__, stderr or sys.__stderr__)
    return prepared().begin([str(one) for one in arguments], root, dict(env or os.environ), streams)


@pytest.fixture
def project(tmp_path):
    """A project with one role, two existing hosts and nothing to connect to."""
    return write(
        tmp_path,
        {
            "cdconf.yml": """
                project: demo
                groups:
                  db: [base]
                  web: [base]
            """,
            "inventories/dev/hosts.yml": """
                hosts:
                  web1: {address: 192.0.2.1, groups: [web]}
                  db1: {address: 192.0.2.2, groups: [db]}
            """,
            "roles/base/role.yml": """
                variables:
                  greeting: {type: string, default: hello, doc: what to say}
                resources:
                  - file: /etc/motd
                    content: "{{ greeting }}\\n"
                    notify: say it
                handlers:
                  say it: {command: "wall < /etc/motd"}
            """,
        },
    )
