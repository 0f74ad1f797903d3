"""The schemas accept what the readers accept, and refuse what they refuse."""

import copy
import json
import textwrap
from pathlib import Path

import jsonschema
import pytest

from cdconf.authoring.schemas import ABOUT, DIALECT, modeline, schema
from cdconf.cli.verbs.schema import maker
from cdconf.inventory import load_project
from cdconf.resources.discovery import Types
from cdconf.roles import load_role
from cdconf.yamlfile import load, loads
from tests.conftest import cdconf, write

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = maker(load_project(ROOT))
FILES = [
    ("cdconf", "cdconf.yml"),
    *(("hosts", path) for path in ROOT.glob("inventories/*/hosts.yml")),
    *(("variables", path) for path in ROOT.glob("inventories/*/*_vars/*.yml")),
    *(("role", path) for path in ROOT.glob("roles/*/role.yml")),
]


def complaints(name, document, made=EXAMPLE):
    validator = jsonschema.Draft202012Validator(made(name))
    return [jsonschema.exceptions.best_match([error]).message for error in validator.iter_errors(document)]


@pytest.mark.parametrize("name", ABOUT)
def test_each_schema_is_a_schema(name):
    for made in (EXAMPLE(name), schema(name, Types())):
        assert made["$schema"] == DIALECT
        jsonschema.Draft202012Validator.check_schema(made)


@pytest.mark.parametrize(("name", "path"), FILES, ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_the_example_projects_files_are_valid(name, path):
    assert complaints(name, load(ROOT / path, ROOT)) == []


@pytest.mark.parametrize("name", Types())
def test_each_types_own_example_is_valid(name):
    example = loads(Types()[name].example, "example")
    assert complaints("role", {"resources": [example]}) == []


def role(resource, **more):
    return "role", {"resources": [resource], **more}


BROKEN = {
    "an unknown key": role({"file": "/etc/motd", "modes": "0644"}),
    "an unknown type": role({"fil": "/etc/motd"}),
    "a mode that isn't one": role({"file": "/etc/motd", "mode": "rw"}),
    "a relative path": role({"file": "etc/motd"}),
    "a word for a boolean": role({"service": "nginx", "enabled": "yes"}),
    "a word for a number": role({"user": "shop", "uid": "many"}),
    "two sources of content": role({"file": "/etc/motd", "content": "x", "template": "y"}),
    "a command without a guard": role({"command": "make"}),
    "absent where it can't be": role({"service": "nginx", "absent": True}),
    "absent as an expression": role({"file": "/x", "absent": "{{ gone }}"}),
    "a field of another type": role({"user": "shop", "group": "shop", "mode": "0644"}),
    "a link without a target": role({"link": "/a"}),
    "a link that isn't removed without a target": role({"link": "/a", "absent": False}),
    "a list for a title": role({"file": ["/a", "/b"]}),
    "an action that there isn't": role({}, resources=[], handlers={"x": {"service": "x", "action": "jump"}}),
    "a handler that can't be one": role({}, resources=[], handlers={"x": {"file": "/etc/motd"}}),
    "a secret with a default": role({}, resources=[], variables={"x": {"secret": True, "default": "y"}}),
    "a type of variable that there isn't": role({}, resources=[], variables={"x": {"type": "text"}}),
    "no groups": ("cdconf", {"project": "shop"}),
    "a project's name": ("cdconf", {"project": "My Shop", "groups": {}}),
    "an app without a path": ("cdconf", {"project": "x", "groups": {}, "apps": {"a": {"groups": ["web"]}}}),
    "health without a check": (
        "cdconf",
        {
            "project": "x",
            "groups": {},
            "apps": {"a": {"groups": [], "path": "/srv/a", "health": {"within": "5s"}}},
        },
    ),
    "a provider": ("hosts", {"provider": "cloud", "hosts": {}}),
    "no hosts": ("hosts", {"provider": "docker"}),
    "a port": ("hosts", {"hosts": {"web1": {"ssh": {"port": 0}}}}),
    "a difference without a reason": ("hosts", {"copy_of": "x", "differs": [{"variable": "y"}]}),
    "a variable of the wrong type": ("variables", {"shop_threads": "eight"}),
    "a secret in the clear": ("variables", {"shop_db_password": "x"}),
    "an encrypted value": ("variables", {"anything": "age:abc"}),
    "a variable's name": ("variables", {"shop-threads": 1}),
    "a secret that isn't encrypted": ("secrets", {"shop_db_password": "x"}),
}


@pytest.mark.parametrize(("name", "document"), BROKEN.values(), ids=BROKEN)
def test_broken_files_are_invalid(name, document):
    assert complaints(name, document) != []


GOOD = {
    "expressions in place of values": role(
        {"user": "{{ name }}", "uid": "{{ uid }}", "groups": "{{ groups }}", "system": "{{ system }}"}
    ),
    "a mode from a variable": role({"file": "{{ path }}", "mode": "{{ mode }}", "notify": ["a", "b"]}),
    "keys of all resources": role({"package": ["a", "b"], "when": "x == 1", "for_each": [1, 2], "sensitive": True}),
    "a type that's a field of another": role({"user": "shop", "group": "shop"}),
    "a command with a user": role({"command": "make", "user": "shop", "creates": "/x"}),
    "a link that's removed": role({"link": "/a", "absent": True}),
    "a handler": role({}, resources=[], handlers={"x": {"command": "wall"}, "y": {"service": "x", "action": "reload"}}),
    "a list that is one text": role({"user": "shop", "groups": "adm"}),
    "an empty host": ("hosts", {"provider": "docker", "hosts": {"web1": None}}),
    "a variable as an expression": ("variables", {"shop_threads": "{{ facts.cpus }}", "mine": [1]}),
    "an encrypted secret": ("secrets", {"shop_db_password": "age:abc"}),
}


@pytest.mark.parametrize(("name", "document"), GOOD.values(), ids=GOOD)
def test_what_readers_accept_is_valid(name, document):
    assert complaints(name, document) == []


@pytest.mark.parametrize("case", [name for name in GOOD if GOOD[name][0] == "role"])
def test_good_roles_can_be_read(case, project):
    write(project, {"roles/base/role.yml": json.dumps(GOOD[case][1])})
    load_role(load_project(project), "base", Types())


def test_the_projects_own_types_are_in_its_schema(project):
    write(
        project,
        {
            "resources/banner/spec.py": """
                from cdconf.resources.spec import Field, ResourceType
                TYPE = ResourceType(
                    name="banner", doc="A banner.", title="text", example="banner: x",
                    fields={"text": Field("string", "What it says."), "style": Field("string", "Its style.",
                            choices=("plain", "loud"))},
                )
            """
        },
    )
    made = maker(load_project(project))
    assert complaints("role", {"resources": [{"banner": "hello", "style": "loud"}]}, made) == []
    assert complaints("role", {"resources": [{"banner": "hello", "style": "bold"}]}, made) != []


def test_a_types_own_mistake_is_the_only_complaint():
    """An editor should speak of the misspelt key, not of every type that the resource isn't."""
    document = {"resources": [{"user": "shop", "group": "shop", "shel": "/bin/sh"}]}
    assert complaints("role", document) == [
        "Additional properties are not allowed ('shel' was unexpected)",
    ]


def test_the_command_prints_and_writes(project):
    printed = json.loads(cdconf(project, "schema", "variables").stdout)
    assert printed["properties"]["greeting"]["description"].startswith("what to say")
    done = cdconf(project, "schema", "--write")
    assert done.returncode == 0, done.stderr
    written = {path.stem: json.loads(path.read_text()) for path in (project / ".cdconf/schemas").glob("*.json")}
    assert set(written) == set(ABOUT)
    assert written["variables"] == printed
    assert (project / ".cdconf").stat().st_mode & 0o077 == 0
    assert cdconf(project, "schema", "--write", "role").stdout.strip().endswith(".cdconf/schemas/role.json")
    assert cdconf(project, "schema", "role", "--write", "elsewhere").stdout == "elsewhere/role.json\n"


def test_the_command_works_outside_of_a_project_and_knows_its_names(tmp_path):
    assert json.loads(cdconf(tmp_path, "schema", "role").stdout)["$defs"]["resource-file"]
    listed = cdconf(tmp_path, "schema").stdout
    assert all(name in listed for name in ABOUT)
    result = cdconf(tmp_path, "schema", "rol")
    assert (result.returncode, "did you mean 'role'?" in result.stderr) == (1, True)


def test_a_modeline_leads_from_the_file_to_its_schema():
    line = modeline("variables", "inventories/staging/group_vars/all.yml")
    assert line == "# yaml-language-server: $schema=../../../.cdconf/schemas/variables.json"


def output_complaints(result):
    document = json.loads(result.stdout)
    return complaints("output", document), document


def test_the_output_of_commands_is_valid(project):
    for arguments, code in [
        (["lint"], 0),
        (["environments"], 0),
        (["history"], 0),
        (["vars", "dev"], 0),
        (["artifact", "list"], 0),
        (["plan", "nowhere"], 1),
        (["plann"], 1),
        (["drift", "dev", "--limit", "nobody"], 1),
    ]:
        result = cdconf(project, *arguments, "--json")
        found, document = output_complaints(result)
        assert (found, result.returncode, document["exit_code"]) == ([], code, code), arguments
    write(project, {"roles/base/role.yml": "resources: {}\n"})
    found, document = output_complaints(cdconf(project, "lint", "--json"))
    assert (found, document["ok"]) == ([], False)
    assert document["errors"][0]["file"] == "roles/base/role.yml"


def test_output_with_hosts_is_valid_and_a_wrong_one_is_not():
    from cdconf.events import Collector, HostDone, ResourceDone, RunResult, SmokeDone
    from cdconf.render.jsonout import document

    collector = Collector()
    collector(ResourceDone("web1", "file", "/etc/motd", "changed", source="roles/x/role.yml:3", diff="+x"))
    collector(SmokeDone("web1", "test_x", True))
    collector(HostDone("web1", "changed"))
    made = document(RunResult("provision", "dev", hosts=collector.hosts))
    assert complaints("output", made) == []
    for path, value in [
        (("hosts", "web1", "status"), "fine"),
        (("hosts", "web1", "resources", 0, "status"), "great"),
        (("exit_code",), 1),
        (("schema_version",), 2),
        (("error",), "x"),
    ]:
        wrong = copy.deepcopy(made)
        place = wrong
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        assert complaints("output", wrong) != [], path


REQUIRED = """
    require:
      - after: [acceptance, manual]
      - parity
      - parity: staging
      - max_age: 7d
      - approvals: {count: 2, from: [ops], not_author: true, expires: 24h}
      - window: {days: mon-thu, from: "09:00", to: "16:00", zone: Europe/Berlin}
      - freeze: {from: 2026-12-20, to: 2027-01-03 18:00, zone: Europe/Berlin, why: holidays}
      - soak: {stage: manual, for: 30m}
"""


def test_the_schemas_know_what_may_be_required():
    require = loads(textwrap.dedent(REQUIRED), "x")["require"]
    hosts = {"hosts": {"web1": {"groups": ["web"]}}}
    assert complaints("hosts", {**hosts, "require": require}) == []
    people = {"anna": {"keys": ["SHA256:x"], "git": "anna@example.com", "groups": ["ops"]}}
    policy = {"version": 1, "project": "shop", "environments": {"production": {"require": require}, "staging": None}}
    assert complaints("policy", {**policy, "people": people, "groups": {"release": ["ops", "anna"]}}) == []
    for wrong in (
        "party",
        {"after": ["manual"], "max_age": "7d"},
        {"window": {"day": "mon"}},
        {"window": {"from": "9:00"}},
        {"freeze": {"from": "2026-12-20", "to": "2027-01-03"}},
        {"soak": {"stage": "manual"}},
        {"approvals": {"count": "two"}},
    ):
        assert complaints("hosts", {**hosts, "require": [wrong]}), wrong
        assert complaints("policy", {"version": 1, "environments": {"p": {"require": [wrong]}}}), wrong
    assert complaints("policy", {"version": 1, "peple": {}})
    assert complaints("policy", {})


def test_a_handler_may_have_what_the_reader_takes():
    handlers = {"reload": {"service": "nginx", "action": "reload", "when": "host.name", "sensitive": True}}
    assert complaints("role", {"handlers": handlers}) == []
    assert complaints("role", {"handlers": {"reload": {"service": "nginx", "when": 1}}}) != []
