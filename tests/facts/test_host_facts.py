"""The controller's end of facts: the table, lazy reading, the cache, and what templates and commands see."""

import json
import re
import time
from pathlib import Path

import pytest

from cdconf.agent.facts import groups as agent
from cdconf.catalog import Compiler
from cdconf.catalog.explain import explain_host
from cdconf.errors import TemplateError
from cdconf.facts import GROUPS, FactCache, HostFacts, age_text, sample
from cdconf.facts.reference import reference
from cdconf.facts.table import TYPES
from cdconf.inventory import load_environment, load_project
from cdconf.lint.project import lint
from tests.conftest import cdconf, write

ROOT = Path(__file__).parents[2]


def fetched(asked):
    def fetch(groups):
        asked.append(list(groups))
        return {name: sample()[name] for group in GROUPS if group.name in groups for name in group.names}

    return fetch


def render(project, text, facts, when="true"):
    """What a file's content becomes."""
    fields = f"  - file: /x\n    content: {json.dumps(text)}\n    when: {json.dumps(when)}\n"
    write(project, {"roles/base/role.yml": f"resources:\n{fields}"})
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    catalog = Compiler(loaded, environment).compile(environment.hosts["web1"], facts)
    return catalog.resources[0].fields["content"] if catalog.resources else None


def leaves(value, path=""):
    """Paths of everything in facts, with <name> for names that differ from host to host."""
    yield path, value
    if isinstance(value, dict):
        names = {
            fact.path.rpartition(".")[2]
            for group in GROUPS
            for fact in group.facts
            if fact.path.rpartition(".")[0] == path
        }
        open_name = next((name for name in names if name.startswith("<")), None)
        for key, member in value.items():
            yield from leaves(member, f"{path}.{open_name or key}".lstrip("."))


@pytest.mark.parametrize("source", [lambda: agent.gather(agent.GROUPS), sample], ids=["this machine", "sample"])
def test_every_fact_is_in_the_table_and_of_its_type(source):
    table = {fact.path: fact for group in GROUPS for fact in group.facts}
    sections = {path.rpartition(".")[0] for path in table}
    found = dict(list(leaves(source()))[1:])
    for path, value in found.items():
        if path in table:
            fact = table[path]
            kinds = (TYPES[fact.type], type(sample()["disks"]), type(sample()["paths"]))
            assert (value is None and fact.optional) or type(value) in kinds, path
        else:
            assert path in sections, f"{path} isn't documented"
    assert {path for path in table if not path.startswith(("disks.", "paths."))} <= {*found}, (
        "documented, but not gathered"
    )


def test_the_agent_and_the_table_have_the_same_groups():
    assert list(agent.GROUPS) == [group.name for group in GROUPS]
    for group in GROUPS:
        assert set(agent.gather([group.name])) == set(group.names)


def test_no_fact_hides_behind_a_method_of_maps():
    names = {key for group in GROUPS for fact in group.facts for key in fact.keys}
    assert not names & set(dir({}))


def test_the_reference_page_is_up_to_date():
    page = (ROOT / "docs/reference/facts.md").read_text()
    assert page == reference(), "run: python -m cdconf.facts.reference > docs/reference/facts.md"


def test_a_group_is_fetched_once_and_only_when_it_is_read(project):
    asked = []
    facts = HostFacts({}, fetched(asked))
    assert render(project, "no facts", facts.mapping) == "no facts"
    assert asked == []
    text = render(project, "{{ facts.kernel }} {{ facts.cpu.count }} {{ facts.hostname }}", facts.mapping)
    assert text == "6.1.0-18-amd64 2 web1"
    assert asked == [["system"], ["cpu"]]
    assert facts.read == {"system", "cpu"}


def test_facts_that_came_with_the_session_are_not_asked_for_again(project):
    asked = []
    facts = HostFacts({"cpu": {"count": 64, "model": ""}}, fetched(asked))
    assert render(project, "{{ facts.cpu.count }}", facts.mapping) == "64"
    assert asked == []


def test_all_facts_are_fetched_together(project):
    asked = []
    facts = HostFacts({"cpu": {"count": 64, "model": ""}}, fetched(asked))
    found = json.loads(render(project, "{{ facts | to_json }}", facts.mapping))
    names = [group.name for group in GROUPS if not group.by_name]
    assert found == {**HostFacts(sample(), fetched([])).get(names), "cpu": {"count": 64, "model": ""}}
    assert asked == [[name for name in names if name != "cpu"]]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ facts.os.codenam }}", "facts.os has no 'codenam'", "did you mean 'codename'?"),
        ("{{ facts.hostnme }}", "there is no fact 'hostnme'", "did you mean 'hostname'?"),
        ("a {{ facts.cpus.count }}", "there is no fact 'cpus'", "did you mean 'cpu'?"),
        ("{{ facts['network']['ipv4'].adress }}", "facts.network.ipv4 has no 'adress'", "did you mean 'address'?"),
        ("{{ facts.network.interfaces.qq.mac }}", "facts.network.interfaces has no 'qq'", "it has eth0"),
        ("{{ facts.mounts['/'].typ }}", "facts.mounts[\"/\"] has no 'typ'", "did you mean 'type'?"),
        ("{{ host.adress }}", "the map has no 'adress'", "did you mean 'address'?"),
        ("{{ facts.uptime }}", "there is no fact 'uptime'", None),
    ],
)
def test_a_misspelt_fact_is_an_error_with_file_line_and_hint(project, text, message, hint):
    facts = HostFacts({}, lambda groups: json.loads(json.dumps(sample())))
    with pytest.raises(TemplateError) as caught:
        render(project, text, facts.mapping)
    assert (caught.value.message, caught.value.file, caught.value.line) == (message, "roles/base/role.yml", 3)
    assert hint is None or caught.value.hint == hint


def test_a_misspelt_fact_in_a_condition_or_a_template_is_one_too(project):
    facts = HostFacts({}, fetched([])).mapping
    with pytest.raises(TemplateError) as caught:
        render(project, "x", facts, when="facts.os.famly == 'debian'")
    assert (str(caught.value), caught.value.hint) == (
        "roles/base/role.yml:4: facts.os has no 'famly'",
        "did you mean 'family'?",
    )
    write(project, {"roles/base/templates/x.j2": "a\n{% if facts.cpu.cont > 1 %}b{% endif %}\n"})
    write(project, {"roles/base/role.yml": "resources:\n  - file: /x\n    template: x.j2\n"})
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    with pytest.raises(TemplateError, match=re.escape("roles/base/templates/x.j2:2: facts.cpu has no 'cont'")):
        Compiler(loaded, environment).compile(environment.hosts["web1"], facts)


@pytest.mark.parametrize(
    "text",
    [
        "{% if false %}{{ facts.os.codenam }}{% endif %}x",
        "{{ facts.os.codenam | default('x') }}",
        "{{ 'x' if true else facts['os'].codenam }}",
    ],
)
def test_a_misspelt_fact_is_found_where_nothing_reads_it(project, text):
    asked = []
    with pytest.raises(TemplateError, match=r"roles/base/role.yml:3: facts.os has no 'codenam'"):
        render(project, text, HostFacts({}, fetched(asked)).mapping)
    assert asked == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ facts.disks.values() | map(attribute='name') | join }} ", "sda "),
        ("{% for one in facts.network.interfaces.values() %}{{ one.mtu }}{% endfor %}", "1500"),
        ("{{ facts.os.name.upper() }}", "DEBIAN GNU/LINUX 12 (BOOKWORM)"),
        ("{{ facts.mounts['/'].options[0] }}", "rw"),
        ("{{ facts['cpu']['count'] }}", "2"),
        ("{{ facts.network.interfaces.eth0.ipv4[0].address.split('.')[0] }}", "192"),
        ("{{ facts.get('swap_mb') }} facts.os.codenam", "0 facts.os.codenam"),
    ],
)
def test_what_templates_may_do_with_facts(project, text, expected):
    assert render(project, text, HostFacts({}, fetched([])).mapping) == expected


def test_templates_see_no_facts_of_other_hosts(project):
    with pytest.raises(TemplateError, match="the map has no 'facts'"):
        render(project, "{{ hosts.db[0].facts.hostname }}", sample())
    assert render(project, "{{ hosts.db[0].address }}", sample()) == "192.0.2.2"


def test_a_name_that_a_host_may_lack_can_be_asked_for(project):
    facts = HostFacts({}, lambda groups: json.loads(json.dumps(sample()))).mapping
    assert render(project, "a {{ facts.disks.sdz is defined }}", facts) == "a False"
    assert render(project, "{{ facts.disks.sdz | default('none') }}", facts) == "none"
    assert render(project, "y", facts, when="facts.disks.sdz is defined") is None
    assert render(project, "y", facts, when="'sda' in facts.disks") == "y"


def test_templates_reach_nothing_behind_the_facts(project):
    facts = HostFacts({}, fetched([])).mapping
    with pytest.raises(TemplateError, match="may not do this"):
        render(project, "{{ facts._facts.known }}", facts)


def test_the_cache_remembers_groups_ages_and_what_was_read(tmp_path, monkeypatch):
    cache = FactCache(tmp_path, "dev")
    assert (cache.load("web1").facts, cache.load("web1").age, cache.wanted("web1")) == ({}, None, ())
    cache.store("web1", {"cpu": {"count": 2, "model": ""}, "hostname": "half a group"}, ["cpu"], keep=False)
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)
    cache.store("web1", {"memory_mb": 1, "swap_mb": 0}, ["memory"], keep=False)
    seen = cache.load("web1")
    assert seen.facts == {"cpu": {"count": 2, "model": ""}, "memory_mb": 1, "swap_mb": 0}
    assert [round(seen.ages[name], -1) for name in ("cpu", "memory")] == [7200, 0]
    assert (seen.read, age_text(seen.age)) == (("memory",), "2 h")
    cache.store("web1", {}, ["os"], keep=True)
    assert cache.wanted("web1") == ("memory", "os")
    file = tmp_path / "facts/dev/web1.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == ["web1.json"]
    cache.forget()
    assert cache.load("web1").facts == {}


def test_a_host_without_facts_leaves_no_file(tmp_path):
    FactCache(tmp_path, "dev").store("web1", {}, [], keep=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"version": 2, "read": [], "groups": {}}', '{"version": 1, "read": 3, "groups": {}}',
     '{"version": 1, "read": [], "groups": {"cpu": {"seen": "x", "facts": {"cpu": 1}}}}'],
)  # fmt: skip
def test_a_damaged_cache_counts_as_none(tmp_path, text):
    write(tmp_path, {"facts/dev/web1.json": text})
    cache = FactCache(tmp_path, "dev")
    assert (cache.load("web1").facts, cache.wanted("web1")) == ({}, ())


def test_a_group_that_has_grown_since_it_was_stored_is_asked_for_again(tmp_path):
    old = {"version": 1, "read": ["memory", "gone"], "groups": {"memory": {"seen": 1, "facts": {"memory_mb": 1}}}}
    write(tmp_path, {"facts/dev/web1.json": json.dumps(old)})
    cache = FactCache(tmp_path, "dev")
    assert (cache.load("web1").facts, cache.wanted("web1")) == ({}, ("memory",))


ROLE = """
    variables:
      workers: {type: integer, default: "{{ facts.cpu.count * 2 }}", doc: x}
    resources:
      - file: /x
        content: "{{ workers }} {{ facts.network.interfaces.ens3.mac }} {{ facts.disks | to_yaml }}"
"""


def test_lint_uses_what_was_seen_and_samples_for_the_rest(project):
    write(project, {"roles/base/role.yml": ROLE})
    loaded = load_project(project)
    assert lint(loaded) == [], "nobody knows yet which interfaces the hosts have"
    network = {**sample()["network"], "interfaces": {"eth0": sample()["network"]["interfaces"]["eth0"]}}
    FactCache(loaded.data, "dev").store("web1", {"network": network}, [], keep=False)
    (error,) = lint(loaded)
    assert str(error) == "roles/base/role.yml:5: facts.network.interfaces has no 'ens3'"
    result = cdconf(project, "lint")
    assert result.returncode == 1
    last = result.stdout.splitlines()[-1]
    assert re.fullmatch(r"facts: as last seen of 1 host \(at most \d+ s ago\); others: a sample", last)


def test_vars_use_what_was_seen_and_say_how_old_it_is(project):
    write(project, {"roles/base/role.yml": ROLE})
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    found = explain_host(Compiler(loaded, environment), environment.hosts["web1"], {})["workers"]["value"]
    assert found == "(depends on facts that were never seen: cpu; `cdconf facts dev web1` looks at them)"
    FactCache(loaded.data, "dev").store("web1", {"cpu": {"count": 4, "model": ""}}, [], keep=False)
    lines = cdconf(project, "vars", "dev", "web1").stdout.splitlines()
    assert re.fullmatch(r"web1 \(its facts were last seen \d+ s ago\):", lines[0])
    assert lines[2].split() == ["workers", "8"]
    document = json.loads(cdconf(project, "vars", "dev", "--json").stdout)
    assert document["variables"]["web1"]["workers"]["value"] == 8
    assert document["facts_age_s"]["db1"] is None
    assert 0 <= document["facts_age_s"]["web1"] < 60


def test_facts_offline(project):
    FactCache(load_project(project).data, "dev").store("web1", {"memory_mb": 1, "swap_mb": 0}, [], keep=False)
    result = cdconf(project, "facts", "dev", "web1", "--offline")
    assert result.returncode == 0, result.stderr
    head, *rows = result.stdout.splitlines()
    assert re.fullmatch(r"web1 \(last seen \d+ s ago\):", head)
    assert rows[:3] == ["fact       value", "memory_mb  1", "swap_mb    0"]
    result = cdconf(project, "facts", "dev", "--offline", "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["facts"]) == (4, {"web1": {"memory_mb": 1, "swap_mb": 0}})
    assert cdconf(project, "facts", "dev", "nobody", "--offline").returncode == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (1000000, "11 days")],
)
def test_ages_for_people(seconds, text):
    assert age_text(seconds) == text
