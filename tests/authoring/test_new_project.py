"""`cdconf init`: a project that lints, and nothing overwritten."""

import jsonschema
import pytest
import yaml

from cdconf.authoring.new_project import files, name_for
from cdconf.cli.verbs.schema import maker
from cdconf.inventory import load_project
from cdconf.yamlfile import load
from tests.conftest import cdconf, git, write


def test_a_new_project_lints_without_a_warning_and_matches_its_schemas(tmp_path):
    result = cdconf(tmp_path, "init", "My Shop")
    assert result.returncode == 0, result.stderr
    root = tmp_path / "My Shop"
    linted = cdconf(root, "lint", "--strict")
    assert (linted.returncode, linted.stdout) == (0, "no errors in 2 environments\n")
    project = load_project(root)
    assert project.name == "my-shop"
    made = maker(project)
    found = 0
    for path in root.rglob("*.yml"):
        first = path.read_text().splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema="), path
        target = (path.parent / first.partition("=")[2]).resolve()
        assert target.parent == root / ".cdconf/schemas"
        jsonschema.Draft202012Validator(made(target.stem)).validate(load(path, root))
        found += 1
    assert found == 6


def test_a_project_is_refused(project):
    before = sorted(project.rglob("*"))
    result = cdconf(project, "init")
    assert (result.returncode, "is a project already" in result.stderr) == (1, True)
    assert sorted(project.rglob("*")) == before


def test_files_that_exist_are_kept(tmp_path):
    write(tmp_path, {"README.md": "mine\n", ".gitignore": "*.o\n"})
    result = cdconf(tmp_path, "init", "--name", "shop")
    assert result.returncode == 0
    assert (tmp_path / "README.md").read_text() == "mine\n"
    assert "kept README.md, which was there" in result.stderr
    assert load_project(tmp_path).name == "shop"
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    assert ".cdconf" not in git(tmp_path, "ls-files"), "it holds keys, and the .gitignore that was kept doesn't say so"


def test_the_next_steps_can_be_pasted(tmp_path):
    assert "\n  cd 'My Shop' && git init" in cdconf(tmp_path, "init", "My Shop").stderr


@pytest.mark.parametrize("name", ["Shop", "-x", "a b", ""])
def test_a_bad_name_is_refused_before_anything_is_written(tmp_path, name):
    if name:
        result = cdconf(tmp_path, "init", "--name", name)
        assert (result.returncode, "can't be a project's name" in result.stderr) == (1, True)
        assert list(tmp_path.iterdir()) == []
    else:
        assert name_for(tmp_path / "§§") == "project"


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path):
    write(tmp_path, {"file": "x"})
    result = cdconf(tmp_path, "init", "file/inside")
    assert (result.returncode, "bug" in result.stderr) == (1, False)


def test_the_template_is_whole():
    made = files("shop")
    assert yaml.safe_load(made["cdconf.yml"])["project"] == "shop"
    assert not any("@" in path or "tmpl" in path for path in made)
    assert not any("@name@" in text or "@modeline" in text for text in made.values())
