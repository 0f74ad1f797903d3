"""The guides to apps are true: their files make a project, and their commands end as they say, on a real host.

A file of a guide has its path as the title of its block. Of a `console` block, lines that begin with `$` are run; what
stands below them must be in what they print. `# exit code N` says how a command ends, `# no request is lost` that the
app is asked all the time meanwhile, and each request gets an answer.
"""

import contextlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from cdconf.inventory import load_project
from cdconf.lint.project import lint
from tests.chaos.load import Load
from tests.conftest import cdconf, write
from tests.guide_image import guide_image
from tests.hosts.live import container, on
from tests.lock_files import locked
from tests.prepared_program import program

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs/guides/apps").glob("*.md"))
BLOCK = re.compile(r'(<!-- not run -->\n)?^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
CODE = re.compile(r"#.*\bexit code ([0-9]+)")
LOAD = "no request is lost"
ANSWERED = 20  # requests that must have been answered, for the load to have been one


def steps(text):
    """What a guide does, in order: (path, text) of files, and (command, exit code, what it prints, under load)."""
    found = []
    for skipped, language, path, block in BLOCK.findall(text):
        if path:
            found.append((path, block))
        for line in block.splitlines() if language == "console" and not skipped else ():
            if line.startswith("$ "):
                code = CODE.search(line)
                found.append((line[2:], int(code[1]) if code else 0, [], LOAD in line))
            else:
                found[-1][2].append(line)
    return found


def test_steps_are_found_in_their_order():
    text = '```py title="a/b"\nx\n```\n<!-- not run -->\n```console\n$ no\n```\n'
    text += "```console\n$ a  # exit code 3\nout\n$ b\n```\n"
    assert steps(text) == [("a/b", "x\n"), ("a  # exit code 3", 3, ["out"], False), ("b", 0, [], False)]
    assert [guide.stem for guide in GUIDES] == ["binary", "flask", "jar", "node", "php", "static"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_the_files_of_a_guide_are_a_project(guide, tmp_path):
    project = load_project(write(tmp_path, dict(step for step in steps(guide.read_text()) if len(step) == 2)))
    assert [str(error) for error in lint(project)] == []


@pytest.fixture
def commands(tmp_path):
    """The environment of a reader: `cdconf` is in the path, and somebody commits."""
    person = {"NAME": "test", "EMAIL": "test@example.com"}
    with program(tmp_path / "bin/cdconf") as script:
        yield {
            **os.environ,
            **{f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in person.items()},
            "PATH": f"{script.parent}:{os.environ['PATH']}",
            "COLUMNS": "200",
        }


@pytest.fixture
def folder(tmp_path):
    """Where the guide's project is; its hosts are gone at the end."""
    root = tmp_path / "project"
    root.mkdir()
    yield root
    if (root / ".cdconf").exists():
        cdconf(root, "destroy", "staging", "--yes")


def follow(guide, folder, commands):
    """Does all that a guide does."""
    for step in steps(guide.read_text()):
        if len(step) == 2:
            path, text = step
            write(folder, {path: furnished(text)})
            if path == "requirements.in":
                (folder / "requirements.lock").write_text(locked(folder, text.split()))
        else:
            run(folder, commands, *step)


@pytest.mark.hosts
class TestFirstHalf:
    """A worker's part of the guides."""

    @pytest.mark.parametrize("guide", GUIDES[::2], ids=lambda guide: guide.stem)
    def test_every_command_ends_as_it_says(self, guide, folder, commands):
        follow(guide, folder, commands)


@pytest.mark.hosts
class TestSecondHalf:
    """Another worker's."""

    @pytest.mark.parametrize("guide", GUIDES[1::2], ids=lambda guide: guide.stem)
    def test_every_command_ends_as_it_says(self, guide, folder, commands):
        follow(guide, folder, commands)


def furnished(text):
    """A file of the guide, in which Docker makes its hosts from an image that has the packages which guides install."""
    return text.replace("provider: docker\n", f"provider: docker\nbase_images: {{debian-12: '{guide_image()}'}}\n")


def run(folder, environment, line, code, output, is_under_load):
    """Runs one command of a guide."""
    with (
        Load(lambda: address(folder), pause=0.01, kinds=[("GET", False)] * 4)
        if is_under_load
        else contextlib.nullcontext() as load
    ):
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        counted = load.counted() if load else None
    said = f"{line}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == code, said
    for wanted in output:
        assert wanted in done.stdout + done.stderr, f"'{wanted}' isn't said by\n{said}"
    if counted is not None:
        assert counted.lost == [], f"{line}\n" + "\n".join(map(str, counted.lost[:20]))
        assert counted.requests > ANSWERED


def address(folder):
    """Where the app is asked."""
    port = re.search(r"http://127\.0\.0\.1:?(\d*)/", (folder / "cdconf.yml").read_text())[1]
    return on(container(folder, "web1", "staging"), "hostname -I").split()[0] + f":{port or 80}"
