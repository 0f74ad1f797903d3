"""What's remembered of statements is what they say, and never makes one count that doesn't."""

import json
import time
from dataclasses import replace

import pytest

from cdconf.artifacts import dsse
from cdconf.artifacts.metadata import metadata
from cdconf.pipeline.board import remembered
from cdconf.pipeline.board.remembered import FILE, proofs_of
from cdconf.promotion import signers
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.offices import named
from cdconf.promotion.statement import document, envelope


@pytest.fixture
def proven(line, tmp_path):
    made = line.build("3", tmp_path)
    for stage in ("acceptance", "manual"):
        line.pass_stage(made, stage)
    line.prove()
    return made


@pytest.fixture
def read(monkeypatch):
    """The archives whose statements were read from the store."""
    asked = []
    really = Evidence.proofs

    def noting(self, archive):
        asked.append(archive)
        return really(self, archive)

    monkeypatch.setattr(Evidence, "proofs", noting)
    return asked


def told(line, **changes):
    warned = []
    evidence = replace(Evidence.of(line.project, warned.append), **changes)
    line.warned = warned
    archives = {line.artifact.archive, *(one.artifact.archive for one in metadata(line.place)[0])}
    return {archive: sorted(map(shown, found)) for archive, found in proofs_of(evidence, archives).items()}


def shown(one):
    said = one.said
    signer = one.signer.id if one.signer else ""
    return (one.name, said.stage, said.result, said.finished, said.subject.archive, one.refusal or "", signer)


def test_the_second_time_nothing_is_read_and_the_same_is_said(line, proven, read):
    first = told(line)
    assert sorted(read) == sorted(first)
    assert {len(one) for one in first.values()} == {1, 2}
    read.clear()
    assert told(line) == first
    assert read == []
    line.pass_stage(proven, "release")
    assert len(told(line)[proven.archive]) == 3
    assert read == [proven.archive]


def test_many_are_read_at_once_and_say_the_same(line, proven, read, monkeypatch):
    first = told(line)
    (line.root / ".cdconf" / FILE).unlink()
    monkeypatch.setattr(remembered, "MANY", 0)
    read.clear()
    assert told(line) == first
    assert told(line) == first
    assert read == []


def test_a_key_that_was_revoked_since_counts_no_more(line, proven):
    told(line)
    key = line.key("stage:manual")
    signers.revoke(line.project, named("stage:manual"), key.id)
    assert all(refusal for _, stage, *_, refusal, _ in told(line)[proven.archive] if stage == "manual")
    assert not any(refusal for _, stage, *_, refusal, _ in told(line)[proven.archive] if stage == "acceptance")


def test_a_key_that_is_trusted_only_now_is_asked_for(line, proven, tmp_path, monkeypatch):
    (tmp_path / "nobody").write_text("")
    monkeypatch.setenv("CDCONF_SIGNERS", str(tmp_path / "nobody"))
    assert all(refusal for *_, refusal, _ in told(line)[proven.archive])
    monkeypatch.delenv("CDCONF_SIGNERS")
    assert not any(refusal for *_, refusal, _ in told(line)[proven.archive])


@pytest.mark.parametrize("many", [0, 500])
def test_what_is_refused_is_read_and_warned_of_each_time(line, proven, read, monkeypatch, many):
    monkeypatch.setattr(remembered, "MANY", many)
    line.place.create(f"statement-{proven.archive}-{'0' * 64}.dsse", b"garbage")
    for _ in range(2):
        read.clear()
        told(line)
        assert len(line.warned) == 1
    key = line.key("stage:acceptance")
    forged = dsse.signed(envelope(document(line.proof())), key.key, key.id)
    line.attest(forged, line.artifact.archive)
    for _ in range(2):
        read.clear()
        told(line)
        assert many == 0 or line.artifact.archive in read


def test_what_was_said_in_the_future_does_not_count(line, proven):
    told(line)
    assert all(refusal for *_, refusal, _ in told(line, now=time.time() - 86400)[proven.archive])


@pytest.mark.parametrize("damage", ["", "[]", "{}", "cut", "row", "number"])
def test_a_damaged_memory_is_no_memory(line, proven, read, damage):
    first = told(line)
    path = line.root / ".cdconf" / FILE
    text = path.read_text()
    document = json.loads(text)
    rows = document["artifacts"][proven.archive][1]
    if damage == "row":
        rows[0].pop()
    elif damage == "number":
        rows[0][-2] = "yesterday"
    texts = {"cut": text[:100], "row": json.dumps(document), "number": json.dumps(document)}
    path.write_text(texts.get(damage, damage))
    read.clear()
    assert told(line) == first
    assert read != []


def test_another_version_is_not_read(line, proven, read, monkeypatch):
    told(line)
    read.clear()
    monkeypatch.setattr(remembered, "VERSION", 2)
    told(line)
    assert read != []
