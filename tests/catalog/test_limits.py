"""Expressions and templates that would fill the memory, or never end, are errors at once."""

import pytest

from cdconf.catalog.limits import LimitedEnvironment, render
from cdconf.errors import TemplateError
from tests.catalog.test_compiler import compiled, role
from tests.conftest import write

pytestmark = pytest.mark.usefixtures("little_to_spend")


@pytest.mark.parametrize(
    "expression",
    [
        "'x' * 10**10",
        "10**10 * 'x'",
        "[1] * 10**9",
        "2 ** (10**9)",
        "(10 ** 9999) * (10 ** 9999) * (10 ** 9999)",
        "'%9999999999d' % 1",
        "'%*d' % (10**10, 1)",
        "'%9999999999d'|format(1)",
        "'{:>9999999999}'.format(1)",
        "'{:>{}}'.format(1, 10**10)",
        "'x'.ljust(10**10)",
        "'x'|center(10**10)",
        "'x\\ny'|indent(10**10)",
        "[1]|batch(10**10, 2)|list",
        "('x' * 1000000).replace('x', 'y' * 1000000)",
        "range(10**9)|list",
    ],
)
def test_an_expression_that_would_be_huge_is_refused_with_its_line(project, expression):
    role(project, f'resources:\n  - file: /x\n    content: "{{{{ {expression} }}}}"\n')
    with pytest.raises(TemplateError) as caught:
        compiled(project)
    assert (caught.value.file, caught.value.line) == ("roles/base/role.yml", 3)


def test_a_template_that_would_be_huge_is_refused(project):
    role(project, "resources:\n  - file: /x\n    template: big.j2\n")
    piece = "0123456789" * 100  # the limit of size comes long before that of time
    loops = f"{{% for a in range(9999) %}}{{% for b in range(9999) %}}{piece}{{% endfor %}}{{% endfor %}}"
    write(project, {"roles/base/templates/big.j2": loops})
    with pytest.raises(TemplateError, match="the text would be larger than 16 Mi"):
        compiled(project)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'-' * 79", "-" * 79),
        ("2 ** 10", "1024"),
        ("7 % 4", "3"),
        ("'%05d call 12345678' % 42", "00042 call 12345678"),
        ("'{:>5} 12345678'.format('a')", "    a 12345678"),
        ("'a'|center(5)", "  a  "),
        ("[1, 2, 3]|slice(2)|list", "[[1, 2], [3]]"),
        ("'%s-%s'|format('a', 'b')", "a-b"),
        ("'aXb'.replace('X', '-')", "a-b"),
    ],
)
def test_what_is_of_a_usual_size_works(project, expression, value):
    role(project, f'resources:\n  - file: /x\n    content: "{{{{ {expression} }}}}!"\n')
    assert compiled(project)[1].resources[0].fields["content"] == value + "!"


def test_a_missing_include_is_shown_where_it_stands(project):
    role(project, "resources:\n  - file: /x\n    template: a.j2\n")
    write(project, {"roles/base/templates/a.j2": "one\n{% include 'nope.j2' %}\n"})
    with pytest.raises(TemplateError, match="there is no template") as caught:
        compiled(project)
    assert (caught.value.file, caught.value.line) == ("roles/base/templates/a.j2", 2)


@pytest.mark.parametrize("fact", ["uptime", "date_time", "free_memory_mb", "load"])
def test_a_fact_that_changes_by_itself_gets_its_reason(project, fact):
    role(project, f"resources:\n  - file: /x\n    content: '{{{{ facts.{fact} }}}}'\n")
    with pytest.raises(TemplateError, match=f"there is no fact '{fact}'") as caught:
        compiled(project)
    assert caught.value.hint.startswith("what changes by itself")


def test_every_text_has_its_own_loops(project):
    turns = "{% for i in range(100000) %}{% endfor %}" * 6
    text = f'    content: "{turns}"\n'
    role(project, f"resources:\n  - file: /x\n{text}  - file: /y\n{text}")
    assert len(compiled(project)[1].resources) == 2


def test_turns_that_print_nothing_end_no_text():
    template = LimitedEnvironment().from_string("{% for turn in range(3000) %}{{ '' }}{% endfor %}end")
    assert render(template, {}) == "end"
