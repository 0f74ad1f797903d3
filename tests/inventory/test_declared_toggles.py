"""Toggles and shared paths as project files say them, and how a toggle is switched in its file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdconf.errors import InvalidFile
from cdconf.inventory import load_project, load_toggles
from cdconf.inventory.toggles_edit import switched
from cdconf.lint.examine import examine
from cdconf.yamlfile import loads
from tests.conftest import write

APP = "  shop: {{groups: [web], path: /srv/shop{more}}}\n"


def with_app(project, more="", **files):
    text = "project: demo\ngroups: {web: [base], db: [base]}\napps:\n" + APP.format(more=f", {more}" if more else "")
    write(project, {"cdconf.yml": text, **{name.replace("__", "/") + ".yml": one for name, one in files.items()}})
    return load_project(project)


TOGGLES = "toggles: {new: {doc: The new one, expires: 2027-01-31}, old: {doc: The old one, default: on}}"


def test_values_are_the_environments_and_else_the_defaults(project):
    loaded = with_app(project, TOGGLES, inventories__dev__toggles="# a\nshop:\n  new: on\n")
    values = load_toggles(loaded, "dev")["shop"]
    assert {name: (one.on, one.source, one.is_default) for name, one in values.items()} == {
        "new": (True, "inventories/dev/toggles.yml:3", False),
        "old": (True, "cdconf.yml:4", True),
    }
    assert loaded.apps["shop"].toggles_file == "/srv/shop/shared/toggles.json"


@pytest.mark.parametrize("text", ["", "# nothing\n", "shop:\n", "shop: ~\n", "shop: {}\n"])
def test_an_empty_file_leaves_the_defaults(project, text):
    values = load_toggles(with_app(project, TOGGLES, inventories__dev__toggles=text), "dev")["shop"]
    assert [one.on for one in values.values()] == [False, True]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("shop:\n  nwe: on\n", 2, "app 'shop' has no toggle 'nwe'"),
        ("shpo: {new: on}\n", 1, "unknown key 'shpo'"),
        ("shop:\n  new: yes\n", 2, "must be on or off, not 'yes'"),
        ("shop:\n  old: on\n  new: 1\n", 3, "must be on or off, not '1'"),
        ("shop:\n  new:\n", 2, "must be on or off, not nothing"),
        ("shop: [new]\n", 1, "must be a mapping"),
    ],
)
def test_a_wrong_toggles_file_is_an_error_of_lint_too(project, text, line, message):
    loaded = with_app(project, TOGGLES, inventories__dev__toggles=text)
    with pytest.raises(InvalidFile, match=message) as caught:
        load_toggles(loaded, "dev")
    assert (caught.value.file, caught.value.line) == ("inventories/dev/toggles.yml", line)
    assert str(caught.value) in map(str, examine(loaded)[0])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("toggles: {a: {}}", "has no 'doc'"),
        ("toggles: {a: {doc: x, default: maybe}}", "must be on or off, not 'maybe'"),
        ("toggles: {a: {doc: x, expires: 2027-02-30}}", "must be a day"),
        ("toggles: {a: {doc: x, expires: 20270203}}", "must be text"),
        ("toggles: {-a: {doc: x}}", "can't be a toggle's name"),
        ("toggles: {a: {doc: x, defualt: on}}", "unknown key 'defualt'"),
        ("toggles: [a]", "must be a mapping"),
        ("toggles_file: etc/x", "must be an absolute path"),
        ("toggles_file: /etc/../x", "must be an absolute path"),
        ("toggles_file: /srv/shop/current/toggles.json", "lies in a release"),
        ("toggles_reload: on", "must be true or false"),
        ("shared: [../x]", r"'\.\./x' isn't a path in a release"),
        ("shared: [/x]", "'/x' isn't a path in a release"),
        ("shared: [a/../../x]", "isn't a path in a release"),
        ("shared: ['']", "isn't a path in a release"),
        ("shared: [.]", "isn't a path in a release"),
        ("shared: [7]", "isn't a path in a release"),
        ("shared: [log, uploads, log/app]", "'log/app' lies in 'log', which is shared too"),
        ("shared: {directories: [log], files: [log]}", "'log' is shared twice"),
        ("shared: {dirs: [log]}", "unknown key 'dirs'"),
        ("shared: ", "must be a list of paths, not empty"),
    ],
)
def test_what_cant_be_declared_is_said_with_its_line(project, more, message):
    with pytest.raises(InvalidFile, match=message) as caught:
        with_app(project, more)
    assert (caught.value.file, caught.value.line) == ("cdconf.yml", 4)


def test_two_apps_cant_have_one_file(project):
    write(
        project,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base], db: [base]}
                apps:
                  a: {groups: [web], path: /srv/a, toggles: {x: {doc: x}}, toggles_file: /etc/t.json}
                  b: {groups: [web], path: /srv/b, toggles: {x: {doc: x}}, toggles_file: /etc//t.json}
            """
        },
    )
    with pytest.raises(InvalidFile, match="same toggles_file"):
        load_project(project)


def test_shared_is_a_list_of_directories_or_both_kinds(project):
    shared = with_app(project, "shared: [uploads, ./var//log/]").apps["shop"].shared
    assert (shared.directories, shared.files) == (("uploads", "var/log"), ())
    shared = with_app(project, "shared: {directories: log, files: [config/local.ini]}").apps["shop"].shared
    assert shared.paths == ("config/local.ini", "log")


def test_a_toggle_whose_day_has_come_is_a_warning(project):
    old = "toggles: {new: {doc: x, expires: 2020-01-31, owner: anna}, other: {doc: x, expires: 2999-01-01}}"
    found = [one for one in examine(with_app(project, old))[1] if one.rule == "expired_toggle"]
    assert [(one.line, "'new'" in one.message, "ask anna" in one.message) for one in found] == [(4, True, True)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# why\nshop:\n  new: off  # yet\n  old: on\n", "# why\nshop:\n  new: on  # yet\n  old: on\n"),
        ("shop:\n  new: false\n", "shop:\n  new: true\n"),
        ("shop:\n  new: 'off'\n", "shop:\n  new: on\n"),
        ("shop: {old: on, new: off} # x\n", "shop: {old: on, new: on} # x\n"),
        ("shop: {old: on}\n", "shop: {old: on, new: on}\n"),
        ("shop: {}\n", "shop: {new: on}\n"),
        ("{shop: {old: on}}\n", "{shop: {old: on, new: on}}\n"),
        ("{api: {x: on}}\n", "{api: {x: on}, shop: {new: on}}\n"),
        ("shop:\n    old: on  # z\n\n# end\n", "shop:\n    old: on  # z\n    new: on\n\n# end\n"),
        ("shop:\n  old: on", "shop:\n  old: on\n  new: on\n"),
        ("shop:\n  old: on\n\n# api\napi:\n  x: on\n", "shop:\n  old: on\n  new: on\n\n# api\napi:\n  x: on\n"),
        ("api:\n  x: on\n", "api:\n  x: on\nshop:\n  new: on\n"),
        ("shop:\napi:\n  x: on\n", "shop: {new: on}\napi:\n  x: on\n"),
        ("shop: ~  # x\n", "shop: {new: on}  # x\n"),
        ("# ü only a comment\n", "# ü only a comment\nshop:\n  new: on\n"),
        ("# ü, ß\nshop:\n  new: off\n", "# ü, ß\nshop:\n  new: on\n"),
        ("shop:\r\n  new: off\r\n", "shop:\r\n  new: on\r\n"),
    ],
)
def test_switching_changes_one_word_or_adds_one_line(before, after):
    assert switched(before, "shop", "new", True, "t.yml") == after


def test_a_new_file_says_what_it_is_for():
    text = switched("", "shop", "new", True, "t.yml")
    assert text.startswith("# ")
    assert loads(text, "t.yml") == {"shop": {"new": "on"}}


def test_what_an_alias_shares_isnt_changed():
    with pytest.raises(InvalidFile, match="can't be changed automatically here") as caught:
        switched("api: &a {new: off}\nshop: *a\n", "shop", "new", True, "t.yml")
    assert caught.value.line == 2


names = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
words = st.sampled_from(["on", "off", "true", "false", "'on'", '"off"'])
comments = st.sampled_from(["", "  # a: {b}", " # ü"])


values = st.dictionaries(names, st.tuples(words, comments), min_size=1)


@settings(deadline=None)
@given(st.dictionaries(names, values), names, names, st.booleans())
def test_switching_keeps_every_other_line(tree, app, name, on):
    lines = []
    for one, toggles in tree.items():
        lines += [f"{one}:", *(f"  {key}: {word}{comment}" for key, (word, comment) in toggles.items()), "", "# next"]
    text = "".join(f"{line}\n" for line in lines)
    result = switched(text, app, name, on, "t.yml").splitlines()
    if name in tree.get(app, {}):
        assert sum(a != b for a, b in zip(lines, result, strict=True)) <= 1
    elif lines:
        added = len(result) - len(lines)
        assert added == (1 if app in tree else 2)
        assert any(result[:at] + result[at + added :] == lines for at in range(len(result)))
