import pytest

from cdconf.errors import InvalidFile
from cdconf.yamlfile import check_keys, loads


def test_words_that_yaml_1_1_would_change_stay_text():
    assert dict(loads("a: on\nb: 22:22\nc: 2024-01-01\nd: no\n", "f")) == {
        "a": "on",
        "b": "22:22",
        "c": "2024-01-01",
        "d": "no",
    }


def test_values_know_their_lines():
    top = loads("a: 1\nb:\n  - x\n  - y\n", "f")
    assert top.lines == {"a": 1, "b": 2}
    assert top["b"].lines == [3, 4]


BRACES = 'a value that begins with {{ must be quoted: "{{ … }}"'


def test_tabs_in_texts_and_comments_stay():
    text = "a: 'x\ty'  #\tcomment\nb: |\n  x:\ty\n  \tz\nc: # d:\te\n  - x\ty\n"
    assert dict(loads(text, "f")) == {"a": "x\ty", "b": "x:\ty\n\tz\n", "c": ["x\ty"]}


def test_an_alias_repeats_its_anchor_with_the_anchor_s_lines():
    top = loads("a: &a {x: 1}\nb: [*a, *a]\n", "f")
    assert top["b"] == [{"x": 1}, {"x": 1}]
    assert top["b"][0].where("x") == ("f", 1)


def test_nested_aliases_that_stand_for_billions_of_values_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(InvalidFile, match="stand for more than 10000 values") as caught:
        loads("\n".join(lines), "f")
    assert caught.value.line


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("a: 1.20", 1, "would be read as the number 1.2", 'quote it: "1.20"'),
        ("mode: 0644", 1, "leading zero", 'quote it: "0644"'),
        ("a: 1\na: 2", 2, "twice", None),
        ("a:\n\t- b", 2, "a tab", "use spaces"),
        ("- a", 1, "must be a mapping", None),
        ("a: !!python/object x", 1, "tag", None),
        ("b: &b {c: 1}\na:\n  <<: *b", 3, "merge keys", "write the keys out, or use a variable"),
        ("a: [", 2, "isn't YAML", None),
        ("a: &x [*x]", 1, "contain itself", None),
        ("1: 2", 1, "a key must be text", "quote it"),
        ("a: 1\nmode: {{ x }}", 2, "a key must be text", BRACES),
        ("a: 1\nmode: {{ x }}/y", 2, "isn't YAML", BRACES),
        ("b: {{ x == 'y' }}z", 1, "isn't YAML", BRACES),
        ("ä: ö\nmode:\t'0640'", 2, "a tab", "use spaces"),
        ("a:\n-\tb: 1\n\tc: 2", 2, "a tab", "use spaces"),
        ("a:\n-\tb", 2, "a tab", "use spaces"),
        ("a:\n- b\n-\tc", 3, "a tab", "use spaces"),
        ("a: {b:\t1}", 1, "a tab", "use spaces"),
        ("a: [\n\tb]", 2, "a tab", "use spaces"),
        ("a: [b,\n\tc]", 2, "a tab", "use spaces"),
    ],
)
def test_what_would_surprise_is_one_clear_error(text, line, message, hint):
    with pytest.raises(InvalidFile) as caught:
        loads(text, "roles/x/role.yml")
    assert (caught.value.file, caught.value.line, caught.value.hint) == ("roles/x/role.yml", line, hint)
    assert message in caught.value.message


def test_an_unknown_key_names_the_known_one():
    with pytest.raises(InvalidFile) as caught:
        check_keys(loads("a: 1\nmodes: 2\n", "f"), ["a", "mode"], "file '/x'")
    assert str(caught.value) == "f:2: unknown key 'modes' in file '/x'"
    assert caught.value.hint == "did you mean 'mode'?"
