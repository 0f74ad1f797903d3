"""`cdconf waiver`: what it writes, and what it refuses to write. No host is asked."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import begun, cdconf, write

FILE = "inventories/dev/waivers.yml"
ADD = ("waiver", "add", "dev")
WHY = ("--until", "30d", "--reason", "it: moves")


def run(root, *arguments, code=0):
    result = cdconf(root, *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def day(days):
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_one_is_added_listed_and_removed(project):
    said = run(project, *ADD, "web", "file", "/etc/motd", *WHY).stderr
    assert "waived: web file /etc/motd, until " in said
    assert f"{FILE} was changed: commit it" in said
    before = (project / FILE).read_text()
    assert before.startswith("# Findings of `cdconf drift` that are accepted until a day.")
    (one,) = json.loads(run(project, "waiver", "list", "dev", "--json").stdout)["waivers"]
    assert (one["host"], one["reason"], one["ended"], one["source"]) == ("web", "it: moves", False, f"{FILE}:3")
    assert one["until"] in (day(30), day(29))
    run(project, *ADD, "web", "file", "/etc/motd", "--until", "31d", "--reason", "later")
    listed = run(project, "waiver", "list", "dev").stdout.splitlines()
    assert len(listed) == 2
    assert "later" in listed[1]
    run(project, "waiver", "remove", "dev", "web", "file", "/etc/motd")
    assert (project / FILE).read_text().splitlines()[1:] == ["waivers:"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody", "file", "/x", *WHY], "'nobody' isn't a host of dev"),
        (["web1", "fil", "/x", *WHY], "did you mean 'file'?"),
        (["web1", "file", "/x", "--reason", "r"], "a waiver needs --until and --reason"),
        (["web1", "file", "/x", "--until", "1d", "--reason", " "], "a waiver needs --until and --reason"),
        (["web1", "file", "/x", "--until", "2027-02-30", "--reason", "r"], "isn't a day"),
        (["web1", "file", "/x", "--until", "2020-01-01", "--reason", "r"], "is over already: today is"),
        (["web1", "file", "/x", "--until", "1d", "--reason", "x" * 501], "more than 500 characters"),
    ],
)
def test_what_is_refused(project, arguments, words):
    assert words in run(project, *ADD, *arguments, code=1).stderr
    assert not (project / FILE).exists()


@pytest.mark.parametrize("place", ["title", "reason"])
def test_no_secret_is_written_down(project, place):
    write(project, {".cdconf/nothing": "", "roles/base/role.yml": "variables:\n  pin: {secret: {generate: 20}}\n"})
    write(project, {"inventories/dev/recipients.txt": run(project, "secret", "key").stdout})
    secret = "Mellon-Mellon-17"
    from cdconf.inventory import load_environment, load_project
    from cdconf.secrets import SecretStore

    loaded = load_project(project)
    SecretStore(loaded, load_environment(loaded, "dev")).set("pin", secret)
    title, reason = (f"/etc/{secret}", "why") if place == "title" else ("/etc/x", f"it's {secret}")
    result = run(project, *ADD, "web1", "file", title, "--until", "1d", "--reason", reason, code=1)
    assert f"the {place} holds a secret of dev" in result.stderr
    assert secret not in result.stdout + result.stderr
    assert not (project / FILE).exists()


def test_those_that_ended_go_together(project):
    old = "host: gone, type: file, title: /x, until: 2026-01-01, reason: old"
    write(project, {FILE: f"waivers:\n  - {{{old}}}\n"})
    run(project, *ADD, "web1", "file", "/y", *WHY)
    linted = run(project, "lint").stdout
    assert f"{FILE}:2" in linted
    assert "ended on 2026-01-01" in linted
    assert "is for no host of dev" in linted
    assert "ended" in run(project, "waiver", "list", "dev").stdout
    run(project, "waiver", "remove", "dev", "--ended")
    assert "/x" not in (project / FILE).read_text()
    assert "/y" in (project / FILE).read_text()
    assert "nothing was removed" in run(project, "waiver", "remove", "dev", "--ended").stderr


def test_which_one_is_removed_must_be_said(project):
    run(project, *ADD, "web1", "file", "/y", *WHY)
    assert "which waiver?" in run(project, "waiver", "remove", "dev", code=1).stderr
    missing = run(project, "waiver", "remove", "dev", "web1", "file", "/z", code=1).stderr
    assert "did you mean 'web1 file /y'?" in missing


@pytest.mark.parametrize("verb", ["lint", "drift dev", "waiver list dev", "waiver baseline dev"])
def test_a_file_that_breaks_a_rule_ends_the_run(project, verb):
    write(project, {FILE: "waivers:\n  - {host: web1, type: file, title: /x, until: 2027-01-31}\n"})
    result = run(project, *verb.split(), code=1)
    assert f"{FILE}:2" in result.stdout + result.stderr
    assert "has no 'reason'" in result.stdout + result.stderr


def test_of_several_that_are_added_at_once_none_is_lost(project):
    titles = [f"/etc/{number}" for number in range(8)]
    added = [begun(project, *ADD, "web", "file", title, *WHY, stderr=subprocess.DEVNULL) for title in titles]
    assert [one.wait() for one in added] == [0] * len(titles)
    listed = json.loads(run(project, "waiver", "list", "dev", "--json").stdout)["waivers"]
    assert sorted(one["title"] for one in listed) == titles
