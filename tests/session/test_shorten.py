"""Short names change nothing of what a program does."""

import ast
import textwrap
from pathlib import Path

import pytest

from cdconf.session.shorten import shorten

ROOT = Path(__file__).parents[2] / "cdconf"
SOURCES = sorted([*ROOT.glob("agent/**/*.py"), *ROOT.glob("resources/*/agent.py")])
UNCHANGED = {
    "an argument": """
        def f(first, *rest, **more):
            return first, rest, more
        """,
    "what the module has": """
        total = 0
        def f():
            return total, [total for total in (1, 2)]
        """,
    "a built-in": """
        def f():
            return list(), [list for list in (1, 2)]
        """,
    "global": """
        def f():
            global total
            total = 1
        """,
    "another function's global": """
        def f():
            global total
            total = 1
        def g():
            total = 2
            return total
        """,
    "nonlocal": """
        def f():
            total = 1
            def g():
                nonlocal total
                total = 2
            return g, total
        """,
    "locals()": """
        def f():
            total = 1
            return locals()
        """,
    "a class inside": """
        def f():
            total = 1
            class C:
                total = total
            return C
        """,
    "an import": """
        def f():
            import os
            return os
        """,
    "an exception": """
        def f():
            try:
                g()
            except OSError as error:
                return error
        """,
    "a match": """
        def f(a):
            match a:
                case [first, *rest]:
                    return first, rest
        """,
    "a text with a name": """
        def f():
            total = 1
            return f'{total}'
        """,
}
CHANGED = {
    "an attribute": (
        """
        def f(a):
            total = a
            total.total = g(total=1)
        """,
        """
        def f(a):
            b = a
            b.total = g(total=1)
        """,
    ),
    "a letter that's taken": (
        """
        def f(a):
            b = total = a
            return b, total
        """,
        """
        def f(a):
            b = c = a
            return b, c
        """,
    ),
    "a closure": (
        """
        def f():
            total = 1
            return lambda: total
        """,
        """
        def f():
            a = 1
            return lambda: a
        """,
    ),
    "a method": (
        """
        class C:
            def f(self):
                total = 'é', 1
                return 'é', total
        """,
        """
        class C:
            def f(self):
                a = 'é', 1
                return 'é', a
        """,
    ),
    "a loop in a condition": (
        """
        if X:
            def f():
                for each in y: print(each)
        """,
        """
        if X:
            def f():
                for a in y: print(a)
        """,
    ),
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_program_differs_in_names_of_variables_alone(path):
    source = path.read_text()
    short = shorten(source)
    assert short.count("\n") == source.count("\n")
    before, after = ast.parse(source), ast.parse(short)
    for one, other in zip(functions(before), functions(after), strict=True):
        names = {}
        for old, new in zip(ast.walk(one), ast.walk(other), strict=True):
            if isinstance(old, ast.Name):
                assert names.setdefault(old.id, new.id) == new.id
                new.id = old.id
        assert len(set(names.values())) == len(names)  # no two variables have become one
        taken = {node.arg for node in ast.walk(one) if isinstance(node, ast.arg)}
        assert not taken & {new for old, new in names.items() if old != new}
    assert ast.dump(after, include_attributes=False) == ast.dump(before, include_attributes=False)


@pytest.mark.parametrize("source", UNCHANGED.values(), ids=UNCHANGED)
def test_names_that_others_may_see_stay(source):
    assert shorten(textwrap.dedent(source)) == textwrap.dedent(source)


@pytest.mark.parametrize(("source", "short"), CHANGED.values(), ids=CHANGED)
def test_other_variables_get_one_letter(source, short):
    assert shorten(textwrap.dedent(source)) == textwrap.dedent(short)


def test_a_function_with_more_variables_than_letters_keeps_some():
    names = [f"name{number}" for number in range(60)]
    source = "def many():\n" + "".join(f"    {name} = 1\n" for name in names)
    assert sum(f"    {name} = 1\n" in shorten(source) for name in names) == 60 - 52


def functions(tree):
    """Those of the module, and the methods of its classes."""
    inner = [child for child in ast.iter_child_nodes(tree) if not isinstance(child, ast.FunctionDef)]
    found = [child for child in ast.iter_child_nodes(tree) if isinstance(child, ast.FunctionDef)]
    return found + [function for child in inner for function in functions(child)]
