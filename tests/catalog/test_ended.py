"""What a rendering process leaves behind tells the template and the line, at whatever moment it was ended."""

import dis
import io
from types import CodeType

import pytest

from cdconf.catalog.ended_process import innermost
from cdconf.catalog.limits import LimitedEnvironment
from cdconf.catalog.meter import ENDED

LINES = "roles/base/templates/t.j2\t2=19 5=30\n"
HEAD = "Stack (most recent call first):\n"
DRIVER = '  File "/lib/jinja2/environment.py", line 1346 in generate\n'


def frame(line, file="roles/base/templates/t.j2"):
    return f'  File "{file}", line {line} in root\n'


@pytest.mark.parametrize(
    ("trace", "place"),
    [
        (LINES + HEAD + frame(31) + DRIVER, ("roles/base/templates/t.j2", 5)),
        (LINES + HEAD + DRIVER + frame(20) + DRIVER, ("roles/base/templates/t.j2", 2)),
        (LINES + HEAD + frame(12), ("roles/base/templates/t.j2", 2)),
        (HEAD + frame(12), ("roles/base/templates/t.j2", 1)),
        (LINES + HEAD + DRIVER, None),
        (LINES, None),
        (LINES + HEAD + frame(20) + HEAD + frame(31) + HEAD + DRIVER + HEAD + DRIVER, ("roles/base/templates/t.j2", 5)),
        (LINES + HEAD + frame(20) + ENDED.decode() + HEAD + DRIVER, None),
        (
            LINES + HEAD + frame(20) + ENDED.decode() + HEAD + frame(31) + HEAD + DRIVER,
            ("roles/base/templates/t.j2", 5),
        ),
    ],
    ids=[
        "at work",
        "in what it calls",
        "before its first line",
        "of unknown lines",
        "in no template",
        "nothing noted",
        "between two pieces",
        "between two pieces, after another text",
        "noted since another text",
    ],
)
def test_the_last_stack_with_a_template_tells(trace, place):
    assert innermost(io.BytesIO(trace.encode())) == place


def codes(code):
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from codes(one)


def test_each_instruction_of_a_template_has_a_line():
    """Python gives none to the end of a loop, nor to what begins a macro: a stack there would have no line to tell."""
    source = (
        "{% set l = range(9999) | list %}\n"
        "{% for i in l %}{% for j in l %}{% if i == -1 %}x{% endif %}{% endfor %}{% endfor %}\n"
        "{% macro m(n) %}{{ m(n) }}{{ l }}{% endmacro %}\n"
    )
    environment = LimitedEnvironment()
    python = environment.compile(source, raw=True)
    plain, compiled = compile(python, "t.j2", "exec"), environment.compile(source, filename="t.j2")
    lines = [
        [one.positions.lineno for code in codes(each) for one in dis.get_instructions(code)]
        for each in (plain, compiled)
    ]
    assert None in lines[0], "Python has begun to tell all lines: `lined` isn't needed any longer"
    assert None not in lines[1]
    assert all(mine == its for mine, its in zip(lines[1], lines[0], strict=True) if its is not None)
