"""Pages name files of the code. Files move, and a page that names one that's gone sends people nowhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True, text=True
).stdout.split("\n")
PAGES = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / f"{name}.md" for name in ("architecture", "security", "tests"))]
NAMED = re.compile(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.py)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_exist(page):
    missing = {
        name for name in NAMED.findall(page.read_text()) if not any(f"/{one}".endswith(f"/{name}") for one in TRACKED)
    }
    assert missing == set()
