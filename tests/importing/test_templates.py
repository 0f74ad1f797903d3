import re

import pytest

from cdconf.facts.table import sample
from cdconf.importing.model import Definition
from cdconf.importing.templates import NAMES, Known, find_foreign

KNOWN = Known(frozenset({"upper", "default"}), frozenset({"defined"}))


def found(value, renamed=None):
    return [one.message for one in find_foreign(Definition("x", value, "f", 7), KNOWN, renamed or {})]


def test_facts_that_are_recommended_exist():
    facts = sample()
    for instead in filter(None, NAMES.values()):
        if instead.startswith("facts."):
            value = facts
            for part in re.findall(r"\w+", instead)[1:]:
                value = value[part]


@pytest.mark.parametrize(
    "value", ["plain", "{{ y | upper }}", "{% if a is defined %}b{% endif %}", 5, None, ["{{ y }}"]]
)
def test_what_both_understand_is_fine(value):
    assert found(value) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{{ y | combine(z) }}", "'x': there is no filter 'combine' in cdconf"),
        ("{{ y is version('1') }}", "'x': there is no test 'version' in cdconf"),
        (
            "{{ lookup('file', 'k') }}",
            "'x': lookup() looks things up on the controller, which cdconf's templates can't",
        ),
        ("{{ ansible_os_family }}", "'x': 'ansible_os_family' is Ansible's; cdconf has facts.os.family"),
        ("{{ ansible_zfs }}", "'x': 'ansible_zfs' is Ansible's; cdconf's facts are in `facts`"),
        ({"a": [{"b": "{{ omit }}"}]}, "'x': 'omit' is Ansible's; cdconf has nothing like it"),
        ("{{ y", "'x': this isn't Jinja2: unexpected end of template, expected 'end of print statement'."),
    ],
)
def test_what_only_ansible_understands_is_found(value, message):
    assert found(value) == [message]


def test_a_renamed_variable_is_named():
    assert found("{{ hosts }}", {"hosts": "hosts_2"}) == ["'x': the variable 'hosts' is called 'hosts_2' now"]
