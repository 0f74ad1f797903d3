"""What goes to hosts is the same program, line by line."""

import ast
from pathlib import Path

import pytest

from cdconf.session.minify import compact

ROOT = Path(__file__).parents[2] / "cdconf"
SOURCES = sorted([*ROOT.glob("agent/**/*.py"), *ROOT.glob("resources/*/agent.py")])
ODD = b'''def f():
    """Only a docstring."""

class C:
    "one" # a comment

    x = "# not a comment"
    def g(self): return "# neither"
'''
ODD_COMPACT = b"""def f():
 pass

class C:


 x="# not a comment"
 def g(self):return "# neither"
"""
NESTED = b'''def f(a):
    if a:
        b = """one
            two
    """
        return [a,
                b]
    for c in a: \\
            print(c)
    return {
        "a": a}
'''
NESTED_COMPACT = b'''def f(a):
 if a:
  b="""one
            two
    """
  return[a,
b]
 for c in a: \\
print(c)
 return{
"a":a}
'''


class WithoutDocstrings(ast.NodeTransformer):
    def visit(self, found):
        self.generic_visit(found)
        body = getattr(found, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            found.body = body[1:] or ([] if isinstance(found, ast.Module) else [ast.Pass()])
        return found


def shape(source):
    return ast.dump(WithoutDocstrings().visit(ast.parse(source)))


def calls(source):
    return [one.lineno for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_is_the_same_program_with_the_same_lines(path):
    source = path.read_bytes()
    small = compact(source)
    assert shape(small) == shape(source)
    assert calls(small) == calls(source)
    assert len(small) < len(source)


def test_what_only_looks_like_a_comment_stays():
    assert compact(ODD) == ODD_COMPACT


def test_indentation_is_one_space_a_level_but_not_inside_texts():
    assert compact(NESTED) == NESTED_COMPACT
    assert shape(NESTED_COMPACT) == shape(NESTED)


def test_only_blanks_that_say_nothing_go():
    source = b'x = [1, 2 if y else 3]\nz = "a" if not (x) else f"{ x = }" "b"\nimport a . b\nw = x  and  "c  d"\n'
    assert ast.dump(ast.parse(compact(source))) == ast.dump(ast.parse(source))
    assert compact(b"x = [1, 2]  \n") == b"x=[1,2]  \n"
