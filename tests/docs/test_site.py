"""The site: it's built without a broken link, each page is in a menu, and the pages of words are whole."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LISTED = ("adr/[0-9]*.md", "reference/resources/*.md")  # an index page leads to each of them


def test_the_site_is_built_and_every_link_leads_somewhere(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site/index.html").read_text()
    assert not re.findall(r'(?:src|href)="https?://(?!github\.com|squidfunk)[^"]*\.(?:js|css|woff2?)"', page)


def test_each_page_is_in_a_menu():
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    listed = {str(path.relative_to(DOCS)) for pattern in LISTED for path in DOCS.glob(pattern)}
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = [page for section in menu for entries in section.values() for page in entries]
    assert sorted(named) == sorted(pages - listed)


@pytest.mark.parametrize("pattern", LISTED)
def test_an_index_leads_to_each_page_that_no_menu_has(pattern):
    folder = DOCS / pattern.rpartition("/")[0]
    index = folder / "index.md" if (folder / "index.md").exists() else folder.with_suffix(".md")
    text = index.read_text()
    assert [path.name for path in DOCS.glob(pattern) if f"{path.name})" not in text] == []


def test_each_variable_of_the_environment_is_described():
    text = (DOCS / "reference/environment-variables.md").read_text()
    used = {
        name
        for path in (ROOT / "cdconf").rglob("*.py")
        for name in re.findall(r"\b_?CDCONF_[A-Z_]+\b", path.read_text())
    }
    assert sorted(used - set(re.findall(r"_?CDCONF_[A-Z_]+", text))) == []
    assert sorted(set(re.findall(r"_?CDCONF_[A-Z_]+", text)) - used) == []


def test_the_glossary_has_each_word_once_in_their_order():
    words = re.findall(r"^\| ([a-z ]+) \| (?!what)", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    assert words == sorted(set(words))
    assert len(words) > 40


def glossary():
    return re.findall(r"^\| ([a-z ]+) \| (?!what)(.*) \|$", (DOCS / "glossary.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("word", [word for word, _ in glossary()])
def test_each_word_of_the_glossary_is_used_for_people(word):
    pages = [path for path in DOCS.rglob("*.md") if path.name != "glossary.md" and "adr" not in path.parts]
    used = re.compile(rf"\b{word[:-1]}(?:{word[-1]}|ie)?(?:s|d|ed|ing)?\b", re.IGNORECASE)
    assert sum(bool(used.search(path.read_text())) for path in pages) >= 2


def test_each_word_of_the_glossary_is_defined_by_one_or_two_sentences():
    for word, text in glossary():
        assert text.endswith("."), word
        assert text[0].isupper(), word
        assert len(re.findall(r"[.:]\s", text)) <= 2, word
