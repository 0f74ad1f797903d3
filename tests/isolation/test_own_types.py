"""A project's own resource types: their code runs where it can't reach any key, and compiles as before."""

import os

import pytest

from cdconf.catalog import Compiler
from cdconf.errors import InvalidFile, TemplateError
from cdconf.inventory import load_environment, load_project
from cdconf.resources import discovery, spec
from cdconf.resources.discovery import Types
from cdconf.resources.values import described, from_json, to_json, type_of
from cdconf.secrets import is_tainted
from tests.conftest import write

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run something as another user")

SPEC = """
    import os
    from pathlib import Path

    from cdconf.resources.spec import REQUIRED, Field, ResourceType

    print("a type may print what it likes")


    def _normalise(fields, context):
        what = fields.pop("what")
        if what == "who":
            keys = [os.environ.get(name) for name in ("AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK")]
            fields["text"] = f"{os.getuid()} {keys[0]} {keys[1]}"
        if what == "read":
            fields["text"] = Path(fields["text"]).read_text()
        if what == "template":
            fields["text"] = context.template("t.j2")
        if what == "files":
            fields["data"] = context.source_file("one.bin")
            fields["tree"] = {path: executable for path, (_, executable) in context.source_directory("tree").items()}
        if what == "condition":
            fields["text"] = str(context.condition("host.name == 'web1'"))
        if what == "refuses":
            raise context.error("this isn't right", "make it right")
        if what == "upper":
            fields["text"] = fields["text"].upper()
        if what == "fields":
            context.scope("variables")
        if what == "killed":
            os._exit(1)
        if what == "nonsense":
            return "nothing"
        return fields


    TYPE = ResourceType(
        name="mine",
        doc="Mine.",
        title="name",
        fields={
            "name": Field("string", "Its name."),
            "what": Field("string", "What to do.", REQUIRED, compare=False),
            "text": Field("any", "A text."),
            "data": Field("any", "Bytes.", compare=False),
            "tree": Field("map", "Files."),
            "mode": Field("string", "A choice.", "a", choices=("a", "b")),
        },
        example="mine: x",
        normalise=_normalise,
        paths=lambda fields: ["/srv/" + fields["name"]],
    )
"""
AGENT = "def observe(fields):\n    return {}\n\n\ndef apply(fields, difference):\n    pass\n"


@pytest.fixture
def compiled(project, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/sesame")
    monkeypatch.delenv("CDCONF_ISOLATION", raising=False)
    write(
        project,
        {
            "resources/mine/spec.py": SPEC,
            "resources/mine/agent.py": AGENT,
            "roles/base/templates/t.j2": "this is {{ host.name }}\n",
            "roles/base/files/tree/a": "a\n",
        },
    )
    (project / "roles/base/files/one.bin").write_bytes(b"\x00\xff")

    def compile_one(resource, variables="{}"):
        text = f"variables: {variables}\nresources:\n  - {{mine: one, {resource}}}\n"
        (project / "roles/base/role.yml").write_text(text)
        loaded = load_project(project)
        environment = load_environment(loaded, "dev")
        compile_one.ran = []
        types = Types(loaded.root, (), compile_one.ran.append)
        catalog = Compiler(loaded, environment, types=types).compile(environment.hosts["web1"], {})
        (one,) = catalog.resources
        return one

    return compile_one


def test_it_is_somebody_else_without_keys(compiled):
    uid, *rest = compiled("what: who").fields["text"].split()
    assert int(uid) not in (0, os.getuid())
    assert rest == ["None", "None"]
    assert compiled.ran == [True]


def test_it_reads_nothing_of_the_operators(compiled, tmp_path):
    (tmp_path / "key").write_text("sesame")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(InvalidFile, match="the type 'mine' fails: "):
        compiled(f"what: read, text: {tmp_path}/key")


def test_it_may_ask_what_it_could_before(compiled):
    assert compiled("what: template").fields["text"] == "this is web1\n"
    assert compiled("what: condition").fields["text"] == "True"
    found = compiled("what: files").fields
    assert (found["data"], found["tree"]) == (b"\x00\xff", {"a": False})


def test_its_errors_and_the_compilers_are_told_as_before(compiled, project):
    with pytest.raises(InvalidFile, match=r"roles/base/role.yml:3: this isn't right") as caught:
        compiled("what: refuses")
    assert caught.value.hint == "make it right"
    (project / "roles/base/templates/t.j2").write_text("{{ nothing }}")
    with pytest.raises(TemplateError, match=r"templates/t.j2:1: the variable 'nothing' is undefined"):
        compiled("what: template")


@pytest.mark.parametrize("what", ["killed", "nonsense", "fields"])
def test_what_it_should_not_do_is_an_error_that_names_it(compiled, what):
    with pytest.raises(InvalidFile):
        compiled(f"what: {what}")


def test_a_secret_stays_one_though_it_went_through_another_process(compiled, project, monkeypatch):
    plain = compiled("what: upper, text: '{{ word }}', mode: b", "{word: {default: open}}")
    assert not plain.sensitive
    from cdconf.catalog import variables

    original = variables.Variables.scope

    def tainted(self, *arguments):
        from cdconf.secrets.taint import Secret

        scope = original(self, *arguments)
        scope._values["word"] = Secret("open sesame")
        scope._tainted = True
        return scope

    monkeypatch.setattr(variables.Variables, "scope", tainted)
    secret = compiled("what: upper, text: '{{ word }}', mode: b", "{word: {default: open}}")
    assert secret.fields["text"] == "OPEN SESAME"
    assert is_tainted(secret.fields["text"])
    assert not is_tainted(secret.fields["mode"])
    assert secret.sensitive


def test_types_may_lie_behind_a_link_and_no_link_shows_a_key(compiled, project):
    (project / "resources").rename(project / "types")
    (project / "resources").symlink_to(project / "types")
    assert compiled("what: template").fields["text"] == "this is web1\n"
    (project / "resources").unlink()
    (project / "types/mine").rename(project / "mine")
    (project / "resources").symlink_to(".")
    write(project, {".cdconf/plan.key": "sesame\n", "mine/.hidden": "sesame\n"})
    (project / "mine/key").symlink_to("../.cdconf/plan.key")
    spec = (project / "mine/spec.py").read_text()
    listing = "sorted(str(one) for one in Path('resources').rglob('*') if '__pyc' not in str(one))"
    (project / "mine/spec.py").write_text(spec.replace('Path(fields["text"]).read_text()', f"str({listing})"))
    assert compiled("what: read").fields["text"] == str(
        ["resources/mine", "resources/mine/agent.py", "resources/mine/spec.py"]
    )


def test_where_nobody_else_can_run_it_that_is_said(compiled, monkeypatch):
    monkeypatch.setenv("CDCONF_ISOLATION", "off")
    assert compiled("what: who").fields["text"].split()[1] == "sesame"
    assert compiled.ran == [False]


def test_every_type_survives_being_described():
    for name in sorted(discovery.own_types()):
        kind = Types()[name]
        again = type_of(described(kind), {})
        for field in ("name", "doc", "title", "fields", "example", "absent", "actions", "guards", "exclusive"):
            assert getattr(again, field) == getattr(kind, field), (name, field)
        assert (again.required, again.compared) == (kind.required, kind.compared)


@pytest.mark.parametrize("value", [b"\x00", {"a": b"x", "b": [1, None, {"c": True}]}, "", 1.5, spec.REQUIRED])
def test_values_survive_json(value):
    assert from_json(to_json(value)) == value
