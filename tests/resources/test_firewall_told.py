"""Drift of a firewall says which rule it is."""

import json
from types import SimpleNamespace

import pytest

from cdconf.agent.converge import compare
from cdconf.resources.firewall import agent

FIELDS = {"name": "host", "content": "table inet cdconf_host {\n}\n", "loaded": True, "at_boot": False}
RULES = ["tcp dport 22 accept", "tcp dport 80 accept"]


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A kernel with one table, which nft loads and lists."""
    has = SimpleNamespace(rules=None)

    def nft(command, **_):
        if has.rules is None:
            return SimpleNamespace(status=1, out="", err="No such file or directory")
        if "-j" in command:
            listed = [{"rule": {"expr": [{"match": rule}]}} for rule in has.rules]
            return SimpleNamespace(status=0, out=json.dumps({"nftables": listed}), err="")
        text = "".join(f"\t\t{rule}\n" for rule in has.rules)
        return SimpleNamespace(status=0, out=f"table inet cdconf_host {{\n{text}}}\n", err="")

    def load(command, **_):
        has.rules = list(RULES)

    monkeypatch.setattr(agent, "FOLDER", str(tmp_path))
    monkeypatch.setattr(agent, "run", nft)
    monkeypatch.setattr(agent, "run_ok", load)
    monkeypatch.setattr(agent.programs, "need", lambda name: "true")
    monkeypatch.setattr(agent, "_at_boot", lambda fields: False)
    agent.apply(FIELDS, {"exists": (False, True)})
    return has


def told(fields=FIELDS):
    resource = {"title": "host", "fields": fields, "absent": False, "sensitive": False}
    return compare.text(resource, compare.difference(resource, agent.observe(fields), ("content", "loaded")))


def test_rules_that_are_loaded_are_right(kernel):
    assert agent.observe(FIELDS)["loaded"] is True
    assert told() == ""


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        ([*RULES, "tcp dport 9999 accept"], "-\t\ttcp dport 9999 accept\n"),
        (RULES[:1], "+\t\ttcp dport 80 accept\n"),
    ],
)
def test_the_rule_is_shown_that_came_or_went_by_hand(kernel, rules, line):
    kernel.rules = rules
    assert line in told()
    assert "loaded: false" not in told()
    agent.apply(FIELDS, {"loaded": (False, True)})
    assert told() == ""


def test_a_table_that_is_gone_is_said(kernel):
    kernel.rules = None
    assert told() == "loaded:\nthe kernel doesn't have the table\n"


def test_rules_of_an_older_version_have_no_list_and_are_different_all_the_same(kernel, tmp_path):
    (tmp_path / "cdconf-host.loaded").unlink()
    kernel.rules = RULES[:1]
    assert told() == "loaded: false -> true\n"


def test_what_rules_put_into_sets_is_no_difference_that_is_shown(kernel, monkeypatch):
    listed = {"now": "set seen {\n\tflags dynamic\n\telements = { 192.0.2.1,\n\t192.0.2.2 }\n}\nrule a\n"}
    wanted = "set seen {\n\tflags dynamic\n}\nrule b\n"
    monkeypatch.setattr(agent, "_listed", lambda fields: listed["now"])
    monkeypatch.setattr(agent.whole_file, "read_or_empty", lambda path: wanted)
    lines = [
        line for line in agent._how(FIELDS, []).splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert lines == ["-rule a", "+rule b"]
