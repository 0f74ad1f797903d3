"""A look for drift as JUnit, SARIF, Nagios and Prometheus have it."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cdconf.drift.findings import DriftFinding
from cdconf.render.drift import nagios, prometheus, results, suites
from cdconf.render.drift.look import NOTHING, DriftLook, masked, signature

HANDED = DriftFinding("web1", "file", "/etc/motd", "by_hand", "roles/base/role.yml:3", "mode: 0644 -> 0600\n")
BEHIND = DriftFinding("web2", "file", "/etc/x", "not_applied", "roles/base/role.yml:9")
BOTH = DriftFinding("web2", "service", "shop", "both", evidence=("sudo: bob, 12:00",), repair="`cdconf deploy shop`")
UNTOLD = DriftFinding("web2", "orphan", "file /etc/y", "unknown", message="its secret isn't here")
WAIVED = DriftFinding("web1", "package", "vim", "by_hand", waived="bob debugs")


def look(*findings, **about):
    given = {"unreachable": {}, "failed": {}, "findings": findings, "duration_s": 1.5, "last_success": 1000.25}
    return DriftLook("shop", "production", ("web1", "web2"), **{**given, **about})


@pytest.mark.parametrize(
    ("found", "code", "word"),
    [
        (look(), 0, "OK - production: no drift on 2 hosts"),
        (look(WAIVED), 0, "OK - production: 1 waived"),
        (look(BEHIND), 1, "WARNING - production: 1 not applied (web2)"),
        (look(HANDED, BEHIND), 2, "CRITICAL - production: 1 changed by hand (web1), 1 not applied (web2)"),
        (look(BOTH), 2, "CRITICAL - production: 1 changed by hand (web2)"),
        (look(UNTOLD, BEHIND), 3, "UNKNOWN - production: 1 not applied (web2), 1 can't be told (web2)"),
        (look(unreachable={"web1": "no route"}), 3, "UNKNOWN - production: 1 unreachable (web1)"),
        (look(BEHIND, failed={"web1": "no Python"}), 3, "UNKNOWN - production: 1 not applied (web2), 1 failed (web1)"),
        (
            look(HANDED, unreachable={"web2": "x"}),
            2,
            "CRITICAL - production: 1 changed by hand (web1), 1 unreachable (web2)",
        ),
        (
            look(error="cdconf.yml:3: unknown key 'x' | y=1\nz"),
            3,
            "UNKNOWN - production: cdconf.yml:3: unknown key 'x' / y=1 z",
        ),
    ],
)
def test_nagios_gets_one_line_and_its_own_exit_code(found, code, word):
    was, line = nagios.told(found)
    text, bar, data = line.partition(" | ")
    assert (was, text, bar) == (code, f"DRIFT {word}", " | ")
    assert "\n" not in line
    assert re.fullmatch(r"([a-z_]+=[0-9.]+s? ?)+", data), data
    numbers = dict(one.split("=") for one in data.split())
    assert numbers["hosts"] == "2"
    assert numbers["by_hand"] == str(sum(one.cause == "by_hand" and one.waived is None for one in found.findings))
    assert numbers["time"] == "1.50s"


def test_a_line_names_few_hosts():
    many = [DriftFinding(f"web{number}", "file", "/x", "by_hand") for number in range(9)]
    assert "9 changed by hand (web0, web1, web2, web3, web4 and 4 more)" in nagios.told(look(*many))[1]


def test_prometheus_takes_it_and_no_sample_has_a_time():
    found = look(HANDED, BEHIND, BOTH, UNTOLD, WAIVED, unreachable={"web1": "x"})
    text = prometheus.exposition(found).decode()
    families = {one.name: one for one in text_string_to_metric_families(text)}
    causes = {one.labels["cause"]: one.value for one in families["cdconf_drift_findings"].samples}
    assert causes == {"by_hand": 1, "not_applied": 1, "both": 1, "unknown": 1}
    one = {name: family.samples[0].value for name, family in families.items()}
    assert one["cdconf_drift_findings_waived"] == 1
    assert one["cdconf_drift_unreachable_hosts"] == 1
    assert one["cdconf_drift_look_hosts"] == 2
    assert one["cdconf_drift_look_success"] == 0
    assert one["cdconf_drift_look_duration_seconds"] == 1.5
    assert one["cdconf_drift_last_success_timestamp_seconds"] == 1000.25
    assert all(sample.timestamp is None for family in families.values() for sample in family.samples)
    assert all(
        sample.labels["environment"] == "production" for family in families.values() for sample in family.samples
    )


def test_nobody_invents_a_success_for_prometheus():
    text = prometheus.exposition(look(error="x", last_success=None)).decode()
    assert "last_success" not in text
    assert "cdconf_drift_look_success{" in text


def test_junit_has_a_suite_for_each_host():
    text = suites.junit(look(HANDED, WAIVED, UNTOLD, error="a\x1bb"))
    web1, web2, cdconf = ET.fromstring(text)
    assert [one.get("name") for one in (web1, web2, cdconf)] == ["web1", "web2", "cdconf"]
    counted = ("tests", "failures", "errors", "skipped")
    assert [web1.get(one) for one in counted] == ["2", "1", "0", "1"]
    assert [web2.get(one) for one in counted] == ["1", "0", "1", "0"]
    failure = web1[0][0]
    assert (web1[0].get("name"), failure.get("message")) == ("file /etc/motd", "by hand")
    assert "mode: 0644 -> 0600" in failure.text
    assert web1[1][0].get("message") == "bob debugs"
    assert "its secret isn't here" in web2[0][0].text
    assert cdconf[0][0].text == "a\\x1bb"


def test_a_host_that_could_not_be_looked_at_is_an_error_in_junit():
    web1, web2 = ET.fromstring(suites.junit(look(unreachable={"web1": "no route"})))
    assert (web1[0][0].tag, web1[0][0].get("message"), web1[0][0].text) == ("error", "unreachable", "no route")
    assert (web2.get("tests"), len(web2[0])) == ("1", 0)


def test_sarif_points_to_the_role_and_knows_waivers():
    found = look(HANDED, BOTH, WAIVED, UNTOLD, unreachable={"web2": "no route"}, error="bad")
    document = json.loads(json.dumps(results.document(found, "ops/")))
    (run,) = document["runs"]
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    first, both, waived, untold, lost, bad = run["results"]
    assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("ops/roles/base/role.yml", 3)
    assert (first["ruleId"], first["level"]) == ("drift_by_hand", "error")
    assert "sudo: bob" in both["message"]["text"]
    assert "locations" not in both
    assert waived["suppressions"] == [{"kind": "external", "justification": "bob debugs"}]
    assert untold["level"] == "warning"
    assert (lost["ruleId"], lost["message"]["text"]) == ("drift_unreachable", "web2: no route")
    assert bad["message"]["text"] == "bad"
    prints = {one["partialFingerprints"]["finding/v1"] for one in run["results"]}
    assert len(prints) == 6


def test_what_hosts_say_is_masked_and_obeyed_by_no_terminal():
    odd = DriftFinding(
        "web1", "file", "/x\u202e", "by_hand", diff="geheim\x1b]0;x\x07", evidence=("geheim\x9b",), waived="geheim"
    )
    clean = masked(
        look(odd, unreachable={"web2": "geheim\r"}, error="geheim"), lambda text: text.replace("geheim", "***")
    )
    said = f"{clean}{nagios.told(clean)}{suites.junit(clean)}{results.document(clean, '')}"
    assert "geheim" not in said
    assert not re.search("[\x1b\x9b\x07\r\u202e]", said)


def test_a_signature_changes_with_what_was_found_alone():
    first = signature(look(HANDED, BEHIND))
    assert first == signature(look(BEHIND, HANDED, duration_s=9, last_success=None))
    others = [
        look(HANDED),
        look(BEHIND, BOTH),
        look(HANDED, BEHIND, unreachable={"web1": "x"}),
        look(HANDED, BEHIND, error="x"),
        look(HANDED, BEHIND, failed={"web1": "x"}),
        look(DriftFinding(*HANDED.identity, "by_hand", HANDED.source, "mode: 0644 -> 0700\n"), BEHIND),
        look(DriftFinding(*HANDED.identity, "both", HANDED.source, HANDED.diff), BEHIND),
    ]
    assert len({first, *map(signature, others)}) == 8
    assert signature(look()) == NOTHING
    lost = [signature(look(unreachable={"web1": why})) for why in ("no route", "timed out after 9.1 s")]
    assert lost[0] == lost[1]
