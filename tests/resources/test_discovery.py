"""Types of the project and of packages are found, checked and refused with a reason."""

import pytest

from cdconf.catalog import Compiler
from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.resources.discovery import Types, type_folders
from tests.conftest import write

SPEC = """
    from cdconf.resources.spec import Field, ResourceType

    TYPE = ResourceType(
        name="{name}", doc="One.", title="name", fields={{"name": Field("string", "Its name.")}}, example="{name}: x",
    )
"""
AGENT = "def observe(fields):\n    return {}\n"


def installed(tmp_path, monkeypatch, points="haproxy = acme_types.haproxy"):
    """A distribution `acme-types` on the path."""
    write(
        tmp_path / "site",
        {
            "acme_types/__init__.py": "",
            "acme_types/haproxy/__init__.py": "",
            "acme_types/haproxy/spec.py": SPEC.format(name="haproxy"),
            "acme_types/haproxy/agent.py": AGENT,
            "acme_types-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-types\nVersion: 1.0\n",
            "acme_types-1.0.dist-info/entry_points.txt": f"[cdconf.resources]\n{points}\n" if points else "",
        },
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def test_a_package_s_types_are_found_by_their_entry_points(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch)
    types = Types(None, ["acme-types"])
    assert types["haproxy"].name == "haproxy"
    assert "haproxy" not in Types(None)


def test_a_project_compiles_with_a_package_s_type(tmp_path, monkeypatch, project):
    installed(tmp_path / "other", monkeypatch)
    with (project / "cdconf.yml").open("a") as stream:
        stream.write("type_packages: [acme-types]\n")
    (project / "roles/base/role.yml").write_text("resources:\n  - haproxy: front\n")
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    catalog = Compiler(loaded, environment).compile(environment.hosts["web1"], {})
    assert [one.id for one in catalog.resources] == ["haproxy:front"]


@pytest.mark.parametrize(
    ("packages", "points", "message"),
    [
        (["acme-type"], "haproxy = acme_types.haproxy", "the package 'acme-type' isn't installed"),
        (["acme-types"], "", "has no entry points"),
        (["acme-types"], "haproxy = acme_types.nothing", "has no folder with a spec.py"),
        (["acme-types"], "haproxy = nowhere.haproxy", "can't be imported: No module named 'nowhere'"),
        (["acme-types"], "file = acme_types.haproxy", "'file' of the package 'acme-types' exists already"),
    ],
)
def test_a_package_that_has_no_such_types_is_refused(tmp_path, monkeypatch, packages, points, message):
    installed(tmp_path, monkeypatch, points)
    with pytest.raises(InvalidFile, match=message):
        type_folders(None, packages)


@pytest.mark.parametrize(
    ("spec", "line", "message"),
    [
        ("import no_such_module\n", 1, "No module named"),
        ("TYPE = 1\n", 1, "must define TYPE"),
        ("import sys\nsys.exit(5)\n", 2, "can't be imported: 5"),
        ("x = 1\ndef broken(:\n", 2, "can't be imported"),
        (SPEC.format(name="other"), 1, "a ResourceType named 'mine'"),
    ],
)
def test_a_project_s_type_that_is_wrong_names_its_file(tmp_path, spec, line, message):
    write(tmp_path, {"resources/mine/spec.py": spec})
    with pytest.raises(InvalidFile, match=message) as caught:
        Types(tmp_path)["mine"]
    assert (caught.value.file, caught.value.line) == ("resources/mine/spec.py", line)


def test_a_project_can_t_take_the_name_of_a_type_that_exists(tmp_path):
    write(tmp_path, {"resources/file/spec.py": SPEC.format(name="file")})
    with pytest.raises(InvalidFile, match="resource type 'file' exists already"):
        Types(tmp_path)
