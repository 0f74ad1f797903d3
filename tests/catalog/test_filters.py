"""The filters and tests that roles of other tools use: their values, their errors, and that secrets stay secrets."""

import json
import re
import subprocess

import pytest

from cdconf.catalog.filters import FILTERS, TESTS
from cdconf.catalog.templating import Templating
from cdconf.errors import TemplateError
from tests.catalog.test_compiler import compiled, role
from tests.conftest import write

# Expression -> its value. Where Ansible has the filter, the values are those of its documentation.
VALUES = {
    "'a+b' | b64encode": "YSti",
    "'YSti' | b64decode": "a+b",
    "'/a/b.c' | basename": "b.c",
    "'/a/b.c' | dirname": "/a",
    "'/a/b.c' | splitext": ["/a/b", ".c"],
    "['/etc', 'a', 'b'] | path_join": "/etc/a/b",
    "'it''s' | quote": "its",
    "'a b' | quote": "'a b'",
    "'yes' | bool": True,
    "'no' | bool": False,
    "'abc' | checksum": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "'abc' | hash('md5')": "900150983cd24fb0d6963f7d28e17f72",
    "'abc' | sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "{'a': 1, 'b': {'x': 1}} | combine({'b': {'y': 2}})": {"a": 1, "b": {"y": 2}},
    "{'b': {'x': 1}} | combine({'b': {'y': 2}}, {'c': 3}, recursive=true)": {"b": {"x": 1, "y": 2}, "c": 3},
    "[{'a': 1}, {'a': 2}] | combine": {"a": 2},
    "{'l': [1, 2]} | combine({'l': [2, 3]}, list_merge='append')": {"l": [1, 2, 2, 3]},
    "{'l': [1, 2]} | combine({'l': [2, 3]}, list_merge='append_rp')": {"l": [1, 2, 3]},
    "{'l': [1, 2]} | combine({'l': [2, 3]}, list_merge='prepend_rp')": {"l": [2, 3, 1]},
    "{'l': [1, 2]} | combine({'l': [2, 3]}, list_merge='keep')": {"l": [1, 2]},
    "'a\\n\\nb' | comment": "#\n# a\n#\n# b\n#",
    "'a' | comment('c')": "//\n// a\n//",
    "'a' | comment('cblock')": "/*\n *\n * a\n *\n */",
    "'a' | comment('xml')": "<!--\n -\n - a\n -\n-->",
    "'a' | comment(decoration='; ', prefix_count=0, postfix_count=0)": "; a",
    "'a' | comment(beginning='{', end='}', prefix='', postfix='')": "{\n# a\n}",
    "{'a': 1} | dict2items": [{"key": "a", "value": 1}],
    "{'a': 1} | dict2items(key_name='k', value_name='v')": [{"k": "a", "v": 1}],
    "[{'key': 'a', 'value': 1}] | items2dict": {"a": 1},
    "{'a': [1]} | dict2items | items2dict": {"a": [1]},
    "[3, 1, 3, 2] | difference([2])": [3, 1],
    "[[1], [2]] | difference([[2]])": [[1]],
    "[1, 2] | union([2, 3])": [1, 2, 3],
    "[1, 2, 2] | intersect([2, 3])": [2],
    "[1, 2] | symmetric_difference([2, 3])": [1, 3],
    "[1, [2, [3, none]]] | flatten": [1, 2, 3],
    "[1, [2, [3]]] | flatten(levels=1)": [1, 2, [3]],
    "[1, [none]] | flatten(skip_nulls=false)": [1, None],
    "[[1, 2], ['a', 'b']] | first | zip(['a', 'b'])": [[1, "a"], [2, "b"]],
    "[{'n': 'a', 'k': [1, 2]}, {'n': 'b'}] | subelements('k', skip_missing=true) | map('last')": [1, 2],
    "'{\"a\": [1]}' | from_json": {"a": [1]},
    "{'b': 1, 'a': [1]} | to_json": '{"a": [1], "b": 1}',
    "{'b': 1, 'a': 2} | to_json(sort_keys=false)": '{"b": 1, "a": 2}',
    "{'b': [1], 'a': 'x'} | to_yaml": "a: x\nb:\n- 1\n",
    "{'a': 1} | to_nice_json": '{\n    "a": 1\n}',
    "{'a': {'b': [1]}} | to_nice_yaml": "a:\n    b:\n    - 1\n",
    "{'a': {'b': 1}} | to_nice_yaml(indent=2)": "a:\n  b: 1\n",
    "'a.b*' | regex_escape": r"a\.b\*",
    "'foobar' | regex_search('o+')": "oo",
    "'foobar' | regex_search('x') is none": True,
    "'server1/db42' | regex_search('server([0-9]+)/db([0-9]+)', '\\\\1', '\\\\2')": ["1", "42"],
    "'db42' | regex_search('db(?P<n>[0-9]+)', '\\\\g<n>')": ["42"],
    "'a1\\nB2' | regex_findall('^[a-z]', multiline=true, ignorecase=true)": ["a", "B"],
    "'a=1,b=2' | regex_findall('(.)=(.)')": [["a", "1"], ["b", "2"]],
    "'ansible' | regex_replace('^a.*i(.*)$', 'a\\\\1')": "able",
    "'aAa' | regex_replace('a', 'x', ignorecase=true, count=2)": "xxa",
    "'a, b' | split(', ')": ["a", "b"],
    "'a  b' | split": ["a", "b"],
    "true | ternary('a', 'b')": "a",
    "'' | ternary('a', 'b')": "b",
    "none | ternary('a', 'b', 'c')": "c",
    "1 | mandatory": 1,
    "'x' | type_debug": "str",
    "'1.10' is version('1.9', '>')": True,
    "'1.10' is version('1.10')": True,
    "'1.0~rc1' is version('1.0', 'lt')": True,
    "'1:1.0' is version('2.0', '>=')": True,
    "'12.10' is version('12', '>=')": True,
    "'1.22.1-9' is version('1.22.1-10', '<')": True,
    "'1.0.0-rc.2' is version('1.0.0-rc.10', '<', version_type='semver')": True,
    "'1.0.0' is version('1.0.0-rc.10', '<=', version_type='semver')": False,
    "'2' | version_compare('10', '<')": True,
    "'web12' is match('web[0-9]+')": True,
    "'a web12' is match('web[0-9]+')": False,
    "'a WEB12' is search('web', ignorecase=true)": True,
    "'ab' is regex('^a')": True,
    "[1] is subset([1, 2])": True,
    "[1, 2] is superset([3])": False,
    "[1, 2] is contains(2)": True,
    "[[1, 0] is any, [1, 0] is all]": [True, False],
    "[0 is falsy, 'x' is truthy]": [True, True],
}
ERRORS = {
    "'a' | difference(['a'])": "'difference' takes lists, not text",
    "{'a': 1} | combine('b')": "'combine' takes maps",
    "{'a': 1} | combine({}, list_merge='x')": "'list_merge' is one of replace, keep",
    "'a' | comment('lisp')": "'comment' knows no style 'lisp': plain",
    "'a' | comment(prefixes=1)": "'comment' takes no 'prefixes'",
    "'a' | hash('rot13')": "'hash' knows no 'rot13': md5",
    "'a' | password_hash": "'password_hash' needs a salt",
    "'a' | password_hash('bcrypt', salt='x')": "'password_hash' knows no 'bcrypt': sha512, sha256",
    "'a' | password_hash('sha512', salt='a$b')": "a salt of 'password_hash' has up to 16",
    "'a' | password_hash('sha512', salt='a', rounds=1)": "takes 1000 to 999999999 rounds",
    "'a' is version('1', '=>')": "'version' knows no relation '=>'",
    "'' is version('1', '>')": "this one is empty",
    "'1.0' is version('1.0.0', version_type='semver')": "'1.0' is no semantic version",
    "'a' | regex_search('a', '1')": "groups of 'regex_search' are written",
    "'a' | regex_replace('(', '')": "missing ), unterminated subpattern",
    "'a' | mandatory('say a')": None,
    "nothing | mandatory('say nothing')": "say nothing",
    "nothing | mandatory": "'nothing' is undefined",
    "'%%%' | b64decode": "base64",
}


DECLARED = "variables: {token: {secret: true}}\n"
SECRETS = {
    "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
    ".cdconf/environments/dev/secrets.json": json.dumps({"token": "Hx7kQ9pLsecretmZ2wVt4c"}),
}


def value(text, root):
    return Templating(root).expression(text, None, "roles/x/role.yml", 7)


@pytest.mark.parametrize("text", VALUES)
def test_what_becomes_of_a_value(text, tmp_path):
    assert value(text, tmp_path) == VALUES[text]


@pytest.mark.parametrize("text", [text for text, message in ERRORS.items() if message])
def test_what_cannot_be_done_is_an_error_with_its_line(text, tmp_path):
    with pytest.raises(TemplateError) as caught:
        value(text, tmp_path)
    assert ERRORS[text].casefold() in str(caught.value).casefold()
    assert (caught.value.file, caught.value.line) == ("roles/x/role.yml", 7)


def test_each_filter_and_test_has_a_case():
    used = " ".join([*VALUES, *ERRORS])
    for name in FILTERS:
        assert re.search(rf"\| {name}\b", used), name
    for name in TESTS.keys() - {"version_compare"}:
        assert re.search(rf"is {name}\b", used), name


@pytest.mark.parametrize(("name", "flag"), [("sha512", "-6"), ("sha256", "-5")])
@pytest.mark.parametrize(("password", "salt"), [("x", "ab"), ("ü" * 40, "./0123456789abcd"), ("a b" * 50, "z")])
def test_hashes_of_passwords_are_those_of_openssl(tmp_path, name, flag, password, salt):
    argv = ["openssl", "passwd", flag, "-salt", salt, "-stdin"]
    said = subprocess.run(argv, input=password, capture_output=True, text=True, check=True).stdout.strip()
    assert value(f"{password!r} | password_hash('{name}', salt='{salt}')", tmp_path) == said
    written = value(f"{password!r} | password_hash('{name}', '{salt}', 5000)", tmp_path)
    assert written == said.replace(f"${salt}$", f"$rounds=5000${salt}$")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ 1 | to_nice_yml }}", "there is no filter 'to_nice_yml'", "did you mean 'to_nice_yaml'?"),
        ("{{ 1 is subsett([]) }}", "there is no test 'subsett'", "did you mean 'subset'?"),
        ("{% if false %}{{ 1 | regexsearch('x') }}{% endif %}", "there is no filter 'regexsearch'", "regex_search"),
        (
            "{{ x is ansible.builtin.succeeded }}",
            "there is no test 'ansible.builtin.succeeded'",
            "another one's output",
        ),
        ("{{ '/x' is exists }}", "there is no test 'exists'", "facts.paths"),
        ("{{ x | community.general.json_query('y') }}", "there is no filter", "selectattr"),
    ],
)
def test_an_unknown_name_says_which_exist(project, text, message, hint):
    role(project, "resources:\n  - file: /x\n    template: t.j2\n")
    write(project, {"roles/base/templates/t.j2": f"a\n{text}\n"})
    with pytest.raises(TemplateError) as caught:
        compiled(project)
    error = caught.value
    assert (error.file, error.line, message in str(error)) == ("roles/base/templates/t.j2", 2, True)
    assert hint in error.hint
    names = FILTERS if "filter" in message else TESTS
    assert all(name in error.detail for name in names)
    assert ("selectattr" if names is FILTERS else "divisibleby") in error.detail


@pytest.mark.parametrize(
    "filtered",
    [
        "b64encode",
        "password_hash('sha512', salt='x')",
        "regex_replace('s', 'x')",
        "regex_search('ecre')",
        "regex_findall('.') | join",
        "comment",
        "ternary(token, 'x')",
        "hash",
        "split('e') | first",
        "to_nice_yaml",
        "checksum",
    ],
)
def test_what_a_filter_makes_of_a_secret_is_one(project, filtered):
    role(
        project,
        DECLARED
        + f"resources:\n  - file: /x\n    content: {json.dumps('{{ token | ' + filtered + ' }}')}\n    mode: '0600'\n",
    )
    write(project, SECRETS)
    (resource,) = compiled(project)[1].resources
    assert resource.sensitive
    assert repr(resource.fields["content"]) == "Secret('***')"


def test_an_error_of_a_filter_holds_nothing_of_a_secret(project):
    role(
        project,
        DECLARED + "resources:\n  - file: /x\n    content: \"{{ (token ~ '(') | regex_replace(token ~ '(', '') }}\"\n",
    )
    write(project, SECRETS)
    with pytest.raises(TemplateError, match="what it says isn't shown, since a secret was read before"):
        compiled(project)
