"""Hosts get agent code without its annotations: the same program, line by line, which Python 3.6 reads."""

import ast
import bz2
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from cdconf.agent.install import unpacked
from cdconf.session.annotations import without_annotations
from cdconf.session.bundle import bundle
from cdconf.session.minify import compact
from tests.agent.private import VERSIONS, find
from tests.conftest import write

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("cdconf/agent/**/*.py"), *ROOT.glob("cdconf/resources/*/agent.py")])
TYPED = '''"""Typed."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # novm
    from typing import TypedDict

    class Pair(TypedDict):
        one: int

LIMIT: "int" = 3
NAMES: "dict[str, int]" = (
    {}
)
NOTHING: "int"


class Thing(object):
    name: "str"

    def __init__(self, name: "str", *more: "ä", key: "int" = 3, **rest: "int") -> "None":
        self.name: "str" = name
        self.late: "int"
        self.found = {one: more for one in rest}


def f(
    a: "dict[str,"
    "int]", b: (
        "int"
    ) = 3,
) -> "list[int]":  # -> what
    if TYPE_CHECKING:
        c: "int"
    x: "int" = b; y: "int" = x
    fail = lambda: 1 / 0
    return [a, y, fail()]


def g() -> {
    "a": "b",
}:
    z: {
        1: 2
    } = 5
    return z


def h() -> "dict[str, int]": return {}


async def i(a: "int" = (lambda b: b)(3), *, c: "int") -> (
    "int"
): return a
'''


class WithoutTypes(ast.NodeTransformer):
    """Takes out of a syntax tree what's for type checkers, as `without_annotations` does of a text."""

    def visit_If(self, found):
        return None if getattr(found.test, "id", "") == "TYPE_CHECKING" else self.generic_visit(found)

    def visit_Assign(self, found):
        return None if ast.unparse(found) == "TYPE_CHECKING = False" else self.generic_visit(found)

    def visit_AnnAssign(self, found):
        if found.value is None:
            return None
        return ast.copy_location(ast.Assign([self.visit(found.target)], self.visit(found.value)), found)

    def visit_arg(self, found):
        found.annotation = None
        return found

    def _function(self, found):
        found.returns = None
        return self.generic_visit(found)

    visit_FunctionDef = visit_AsyncFunctionDef = _function  # noqa: N815  ast's names


def program(source):
    """A syntax tree without types, as text with the lines of its statements and expressions."""
    tree = WithoutTypes().visit(ast.parse(source))
    for one in ast.walk(tree):
        body = getattr(one, "body", None)
        if isinstance(body, list) and not body and not isinstance(one, ast.Module):
            one.body = [ast.Pass()]
    lines = [one.lineno for one in ast.walk(tree) if isinstance(one, ast.Call | ast.Return | ast.Raise)]
    return ast.dump(tree), lines


def types_in(source):
    """The lines at which there's something for type checkers only."""
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.AnnAssign) or getattr(one, "annotation", None) or getattr(one, "returns", None):
            yield one.lineno
        if isinstance(one, ast.Name) and one.id in ("TYPE_CHECKING", "TypedDict"):
            yield one.lineno


def in_bundle():
    return dict(unpacked(bz2.decompress(bundle().data)))


def unpack_to(folder, files):
    for name, source in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(source)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_is_the_same_program_with_the_same_lines(path):
    source = path.read_bytes()
    assert program(without_annotations(source)) == program(source)
    assert list(types_in(without_annotations(source))) == []


def test_every_kind_of_annotation_goes():
    source = TYPED.encode()
    small = without_annotations(source)
    assert len(list(types_in(source))) > 20
    assert list(types_in(small)) == []
    assert program(small) == program(source)
    assert small.count(b"\n") == source.count(b"\n")
    assert program(compact(small))[1] == program(source)[1]
    assert len(compact(small)) < len(compact(source)) * 0.6
    assert b" \n" not in compact(small)


def test_a_block_with_an_else_is_refused():
    with pytest.raises(SyntaxError, match="line 2: `if TYPE_CHECKING` has an `else`"):
        without_annotations(b"TYPE_CHECKING = False\nif TYPE_CHECKING:\n    a = 1\nelse:\n    a = 2\n")


def where(source):
    """The lines of a traceback of `f`."""
    names = {}
    exec(compile(source, "<typed>", "exec", dont_inherit=True), names)
    try:
        names["f"](1)
    except ZeroDivisionError as error:
        return [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == "<typed>"]
    raise AssertionError


def test_a_traceback_has_the_source_s_lines():
    source = TYPED.encode()
    fails = TYPED.split("\n").index("    fail = lambda: 1 / 0") + 1
    assert where(source) == where(compact(without_annotations(source))) == [fails + 1, fails]


def test_a_traceback_of_the_bundle_has_the_source_s_lines(tmp_path):
    unpack_to(tmp_path, in_bundle())
    code = "import sys; sys.path.insert(0, sys.argv[1]); from cdconf.agent.edit import dotted; dotted.parts('a..b')"
    said = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(tmp_path)], capture_output=True, check=False)
    source = (ROOT / "cdconf/agent/edit/dotted.py").read_text().split("\n")
    raised = next(number for number, line in enumerate(source, 1) if "isn't a dotted key" in line)
    assert f'agent/edit/dotted.py", line {raised}, in parts' in said.stderr.decode()


def test_nothing_for_type_checkers_is_sent():
    found = {name: list(types_in(source)) for name, source in in_bundle().items()}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert not [name for name, source in in_bundle().items() if b"TYPE_CHECKING" in source or b"typing" in source]


def test_a_project_s_own_type_keeps_its_annotations(tmp_path):
    code = "from typing import NamedTuple\nclass A(NamedTuple):\n    a: int\nobserve = apply = A\n"
    write(tmp_path, {"resources/mine/spec.py": "", "resources/mine/agent.py": code})
    names = dict(unpacked(bz2.decompress(bundle(tmp_path).data)))
    assert b"a:int" in names["cdconf/resources/mine/agent.py"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_python_reads_what_is_left(version, tmp_path):
    files = {**in_bundle(), "typed.py": compact(without_annotations(TYPED.encode()))}
    unpack_to(tmp_path, files)
    code = "import sys\nfor one in sys.argv[1:]:\n    compile(open(one, 'rb').read(), one, 'exec', dont_inherit=True)"
    command = [find(version), "-I", "-S", "-W", "error", "-c", code]
    subprocess.run([*command, *(str(tmp_path / name) for name in files)], check=True)
