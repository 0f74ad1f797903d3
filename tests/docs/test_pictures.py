"""The terminal pictures are drawn from the run that was recorded, and need nothing from elsewhere."""

import importlib.machinery
import importlib.util
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/pictures"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def pictures():
    loader = importlib.machinery.SourceFileLoader("pictures", str(ROOT / "scripts/pictures"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("pictures", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lines():
    return json.loads((FOLDER / "run.json").read_text())


@pytest.mark.parametrize("name", ["light", "dark"])
def test_each_is_drawn_from_the_run(pictures, lines, name):
    theme = {"light": pictures.LIGHT, "dark": pictures.DARK}[name]
    assert (FOLDER / f"run-{name}.svg").read_text() == pictures.draw(lines, theme, f"run-{name}"), (
        "scripts/pictures --draw"
    )


@pytest.mark.parametrize("name", ["light", "dark"])
def test_it_is_small_has_its_text_as_text_and_loads_nothing(lines, name):
    data = (FOLDER / f"run-{name}.svg").read_bytes()
    assert len(data) < 100_000
    text = data.decode()
    drawn = re.sub(r"(<text[^>]*>)[^<]*", r"\1", text)  # what's said on the terminal may hold addresses
    assert set(re.findall(r"https?://[^\"' )]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\((?!#)|@import|@font-face|<image|<script|href=", drawn)
    shown = " ".join("".join(one.itertext()) for one in ET.fromstring(text).iter(f"{SVG}text")).replace("\xa0", " ")
    for pieces in lines:
        for content, _, _ in pieces:
            assert content.strip() in shown


def test_the_two_differ_in_their_colours_alone():
    light, dark = ((FOLDER / f"run-{name}.svg").read_text() for name in ("light", "dark"))
    assert light != dark
    plain = [re.sub(r"#[0-9a-fA-F]{6}|run-(light|dark)|opacity[^;]*", "", one) for one in (light, dark)]
    texts = [re.findall(r"<text[^>]*>([^<]*)", one) for one in plain]
    assert texts[0] == texts[1]


def test_the_run_is_a_deployment_and_one_that_was_rolled_back(lines):
    said = "\n".join("".join(piece[0] for piece in line) for line in lines)
    for words in (
        "$ cdconf provision staging",
        "making 2 hosts",
        "$ cdconf deploy hello --to staging",
        "smoke=",
        "roll back",
    ):
        assert words in said, words


def test_the_readme_shows_it_behind_its_first_paragraph():
    paragraphs = (ROOT / "README.md").read_text().split("\n\n")
    assert paragraphs[2].startswith("<picture>")
    named = re.findall(r'(?:srcset|src)="([^"]+)"', paragraphs[2])
    assert named == ["docs/pictures/run-dark.svg", "docs/pictures/run-light.svg"]
    assert all((ROOT / one).is_file() for one in named)
    assert 'alt="' in paragraphs[2]
