"""`cdconf history`: which runs are shown, one run told again, exported, and a journal that somebody has changed."""

import json
import time
from pathlib import Path

import pytest

from cdconf.events import HostResult, RunResult
from cdconf.history import journal, journal_file
from cdconf.history.run_events import RunEventWriter
from tests.conftest import cdconf

RUNS = [  # command, app, version, exit code, hosts, user, fields, hours ago
    ("deploy", "shop", "1", 0, ("web1", "web2"), "ann", {}, 50),
    ("deploy", "shop", "2", 3, ("web1", "web2"), "ann", {"override": "the site is down"}, 40),
    ("deploy", "shop", "3", 0, ("web1",), "bob", {"throwaway": True}, 30),
    ("rollback", "shop", "1", 0, ("web2",), "bob", {}, 20),
    ("provision", None, None, 0, ("db1",), "ann", {}, 10),
    ("drift", None, None, 2, ("db1", "web1"), "cron", {}, 1),
]


@pytest.fixture
def told(project):
    """A project with runs; gives their ids, the oldest first."""
    data = project / ".cdconf"
    data.mkdir()
    ids = []
    for command, app, version, code, hosts, user, fields, ago in RUNS:
        extra = {"app": app, "version": version}
        result = RunResult(command, "dev", {name: HostResult("ok") for name in hosts}, code, extra=extra)
        entry = journal.entry(result, time.time() - 3600 * ago, project) | fields | {"user": user}
        told = RunEventWriter(data, entry["id"], {"command": command})
        told.tell({"event": "step", "message": f"{command} \x1b[2J"})
        told.tell({"event": "host", "host": hosts[0], "status": "failed", "message": "no\troom"})
        journal_file.append(data, entry)
        told.end()
        ids.append(entry["id"])
    return ids


def chosen(project, ids, *options):
    """The places of the runs that are shown, the newest first."""
    runs = json.loads(cdconf(project, "history", "dev", "--json", *options).stdout)["runs"]
    return [ids.index(one["id"]) for one in runs]


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ((), [5, 4, 3, 2, 1, 0]),
        (("--limit", "2"), [5, 4]),
        (("--host", "web1"), [5, 2, 1, 0]),
        (("--host", "web"), []),
        (("--who", "ann"), [4, 1, 0]),
        (("--kind", "deployment"), [1, 0]),
        (("--kind", "deployment", "--kind", "rollback"), [3, 1, 0]),
        (("--kind", "throw-away"), [2]),
        (("--kind", "override"), [1]),
        (("--kind", "drift"), [5]),
        (("--since", "35h"), [5, 4, 3, 2]),
        (("--until", "35h"), [1, 0]),
        (("--since", "45h", "--until", "15h", "--app", "shop"), [3, 2, 1]),
        (("--host", "web1", "--kind", "deployment", "--limit", "1"), [1]),
    ],
)
def test_runs_are_chosen_by_host_user_kind_and_time(project, told, options, places):
    assert chosen(project, told, *options) == places


@pytest.mark.parametrize("options", [("--since", "yesterday"), ("--until", "2026-13-01"), ("--kind", "party")])
def test_what_can_not_be_meant_is_said(project, told, options):
    result = cdconf(project, "history", *options)
    assert result.returncode == 1
    assert options[1] in result.stderr


def test_a_run_is_told_again_by_the_beginning_of_its_id(project, told):
    result = cdconf(project, "history", "show", told[1][:14])
    assert f"run: {told[1]}" in result.stdout
    assert "overridden: the site is down" in result.stdout
    assert "==> deploy \\x1b[2J" in result.stdout
    assert "web1: failed: no\troom" in result.stdout
    assert "\x1b" not in result.stdout
    document = json.loads(cdconf(project, "history", told[1], "--json").stdout)
    assert [one["event"] for one in document["told"]] == ["began", "step", "host"]
    assert [one["id"] for one in document["runs"]] == [told[1]]


def test_a_word_that_names_no_run_or_several_is_said(project, told):
    assert "there is no run 'ffffffffffff'" in cdconf(project, "history", "ffffffffffff").stderr
    data = project / ".cdconf"
    for end in "ab":
        journal_file.append(data, {"id": f"0123456789ab-{end}", "command": "run", "started_at": 1.0})
    several = cdconf(project, "history", "0123456789ab")
    assert several.returncode == 1
    assert "matches 2 runs" in several.stderr
    assert "0123456789ab-a" in cdconf(project, "history", "0123456789ab-a").stdout


def test_runs_are_exported_as_json_lines_the_oldest_first(project, told):
    lines = cdconf(project, "history", "export", "--kind", "deployment", "--events").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["id"] for one in found] == told[:2]
    assert [one["event"] for one in found[0]["told"]] == ["began", "step", "host"]
    assert {one["schema_version"] for one in found} == {1}


def test_a_journal_that_somebody_has_changed_is_found_out(project, told):
    assert cdconf(project, "history", "verify").returncode == 0
    path = project / ".cdconf" / journal_file.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"the site is down", b"all was approved")
    path.write_bytes(b"".join(lines[:3] + lines[4:]))
    result = cdconf(project, "history", "verify")
    assert result.returncode == 1
    assert f"REWRITTEN: entry 2 says something else than the index has seen: run {told[1]}" in result.stdout
    assert f"CUT OUT: entry 4 is missing: run {told[3]}" in result.stdout
    document = json.loads(cdconf(project, "history", "verify", "--json").stdout)["verified"]
    assert (document["entries"], document["covered"], document["uncovered"]) == (5, 0, 5)
    assert [(one["kind"], one["id"]) for one in document["findings"]] == [
        ("rewritten", told[1]),
        ("cut_out", told[3]),
    ]
    assert chosen(project, told) == [5, 4, 3, 2, 1, 0], "the index keeps what it has seen"


def test_odd_lines_and_odd_rows_are_shown_and_never_a_traceback(project, told):
    path = project / ".cdconf" / journal_file.FILE
    odd = [
        b"\xff\xfe not json",
        b'{"id": "odd-1", "command": "deploy\\u0000\\u001b[2J", "hosts": ["a"], "started_at": -1e11}',
        b'{"id": "odd-0", "command": "deploy", "environment": "dev", "events": [{"at": "soon", "why": 5}]}',
        b'{"id": "odd-2", "command": "deploy", "duration_s": "x", "dirty_files": 5, "dirty_count": "q"}',
        b'{"id": "odd-5", "command": "deploy", "error": "\\ud800", "checkout": "x", "environment_of": 5}',
        b'{"id": "odd-3", "command": "deploy", "clock_difference_s": "soon", "fences": {"web1": "x"}, "events": [5]}',
        b'{"id": "odd-4", "command": "deploy", "started_at": NaN, "exit_code": 99999999999999999999, "app": {"a": 1}}',
    ]
    with path.open("ab") as stream:
        stream.write(b"\n".join(odd) + b"\n")
    for options in ((), ("-v",), ("--json",), ("show", "--kind", "deployment"), ("export",), ("verify",)):
        result = cdconf(project, "history", *options)
        assert result.returncode == 0, (options, result.stderr)
        assert "\x1b" not in result.stdout
        assert result.stderr == ""


def test_a_clock_that_went_back_loses_no_run(project, told):
    data = project / ".cdconf"
    for at in (5000.0, 4000.0, 3000.0):
        result = RunResult("run", "dev", extra={"detail": str(at)})
        journal_file.append(data, journal.entry(result, at, Path(project)))
    assert len(chosen(project, [*told, *_ids(data)][:9])) == 9
    assert cdconf(project, "history", "verify").returncode == 0


def _ids(data):
    lines, _ = journal_file.read(data)
    return [line.id for line in lines[6:]]
