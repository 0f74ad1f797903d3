"""What runs on hosts reads text as their programs do: no Unicode line ends, blanks and digits, no universal newlines.

`cdconf.agent.texts` has what to use instead. A line that has a reason says it: `# texts: …`.
"""

import ast
from pathlib import Path

import pytest

import cdconf
from cdconf.agent import texts

HOME = Path(cdconf.__file__).parent
FILES = [one for one in sorted(HOME.glob("agent/**/*.py")) if one.name != "texts.py"]
FILES += sorted(HOME.glob("resources/*/agent.py"))
ALWAYS = {
    "splitlines": "texts.lines or texts.whole_lines",
    "isdigit": "texts.is_number",
    "isdecimal": "texts.is_number",
    "isnumeric": "texts.is_number",
    "isspace": "`in texts.BLANKS`",
}
BARE = {"split": "texts.words", "strip": "texts.strip", "lstrip": "texts.BLANKS", "rstrip": "texts.BLANKS"}


def findings(source):
    """(line, what to use) of each call that reads text as Python does."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if "# texts: " in lines[getattr(node, "lineno", 1) - 1]:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\\d" in node.value:
            yield node.lineno, "[0-9]"
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if isinstance(node.func, ast.Attribute):
            is_ours = isinstance(node.func.value, ast.Name) and node.func.value.id == "texts"
            bare = BARE.get(name) if not node.args and not node.keywords and not is_ours else None
            if name in ALWAYS or bare:
                yield node.lineno, ALWAYS.get(name) or bare
        opens = isinstance(node.func, ast.Name) and name == "open"
        if (opens or name == "fdopen") and not _keeps_line_ends(node):
            yield node.lineno, 'newline="\\n"'


def _keeps_line_ends(call):
    mode = call.args[1].value if len(call.args) > 1 and isinstance(call.args[1], ast.Constant) else "r"
    return "b" in mode or any(one.arg == "newline" for one in call.keywords)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOME).as_posix())
def test_text_of_hosts_is_read_as_their_programs_read_it(path):
    found = [
        f"{path.relative_to(HOME)}:{line}: use {what}" for line, what in findings(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_the_rules_find_what_they_are_about():
    source = 'a.splitlines(); b.split(); c.strip(); open(p); open(p, "rb"); open(p, newline="\\n"); d.split("x")\n'
    source += 'e.isdigit(); re.match("\\\\d", f); os.fdopen(g, "w"); texts.strip(h)\ni.split()  # texts: bytes\n'
    assert [line for line, _ in findings(source)].count(1) == 4
    assert [line for line, _ in findings(source)].count(2) == 3
    assert [line for line, _ in findings(source)].count(3) == 0


def test_texts_know_ascii_alone():
    text = "a\x0cb\x85c\u2028d\re\r\n\n"
    assert texts.lines(text) == ["a\x0cb\x85c\u2028d\re\r", ""]
    assert "".join(texts.whole_lines(text)) == text
    assert texts.words(" a\u00a0b\tc\x0bd\u3000 ") == ["a\u00a0b", "c", "d\u3000"]
    assert texts.strip(" \u00a0 a \n") == "\u00a0 a"  # noqa: B005
    assert [texts.is_number(one) for one in ("0", "12", "", "1\n", "\u0661", "\u00b2", "-1")] == [
        True,
        True,
        *[False] * 5,
    ]
