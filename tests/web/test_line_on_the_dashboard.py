"""What the store says of the line: who waits for whom, what would be approved, and who must lift a stop."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cdconf.promotion.line_stops import StopTarget, stop
from cdconf.web.page import Ask, NotThere
from cdconf.web.reading.sources import Sources
from cdconf.web.rendering import html
from cdconf.web.screens import board, pipeline, review, trust
from tests.conftest import write
from tests.pipeline.board.conftest import home, line  # noqa: F401  fixtures

APPROVED = """
    hosts:
      web1: {address: 192.0.2.1, groups: [web]}
    require:
      - after: [manual]
      - approvals: {count: 1, from: [ops]}
"""


@pytest.fixture
def sources(line, tmp_path, monkeypatch):  # noqa: F811
    key = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    (tmp_path / "policy.yml").write_text(f"version: 1\npeople:\n  ann: {{keys: ['{key}'], groups: [ops]}}\n")
    monkeypatch.setenv("CDCONF_POLICY", str(tmp_path / "policy.yml"))
    write(line.root, {"inventories/production/hosts.yml": APPROVED})
    line.commit("approvals")
    made = line.build("3", tmp_path)
    line.pass_stage(made, "acceptance")
    line.pass_stage(made, "manual")
    own = tmp_path / "own"
    own.mkdir()
    found = Sources(line.root, own)
    yield found
    found.close()


def shown(sources, screen, **path):
    page = screen(Ask(sources, {}, path, 2e9))
    about = {"project": "demo", "address": "/x", "json_address": "/x.json", "now": 1.0, "stream_id": "a-1", "user": ""}
    return page, html(page, about | {"notices": []})


def test_what_waits_for_whom(sources):
    page, text = shown(sources, pipeline.show)
    row = next(one for one in page.tables["artifacts"].rows if one["label"] == "app@3")
    assert [one["state"] for one in row["stages"].values()] == ["passed", "passed", "waiting"]
    (wait,) = [one for one in page.data["waits"] if one["what"] == "app@3"]
    assert (wait["stage"], wait["state"]) == ("release", "waiting")
    assert wait["command"] == "cdconf approve app@3 --to production"
    assert "cdconf approve app@3 --to production" in text


def test_what_would_be_approved(sources):
    page, text = shown(sources, review.index)
    (row,) = [one for one in page.tables["waiting"].rows if one["label"] == "app@3"]
    assert (row["environment"], row["missing"]) == ("production", "approvals")
    assert 'href="/review/app%403/production"' in text
    page, text = shown(sources, review.show, artifact="app@3", environment="production")
    assert page.data["refused"] is None
    assert {one["name"]: one["state"] for one in page.data["gates"]}["after manual"] == "there"
    assert [one["stage"] for one in page.data["results"]] == ["manual"]
    assert [one["subject"] for one in page.tables["commits"].rows][:1] == ["approvals"]
    again, _ = shown(sources, review.show, artifact="app@3", environment="production")
    assert again.as_data() == page.as_data()
    assert "cdconf approve app@3 --to production --reject" in text
    for artifact, environment in (("app@99", "production"), ("app@3", "nowhere")):
        with pytest.raises(NotThere):
            shown(sources, review.show, artifact=artifact, environment=environment)


def test_a_stop_shows_who_must_do_what(sources, line):  # noqa: F811
    stop(line.project, StopTarget("app", None), "it loses orders", None, lambda event: None)
    page, text = shown(sources, board.show)
    (found,) = page.data["stops"]
    assert (found["what"], found["why"]) == ("app", "it loses orders")
    assert found["command"] == "cdconf pipeline resume app --note WHY"
    assert "The line is stopped" in text
    assert "cdconf pipeline resume app --note WHY" in text
    assert "it loses orders" in shown(sources, trust.show)[1]
    assert "stopped" in {one["state"] for one in shown(sources, pipeline.show)[0].data["waits"]}


def test_keys_and_what_environments_ask_for(sources):
    page, text = shown(sources, trust.show)
    offices = {one["offices"] for one in page.tables["signers"].rows}
    assert {"stage:manual", "override"} <= offices
    wanted = {(one["environment"], one["key"]) for one in page.tables["requirements"].rows}
    assert {("production", "after"), ("production", "approvals")} <= wanted
    assert "inventories/production/hosts.yml:" in text
    assert [one["name"] for one in page.tables["people"].rows] == ["ann"]
    assert page.problems == ()
