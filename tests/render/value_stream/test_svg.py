"""The picture and the page: whole documents, small enough, with nothing that a commit or a name could bring in."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cdconf.pipeline.value_stream.dora import SOURCE
from cdconf.render.value_stream.html import page
from cdconf.render.value_stream.svg import WIDTH, picture
from tests.pipeline.value_stream.made_up import at
from tests.pipeline.value_stream.shown import made

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('1')</script>&\"\x1b"


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    where = tmp_path_factory.mktemp("made")
    return {count: made(where / str(count), count, subject=f"{HOSTILE} ") for count in (0, 3, 40)}


def renamed(shown, name):
    whole = shown.stream.whole
    steps = tuple(replace(one, stage=name) for one in whole.steps)
    return replace(shown, environment=name, stream=replace(shown.stream, app=name, whole=replace(whole, steps=steps)))


def texts(svg):
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("count", [0, 3, 40])
def test_it_is_a_document_of_its_own(streams, count):
    svg = picture([streams[count]])
    assert len(svg.encode()) < 60_000
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in re.sub(r"url\(#p-(work|queue|people)\)", "", svg)
    assert texts(svg)[0] == "shop to production"
    assert "prefers-color-scheme:dark" in svg


def test_three_hundred_releases_of_twelve_apps_with_long_names_fit(tmp_path):
    many = made(tmp_path / "many", 300)
    svg = picture([renamed(many, f"{number:02d}" + "n" * 58) for number in range(12)])
    assert len(svg.encode()) < 60_000
    assert "and 4 more apps: --app shows one" in texts(svg)


def test_few_changes_have_sums_and_many_have_percentiles(streams):
    assert any("in all" in one for one in texts(picture([streams[3]])))
    assert not any("p50" in one for one in texts(picture([streams[3]])))
    assert "work p50 5 min, p85 5 min" in texts(picture([streams[40]]))


def test_none_is_said(streams):
    assert "Nothing new was deployed to production in this time." in texts(picture([streams[0]]))


def test_each_text_begins_within_the_picture(streams):
    for one in ET.fromstring(picture([renamed(streams[40], "名" * 60)])).iter(f"{SVG}text"):
        assert 0 <= float(one.get("x")) <= WIDTH
        assert len("".join(one.itertext())) <= 120


def test_names_cannot_bring_anything_in(streams):
    for text in (picture([renamed(streams[3], HOSTILE)]), page([renamed(streams[3], HOSTILE)])):
        assert "<script" not in text
        assert "\x1b" not in text
        assert "&lt;script&gt;" in text


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "path", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("count", [0, 3, 40])
def test_the_page_is_whole_and_loads_nothing(streams, count):
    parser = _Tags()
    parser.feed(page([streams[count]]))
    assert parser.open == []
    assert {tag for tag, _ in parser.seen}.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert [about["href"] for tag, about in parser.seen if tag == "a"] == [SOURCE]
    assert not [name for _, about in parser.seen for name in about if name.startswith("on") or name == "src"]


def test_the_page_has_each_metric_with_its_definition_and_its_source(streams):
    text = page([streams[40]])
    for name in ("change lead time", "deployment frequency", "failed deployment recovery time", "change fail rate"):
        assert re.search(rf"<td>{name}</td><td>[^<]+</td><td>[^<]+\({re.escape(SOURCE)}\)</td>", text)
    assert text.count("<tr>") > 40


def test_a_release_that_took_no_time_is_drawn(tmp_path):
    one = made(tmp_path / "r", 1)
    release = one.stream.releases[0]
    change = replace(release.changes[0], began=at(0, "9:00"), verified=at(0, "9:00"), segments=())
    shown = replace(one, stream=replace(one.stream, releases=(replace(release, changes=(change,)),)))
    assert picture([shown])
    assert page([shown])
