"""What's remembered of statements is what they say, and never makes one count that doesn't."""

import os
import stat
import time
from dataclasses import replace

import pytest

from cdconf.artifacts import dsse
from cdconf.artifacts.metadata import metadata
from cdconf.pipeline.board import gathering, remembered
from cdconf.pipeline.board.remembered import FILE, StoreMemory
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
    really = remembered.gather

    def noting(evidence, names):
        asked.extend(names)
        return really(evidence, names)

    monkeypatch.setattr(remembered, "gather", noting)
    return asked


def told(line, **changes):
    warned = []
    evidence = replace(Evidence.of(line.project, warned.append), **changes)
    line.warned = warned
    archives = {line.artifact.archive, *(one.artifact.archive for one in metadata(line.place)[0])}
    found = StoreMemory(evidence).words(archives)
    return {archive: sorted(words) for archive, words in found.items()}


def stages(line, archive, **changes):
    return {one.stage for one in told(line, **changes)[archive]}


def test_the_second_time_nothing_is_read_and_the_same_is_said(line, proven, read):
    first = told(line)
    assert sorted(read) == sorted(first)
    assert {len(one) for one in first.values()} == {0, 1, 2}
    read.clear()
    assert told(line) == first
    assert read == []
    line.pass_stage(proven, "release")
    assert len(told(line)[proven.archive]) == 3
    assert read == [proven.archive]


def test_of_a_directory_without_new_names_nothing_is_compared(line, proven, monkeypatch):
    first = told(line)
    monkeypatch.setattr(remembered, "_speaking", None)
    assert told(line) == first


def test_processes_find_out_the_same(line, proven):
    evidence = Evidence.of(line.project, lambda event: None)
    found = StoreMemory(evidence)._sharded
    names = {}
    for name in [name for some in found.values() for name in some if name.startswith("statement-")]:
        names.setdefault(name[10:74], []).append(name)
    many = {f"{number}": names[proven.archive] for number in range(200)} | names
    alone, together = (gathering.gather(evidence, many, processes=count) for count in (1, 3))
    assert alone == together
    assert {word.stage for _, word in alone[proven.archive].words} == {"acceptance", "manual"}
    assert not any(one.words for archive, one in alone.items() if len(archive) < 64)


@pytest.mark.parametrize("form", ["writable", "link", "hard link", "pipe"])
def test_what_somebody_else_may_have_written_is_no_memory(line, proven, read, tmp_path, form):
    first = told(line)
    path = line.root / ".cdconf" / FILE
    if form == "writable":
        path.chmod(0o660)
    elif form == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        path.rename(tmp_path / "other")
        path.symlink_to(tmp_path / "other") if form == "link" else path.hardlink_to(tmp_path / "other")
    read.clear()
    assert told(line) == first
    assert read != []
    assert stat.S_ISREG(path.lstat().st_mode)
    assert path.lstat().st_mode & 0o077 == 0
    read.clear()
    assert told(line) == first
    assert read == []


def test_another_users_file_is_no_memory(line, proven, read, monkeypatch):
    told(line)
    read.clear()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    status = (line.root / ".cdconf" / FILE).stat()
    told(line)
    assert (read == []) is (status.st_uid == 0)  # root's counts


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


def test_what_is_refused_is_read_and_warned_of_each_time(line, proven, read):
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
        assert proven.archive in read


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
    return StoreMemory(Evidence.of(line.project, lambda event: None)).artifacts()


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
    monkeypatch.setattr(remembered, "VERSION", 99)
    told(line)
    assert read != []
