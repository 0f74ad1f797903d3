import json
import string
import tomllib

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cdconf.agent.edit import dotted, edit_json, edit_toml, edit_yaml
from cdconf.agent.edit import settings as formats
from cdconf.agent.edit.dotted import NotEditable
from cdconf.agent.edit.edit_ini import Editor
from tests.rounds import rounds

NAMES = st.sampled_from(["a", "b", "c-d", "e f", "ü", "g.h", "yes"])
TEXT = st.text(st.sampled_from(string.printable[:95] + "ü€\n\t\x7f\x85\u2028"), max_size=12)
SCALARS = st.one_of(st.booleans(), st.integers(-(10**9), 10**9), TEXT, st.floats(-1e6, 1e6).filter(lambda x: x != 0))
VALUES = st.recursive(
    SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(NAMES, one, max_size=3), max_leaves=6
)
TREES = st.dictionaries(NAMES, VALUES, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=3)


def expected(tree, path, value):
    """The tree with a value set; None where something else than a mapping is in the way."""
    if not isinstance(tree, dict):
        return None
    if len(path) == 1:
        return {**tree, path[0]: value}
    inner = expected(tree.get(path[0], {}), path[1:], value)
    return None if inner is None else {**tree, path[0]: inner}


def without(tree, path):
    if len(path) == 1:
        return {name: member for name, member in tree.items() if name != path[0]}
    return {**tree, path[0]: without(tree[path[0]], path[1:])} if path[0] in tree else tree


@settings(max_examples=rounds(60, 1500), deadline=None)
@given(tree=TREES, path=PATHS, value=VALUES, indent=st.sampled_from([None, 1, 4, "\t"]))
def test_json_is_as_wanted_and_else_as_it_was(tree, path, value, indent):
    text = json.dumps(tree, indent=indent, ensure_ascii=False)
    wanted = expected(tree, path, value)
    if wanted is None:
        with pytest.raises(NotEditable):
            edit_json.put(text, path, value)
        return
    changed = edit_json.put(text, path, value)
    assert list(json.loads(changed).items()) == list(wanted.items())
    assert dotted.same(edit_json.get(changed, path), value)
    assert json.loads(edit_json.remove(changed, path)) == without(wanted, path)
    position, left, _ = edit_json._walk(text, path)
    untouched(text, changed, "" if left else text[position : json.JSONDecoder().raw_decode(text, position)[1]])


@settings(max_examples=rounds(100, 2500), deadline=None)
@given(tree=TREES, path=PATHS, value=VALUES, flow=st.sampled_from([False, None]), width=st.sampled_from([20, 500]))
def test_yaml_is_as_wanted_or_refused(tree, path, value, flow, width):
    text = "# top\n" + yaml.safe_dump(tree, default_flow_style=flow, width=width, allow_unicode=True, sort_keys=False)
    text = text if tree else "# top\n"
    assume((yaml.safe_load(text) or {}) == tree)  # PyYAML doesn't read all that it writes
    try:
        changed = edit_yaml.put(text, path, value)
    except NotEditable:
        return
    wanted = expected(tree, path, value)
    assert dotted.same(yaml.safe_load(changed), wanted)
    removed = edit_yaml.remove(changed, path)
    assert (yaml.safe_load(removed) or {}) == without(wanted, path)
    reader = edit_yaml._reader(text)
    _, way = edit_yaml._walk(reader, path)
    untouched(text, changed, reader.raw(way[-1]) if way and (len(way) == len(path) or way[-1].kind == "flow") else "")


@settings(max_examples=rounds(60, 1500), deadline=None)
@given(
    tree=st.dictionaries(
        st.sampled_from("abc"),
        st.one_of(
            SCALARS.filter(lambda x: not isinstance(x, str)),
            st.dictionaries(st.sampled_from("xyz"), st.integers(0, 9), max_size=2),
        ),
    ),
    path=st.lists(st.sampled_from("abcxyz"), min_size=1, max_size=3),
    value=SCALARS,
)
def test_plain_yaml_is_never_refused(tree, path, value):
    text = yaml.safe_dump(tree, default_flow_style=False) if tree else ""
    wanted = expected(tree, path, value)
    if wanted is None:
        with pytest.raises(NotEditable):
            edit_yaml.put(text, path, value)
    else:
        assert dotted.same(yaml.safe_load(edit_yaml.put(text, path, value)), wanted)


def toml(tree, above=()):
    """TOML of a tree: scalars first, then tables."""
    lines = [f"{edit_toml.key([k])} = {edit_toml.dump(v)}  # {k}" for k, v in tree.items() if not isinstance(v, dict)]
    for name, member in tree.items():
        if isinstance(member, dict):
            lines += ["", f"[{edit_toml.key([*above, name])}]", toml(member, (*above, name)).rstrip("\n")]
    return "\n".join(lines) + "\n"


@settings(max_examples=rounds(80, 2000), deadline=None)
@given(tree=TREES, path=PATHS, value=VALUES)
def test_toml_is_as_wanted_or_refused(tree, path, value):
    text = toml(tree)
    assert tomllib.loads(text) == tree
    try:
        changed = edit_toml.put(text, path, value)
    except NotEditable:
        return
    wanted = expected(tree, path, value)
    assert tomllib.loads(changed) == wanted
    assert dotted.same(edit_toml.get(changed, path), value)
    entry = edit_toml._find(edit_toml.TomlReader(text), path)
    untouched(text, changed, text[entry.start : entry.end] if entry else "")


def untouched(before, after, old):
    """Nothing but (a part of) what was written for the old value is gone."""
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    end = next((i for i in range(shorter - start) if before[-1 - i] != after[-1 - i]), shorter - start)
    assert before[start : len(before) - end] in old


TOML = """\
a.b = 1
a.c.d = 0x1F

[t]
"q k" = '''x
'''
inline = { x = 1, y.z = "w" }
when = 1979-05-27 07:32:00Z
[[p]]
n = 1
[p.q]
m = 2
"""


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        (["a", "e"], 1, "a.b = 1\na.e = 1\n"),
        (["a", "c", "f", "g"], 1, "a.c.d = 0x1F\na.c.f.g = 1\n"),
        (["t", "q k"], "y", '[t]\n"q k" = "y"\ninline'),
        (["t", "inline"], [], "inline = []\n"),
        (["t", "when"], False, "when = false\n"),
        (["t", "new"], "\x7f\\", 'when = 1979-05-27 07:32:00Z\nnew = "\\u007f\\\\"\n[[p]]'),
        (["u", "v w", "x"], 1, '\n[u."v w"]\nx = 1\n'),
        (["top"], 1, "a.c.d = 0x1F\n"),
    ],
)
def test_toml_edits(path, value, wanted):
    changed = edit_toml.put(TOML, path, value)
    assert wanted in changed
    found = tomllib.loads(changed)
    for name in path:
        found = found[name]
    assert found == value
    assert edit_toml.remove(edit_toml.put(TOML, ["zz"], 1), ["zz"]) == TOML


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (["t"], "is a table"),
        (["a"], "is a table"),
        (["t", "inline", "k"], "is an inline table"),
        (["a", "b", "c"], "is a value"),
        (["p", "n"], "array of tables"),
        (["p", "q", "m"], "array of tables"),
    ],
)
def test_toml_refusals(path, why):
    with pytest.raises(NotEditable, match=why):
        edit_toml.put(TOML, path, 1)


def test_an_inline_table_can_be_read():
    assert edit_toml.get(TOML, ["t", "inline", "y", "z"]) == "w"


@pytest.mark.parametrize(
    "text", ["a", "a = ", "a = 1 2", "[a\n", 'a = "x', "a = [1", "[a]\n[a]\n", "a = {b = 1, b = 2}", 'a = "\\q"']
)
def test_what_is_not_toml(text):
    with pytest.raises(NotEditable, match="line "):
        edit_toml.get(text, ["x"])


@pytest.mark.parametrize(
    ("text", "path", "value", "wanted"),
    [
        ("a: 1 # c\n", ["a"], "#x", 'a: "#x" # c\n'),
        ("a:\t1\n", ["a"], 2, "a:\t2\n"),
        ("a:   'x'  \nb: 1\n", ["a"], "y", "a:   'y'  \nb: 1\n"),
        ("a: |\n  x\n\n# end\nb: 1\n", ["a"], "z", "a: z\n\n# end\nb: 1\n"),
        ("a: {}\nb: 1\n", ["a", "x"], 1, "a:\n  x: 1\nb: 1\n"),
        ("a:\n- x\n- y\nb: 1\n", ["a"], ["z"], "a:\n  - z\nb: 1\n"),
        (
            "a:\n  b: 1\n\n  # about c\n  c: 2\n\nd: 1\n",
            ["a", "new"],
            "x",
            "a:\n  b: 1\n\n  # about c\n  c: 2\n  new: x\n\nd: 1\n",
        ),
        ("---\na: 1\r\n", ["b"], 1, "---\na: 1\r\nb: 1\n"),
        ('"a b": x', ["a b"], 1, '"a b": 1'),
        ("url: http://x:80/#y\n", ["url"], "http://z", "url: http://z\n"),
        ("a: [1, {b: 'c,]'}]\n", ["a"], [2], "a: [2]\n"),
        ("a: ',&x'\n", ["a"], "z", "a: 'z'\n"),
        ("a: this ,&that\n", ["a"], "z", "a: z\n"),
        ("a: x # &y\n", ["a"], "z", "a: z # &y\n"),
        ('a: ["b,&c"]\n', ["a"], ["z"], 'a: ["z"]\n'),
        ("a: ['it''s ,&c']\n", ["a"], "z", "a: z\n"),
    ],
)
def test_yaml_edits(text, path, value, wanted):
    assert edit_yaml.put(text, path, value) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\n",
        "a: !!str 1\n",
        "a: x\n  y\n",
        "a: 1\n---\nb: 1\n",
        "\ta: 1\n",
        "- a\n",
        "{a: 1}\n",
        "a: 1\na: 2\n",
        "a:\n  b: &x 1\n",
        "a: [&x 1]\n",
        "a: {b: 'it''s', c: &x 1}\n",
        "%YAML 1.2\n---\na: 1\n",
        "? a\n: b\n",
        "a: [1\n",
        "a: 'x\n",
        "a: >\n  x\n",
    ],
)
def test_yaml_refusals(text):
    with pytest.raises(NotEditable):
        edit_yaml.put(text, ["a"], 5)


@pytest.mark.parametrize("word", ["0644", "22:22", "0x1f", "1_000", "2001-01-01", "y", ".inf"])
def test_spellings_that_yaml_versions_read_differently_are_written_anew(word):
    assert not dotted.same(edit_yaml.get(f"a: {word}\n", ["a"]), word)
    assert yaml.safe_load(edit_yaml.put(f"a: {word}\n", ["a"], word)) == {"a": word}


KEY = st.sampled_from(["x", "y", "long key", "z-z"])
INI_VALUE = st.text(st.sampled_from("ab =:%,/\"'"), min_size=1, max_size=8).map(str.strip).filter(bool)
INI_LINES = st.lists(
    st.one_of(
        st.tuples(KEY, st.sampled_from(["=", " = ", ": "]), INI_VALUE).map("".join),
        st.sampled_from(["", "# x = 1", "; note", "[a]", "[b]", "  indented"]),
    ),
    max_size=10,
)


@settings(max_examples=rounds(80, 2000), deadline=None)
@given(
    lines=INI_LINES,
    section=st.sampled_from([None, "a", "b", "new"]),
    key=KEY,
    values=st.lists(INI_VALUE, min_size=1, max_size=3),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_ini_is_as_wanted_and_other_lines_stay(lines, section, key, values, ending):
    text = "".join(line + ending for line in lines)
    try:
        changed = Editor(text, section, key).put_exactly(values)
    except NotEditable as error:
        if "several lines" not in error.message:
            raise
        return
    assert Editor(changed, section, key).values() == values
    others = [line for line in lines if not line.startswith(key)]
    kept = [line for line in changed.split(ending)[:-1] if not line.startswith(key)]
    while kept and len(kept) > len(others) and kept[-1] in ("", "[new]", "[a]", "[b]"):
        kept.pop()
    assert kept == others
    assert Editor(Editor(changed, section, key).remove(), section, key).values() == []


@settings(max_examples=rounds(80, 2000), deadline=None)
@given(
    old=st.sampled_from(["1", '"x y"', "'q'", '"a\\"b" # note', ""]),
    value=st.text(st.sampled_from("ab $`\"'\\#;&|é"), max_size=8),
)
def test_a_shell_reads_what_was_written(old, value):
    changed = Editor(f"B=0\nA={old}\n", None, "A", shell=True).put([value])
    assert Editor(changed, None, "A", shell=True).values() == [value]
    assert changed.startswith("B=0\n")
    assert ("# note" in changed) is ("note" in old)


def test_what_a_shell_expands_is_not_the_text():
    assert Editor('A="$B/x"\n', None, "A", shell=True).values() != ["$B/x"]
    assert Editor("A='$B/x'\n", None, "A", shell=True).values() == ["$B/x"]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/a/b.yml", "yaml"),
        ("/etc/default/x", "shell"),
        ("/etc/systemd/journald.conf", "ini"),
        ("/x/y.service", "ini"),
        ("/etc/nginx.conf", None),
    ],
)
def test_formats_by_name(path, wanted):
    assert formats.guess(path) == wanted


@pytest.mark.parametrize(
    ("key", "wanted"),
    [("a.b", ["a", "b"]), ('a."b.c".d', ["a", "b.c", "d"]), ("'x y'", ["x y"]), ("a b.c-d", ["a b", "c-d"])],
)
def test_dotted_keys(key, wanted):
    assert dotted.parts(key) == wanted


@pytest.mark.parametrize("key", ["", ".", "a.", ".a", "a..b", '"a', 'a"b'])
def test_what_is_no_dotted_key(key):
    with pytest.raises(ValueError, match="dotted"):
        dotted.parts(key)
