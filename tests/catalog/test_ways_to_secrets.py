"""A pull request may write any template: none brings a secret's value into what runs show."""

import json

import pytest

from cdconf.catalog import Compiler
from cdconf.catalog.explain import explain_host
from cdconf.errors import CdconfError, InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.parity.portrait import desired
from cdconf.secrets import Mask
from tests.conftest import write

VALUE = "Hx7kQ9pLmZ2wVt4c"
CODES = json.dumps(list(VALUE.encode()))[1:-1]
# What a template can make of it that no mask knows.
TRACES = (VALUE, VALUE[::-1], VALUE.swapcase(), "-".join(VALUE), CODES, VALUE[:3] + "\n", '"H": "x7kQ')
ROLE = "roles/base/role.yml"
TEMPLATES = "roles/base/templates"
DECLARED = """\
variables:
  pw: {secret: true, doc: the value}
  pin: {secret: true, doc: digits}
"""


def seen(root, templates=None, variables=None, resources=""):
    """All that runs would show of a project with these texts: variables, errors, what of resources isn't hidden."""
    write(
        root,
        {
            "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
            ".cdconf/environments/dev/secrets.json": json.dumps({"pw": VALUE, "pin": "80917263"}),
        },
    )
    (root / ROLE).write_text(DECLARED + resources)
    for name, text in (templates or {}).items():
        write(root, {f"{TEMPLATES}/{name}": text})
    (root / "inventories/dev/group_vars").mkdir(exist_ok=True)
    (root / "inventories/dev/group_vars/all.yml").write_text(
        "".join(f"{name}: {json.dumps(text)}\n" for name, text in (variables or {}).items())
    )
    project = load_project(root)
    environment = load_environment(project, "dev")
    compiler = Compiler(project, environment)
    host = environment.hosts["web1"]
    try:
        told = [json.dumps(explain_host(compiler, host, {}))]
    except CdconfError as error:
        return f"{error}\n{error.hint}"
    try:
        for one in compiler.compile(host, {}).resources:
            told += [one.title, *(repr(one.fields[name]) for name in one.identity)]
            if not one.sensitive:
                told.append(repr(one.fields))
        told.append(repr(desired(compiler, host, {}, "0" * 64)[0].settings))
    except CdconfError as error:
        told += [str(error), str(error.hint)]
    return "\n".join(told)


FILE = "resources:\n  - file: /x\n    template: t.j2\n"
LOOP = "{% for k in _cdconf_scope.mask.known() %}{{ k|reverse }}{% endfor %}"
MACRO = f"{{% macro m() %}}{LOOP}{{% endmacro %}}"
STATE = "{% set ns = namespace(v='') %}{% macro put(x) %}{% set ns.v = x %}{% endmacro %}"


@pytest.mark.parametrize(
    "text",
    [
        LOOP,
        "{{ _cdconf_scope.mask.known()|map('reverse')|list }}",
        "{{ _cdconf_scope.raw }}{{ _cdconf_scope.mask.known()|list|join('-') }}",
        "{{ (_cdconf_scope.late or _cdconf_scope.lookup)('pw', '')|reverse }}",
        "{{ _cdconf_scope|attr('lookup')('pw', '')|reverse }}",
        "{{ [_cdconf_scope]|map(attribute='mask')|list }}",
        "{{ self._TemplateReference__context.parent._cdconf_scope.lookup('pw', 0)|reverse }}",
        "{{ self|attr('_TemplateReference__context') }}",
        "{% macro m() %}{{ caller._func.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
        "{% macro m() %}{% endmacro %}{{ m._environment }}",
        "{% for i in [1] %}{{ loop._iterable.__class__ }}{{ loop.__init__.__globals__ }}{% endfor %}",
        "{{ range.__self__ }}",
        "{{ '{0.__self__}'.format(range) }}",
        "{{ ['{0.__self__}']|map('format', range)|list }}",
        "{% set f = '{0.__self__.loader}'.format %}{{ f(range) }}",
        "{{ '{0.__self__}'|attr('format')(range) }}",
        "{{ dict.mro() }}{{ cycler.__init__.__globals__.os }}",
        "{{ nothing_here.__class__ }}{{ (nothing_here|default(x))._undefined_obj }}",
        "{{ facts._facts._fetch }}{{ facts|attr('_facts') }}",
        "{{ facts.read }}",
        "{{ pw|reverse }}",
        "{{ pw.encode()|list }}",
        "{{ {pw|reverse: 1} }}",
        "{{ (pw|reverse, 1) }}",
        "{{ {'a': [(pw|reverse,)]} }}",
        "{{ pw|map('upper')|list }}",
        "{{ pw|map('upper') }}",
        "{{ pw.encode() }}",
        "{{ {(pw|reverse): 1}.keys() }}",
        "{{ {}[pw|reverse] }}",
        "{{ {'a': 1}[pw|reverse] }}",
        "{{ [][pw|reverse] }}",
        "{{ ''|attr('__' ~ pw|reverse) }}",
        "{{ namespace()[pw|reverse] }}",
        "{{ '%d' % (pw|reverse) }}",
        "{{ range(pw|reverse) }}",
        "{{ (pw|reverse).nothing.more }}",
        "{% include pw|reverse %}",
        "{% import pw|reverse as x %}",
        "{% extends pw|reverse %}",
        "{{ namespace(v=pw|reverse) }}",
        "{{ cycler(pw|reverse) }}",
    ],
)
def test_no_variable_shows_a_secret(project, text):
    told = seen(project, variables={"peek": text, "again": "{{ peek }}", "more": "{{ [peek] }}"})
    assert [one for one in TRACES if one in told] == []
    told = seen(project, {"t.j2": text}, resources=FILE)
    assert [one for one in TRACES if one in told] == []


@pytest.mark.parametrize(
    ("templates", "variables"),
    [
        ({"t.j2": "{% include 'other.j2' %}", "other.j2": LOOP}, {}),
        ({"t.j2": "{% import 'other.j2' as o with context %}{{ o.m() }}", "other.j2": MACRO}, {}),
        # What one text puts aside, another one mustn't find.
        ({"keep.j2": STATE, "t.j2": "{% from 'keep.j2' import put %}{{ put(pw) }}",
          "u.j2": "{% from 'keep.j2' import ns %}{{ ns.v|reverse }}"}, {}),
        ({"keep.j2": STATE, "t.j2": "{% from 'keep.j2' import ns %}{% set ns.v = pw %}",
          "u.j2": "{% import 'keep.j2' as keep %}{{ keep.ns.v|reverse }}"}, {}),
        ({"t.j2": "{% set box.v = pw %}", "u.j2": "{{ box.v|reverse }}"}, {"box": "{{ namespace(v='') }}"}),
    ],
)  # fmt: skip
def test_no_template_shows_a_secret(project, templates, variables):
    two = FILE + "  - file: /y\n    template: u.j2\n"
    told = seen(project, {"u.j2": "", **templates}, variables, two)
    assert [one for one in TRACES if one in told] == []


@pytest.mark.parametrize(
    "resources",
    [
        "  - file: '/x/{{ pw|reverse }}'\n    content: ''\n",
        "  - file: '/x/{{ pw|reverse }}'\n    content: ''\n    mode: [1]\n",
        "  - file: /x\n    content: ''\n    mode: '{{ pw|reverse }}'\n",
        "  - file: /x\n    content: ''\n    owner: '{{ [pw|reverse] }}'\n",
        "  - file: /x\n    content: ''\n    owner: '{{ {pw|reverse: 1} }}'\n",
        "  - file: /x\n    source: '{{ pw|reverse }}'\n",
        "  - file: /x\n    template: '{{ pw|reverse }}'\n",
        "  - sysctl: vm.swappiness\n    value: '{{ pin|int }}'\n",
        "  - setting: /x\n    format: '{{ pw|reverse }}'\n    key: a\n    value: 1\n",
        "  - user: app\n    uid: '{{ (pin|int) + 1 }}'\n",
        "  - user: '{{ pw|reverse|list }}'\n",
        "  - cron: x\n    command: y\n    user: root\n    schedule: '{{ pw|reverse }}'\n",
        "  - file: '/x/{{ each }}'\n    content: ''\n    for_each: '{{ pw.encode()|list }}'\n",
        "  - file: '/x/{{ each }}'\n    content: ''\n    for_each: '{{ pw|reverse }}'\n",
        "  - file: '/x/{{ each }}'\n    content: ''\n    for_each: [H, 5, J]\n    when: each in pw\n",
    ],
)
def test_no_resource_shows_a_secret(project, resources):
    told = seen(project, resources="resources:\n" + resources)
    assert [one for one in (*TRACES, "80917263", "80917264", "/x/H", "/x/72") if one in told] == []


def test_numbers_and_truths_that_were_made_of_a_secret_are_not_shown(project):
    variables = {
        "number": "{{ pin|int }}",
        "next": "{{ number + 1 }}",
        "part": "{{ pin|int / 7 }}",
        "truth": "{{ pw[0] == 'H' }}",
        "truths": "{{ [pw[0] == 'H', 5] }}",
        "size": "{{ pw|length }}",
        "told": "{{ 'yes' if truth else 'no' }}",
        "public": "{{ [1, true] }}",
    }
    told = json.loads(seen(project, variables=variables, resources="resources: []\n").partition("\n")[0])
    assert {name: told[name]["value"] for name in variables} == {
        **dict.fromkeys(variables, "***"),
        "public": [1, True],
    }


def test_a_resource_is_sensitive_that_has_a_number_made_of_a_secret(project):
    write(
        project,
        {
            "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
            ".cdconf/environments/dev/secrets.json": json.dumps({"pin": "80917263"}),
            ROLE: DECLARED + "resources:\n  - user: app\n    system: \"{{ pin == '1' }}\"\n",
        },
    )
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    (user,) = Compiler(loaded, environment).compile(environment.hosts["web1"], {}).resources
    assert user.sensitive


def test_an_error_says_what_is_wrong_without_the_secret(project):
    told = seen(project, resources=FILE, templates={"t.j2": "a\n{{ {}[pw|reverse] }}\n"})
    assert f"{TEMPLATES}/t.j2:2: " in told
    told = seen(project, resources=FILE, templates={"t.j2": "{{ pw }}\n{{ nowhere }}\n"})
    assert f"{TEMPLATES}/t.j2:2: the variable 'nowhere' is undefined" in told


def test_no_error_shows_a_part_of_a_long_secret(project):
    """What an error quotes is cut: half a line of a key is no line that anybody knows."""
    key = "".join(f"{number:02}Hx7kQ9pLmZ2wVt4cRy6nBd8sFg3jKa5e{number:02}\n" for number in range(40))
    write(project, {"inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n"})
    write(project, {".cdconf/environments/dev/secrets.json": json.dumps({"pw": key, "pin": "80917263"})})
    (project / ROLE).write_text(DECLARED + "resources:\n  - assert: pw == 'x'\n    message: 'not {{ pw }}'\n")
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    with pytest.raises(CdconfError, match=r"\*\*\*") as caught:
        Compiler(loaded, environment).compile(environment.hosts["web1"], {})
    assert "Hx7k" not in str(caught.value)
    error = InvalidFile(f"it begins {key}", hint=f"see {key}")
    mask = Mask()
    mask.add(key)
    error.retell(mask)
    assert (error.message, error.hint) == ("it begins ***", "see ***")
    error.message = f"here: {error.message}"
    error.retell(str.upper)
    assert (error.message, str(error), error.args[0]) == ("HERE: IT BEGINS ***",) * 3
