"""What's remembered of statements is what they say, and never makes one count that doesn't."""

import time
from dataclasses import replace

import pytest

from cdconf.artifacts import dsse
from cdconf.artifacts.metadata import metadata
from cdconf.pipeline.board import remembered
from cdconf.pipeline.board.remembered import FILE, Memory
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
    found = Memory(evidence).words(archives)
    return {archive: sorted(words) for archive, words in found.items()}


def stages(line, archive, **changes):
    return {one.stage for one in told(line, **changes)[archive]}


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
    assert stages(line, proven.archive) == {"acceptance", "manual"}
    key = line.key("stage:manual")
    signers.revoke(line.project, named("stage:manual"), key.id)
    assert stages(line, proven.archive) == {"acceptance"}


def test_a_key_that_is_trusted_only_now_is_asked_for(line, proven, tmp_path, monkeypatch):
    (tmp_path / "nobody").write_text("")
    monkeypatch.setenv("CDCONF_SIGNERS", str(tmp_path / "nobody"))
    assert not any(told(line).values())
    monkeypatch.delenv("CDCONF_SIGNERS")
    assert stages(line, proven.archive) == {"acceptance", "manual"}


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
    assert stages(line, proven.archive) == {"acceptance", "manual"}
    assert stages(line, proven.archive, now=time.time() - 86400) == set()


@pytest.mark.parametrize("damage", ["", "[]", "cut", "changed", "twice"])
def test_a_damaged_memory_is_no_memory(line, proven, read, damage):
    first = told(line)
    path = line.root / ".cdconf" / FILE
    text = path.read_text()
    texts = {"cut": text[:-10], "changed": text.replace("acceptance", "release"), "twice": text * 2}
    path.write_text(texts.get(damage, damage))
    read.clear()
    assert told(line) == first
    assert read != []


def listed(line):
    return Memory(Evidence.of(line.project, lambda event: None)).artifacts()


def test_metadata_is_read_anew_when_its_object_is_another_one(line, proven, tmp_path, monkeypatch):
    first, _ = listed(line)
    asked = []
    really = type(line.place).read
    monkeypatch.setattr(type(line.place), "read", lambda self, names: asked.extend(names) or really(self, names))
    assert listed(line) == (first, [])
    assert asked == []
    line.build("4", tmp_path)
    asked.clear()
    assert listed(line)[0][0].version == "4"
    assert asked == ["app@4.json"]
    asked.clear()
    path = line.root / line.place.shown("app@4.json")
    path.unlink()
    assert listed(line) == (first, [])
    path.write_text("{")
    assert [one.name for one in listed(line)[1]] == ["app@4.json"]
    assert [one.name for one in listed(line)[1]] == ["app@4.json"]


def test_another_version_is_not_read(line, proven, read, monkeypatch):
    told(line)
    read.clear()
    monkeypatch.setattr(remembered, "VERSION", 3)
    told(line)
    assert read != []
