"""Templates come out with the line ends of their files, wherever Jinja2 takes whitespace away."""

import re

import jinja2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdconf.catalog.jinja_scope import ScopedEnvironment
from cdconf.catalog.line_ends import indented

PIECES = [
    "a",
    " ",
    "\r\n",
    "\r\n",
    "{{ 1 }}",
    "{{- 1 -}}",
    "{% if true %}",
    "{% endif %}",
    "{%- if true -%}",
    "{# c #}",
]
PIECES += ["{#- c -#}", "{% raw %}", "{% endraw %}", "{%+ if true +%}", "{% set x %}", "{% endset %}", "{{ 'p\r\nq' }}"]


@pytest.fixture(scope="module")
def environment():
    return ScopedEnvironment(lambda name: None, lambda template, parent: template)


def rendered(environment, source):
    try:
        return environment.from_string(source).render()
    except jinja2.TemplateError as error:
        return re.sub(r"\W+", " ", str(error))


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("{% if true %}\r\nb\r\n{% endif %}\r\n")
@example("{% raw %}\r\n{{ x }}\r\n{% endraw %}\r\n")
def test_a_file_of_windows_renders_as_the_same_file_of_unix_does(environment, source):
    unix = rendered(environment, source.replace("\r\n", "\n"))
    windows = rendered(environment, source)
    assert windows.replace("\r\n", "\n") == unix
    assert windows.count("\r\n") == unix.count("\n")


@given(
    st.lists(st.sampled_from(["\r", "\n", "\r\n", "a", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2028"])).map("".join)
)
def test_what_is_no_template_comes_out_as_it_is(environment, source):
    if not re.search("\x1c\x1d\x1e\x1f|\x1c\x1e\x1d\x1f", source):
        assert environment.from_string("{{ '' }}" + source).render() == source


def test_a_line_of_an_error_is_the_file_s(environment):
    with pytest.raises(jinja2.TemplateSyntaxError) as caught:
        environment.from_string("a\r\nb\r\n{{ 1 +* }}\r\n")
    assert caught.value.lineno == 3


def test_what_stands_in_for_line_ends_is_refused_in_a_template(environment):
    with pytest.raises(jinja2.TemplateSyntaxError, match="can't be kept") as caught:
        environment.from_string("a\n\x1c\x1d\x1e\x1f{{ 1 }}")
    assert caught.value.lineno == 2


def test_indent_knows_lines_as_programs_do(environment):
    assert indented("a\r\n\r\n\nb\x0cc\u2028d\n", 2) == "a\r\n\r\n\n  b\x0cc\u2028d\n"
    for text in ("", "a", "a\n", "\n\na\n b\n\n"):
        for more in ({}, {"first": True}, {"blank": True}, {"width": "--"}):
            assert indented(text, **more) == jinja2.filters.do_indent(text, **more)
    assert environment.from_string("{{ 'a\r\nb' | indent(1) }}").render() == "a\r\n b"
