"""A mapping of a project file, read by its table of keys."""

import pytest

from cdconf.authoring.schemas.keyed import value as schema_of
from cdconf.errors import InvalidFile
from cdconf.inventory import keys
from cdconf.inventory.key import Key
from cdconf.inventory.require_keys import REQUIRE
from cdconf.inventory.section import Section, fits
from cdconf.yamlfile import loads

INNER = {"a": Key("text", "A."), "b": Key("text", "B.")}
TABLE = {
    "name": Key(
        "text", "A name.", required=True, pattern="^[a-z]+$", refusal="{shown} is no name of {what}", hint="abc"
    ),
    "kind": Key("text", "One of two.", default="small", choices=("small", "large")),
    "count": Key("integer", "How many.", default=3),
    "on": Key("switch", "Whether.", default="off"),
    "is": Key("boolean", "Whether it is.", default=False),
    "wait": Key("duration", "How long.", default="2m"),
    "room": Key("size", "How much."),
    "members": Key("names", "Who.", default=["x"]),
    "free": Key("map", "Names.", member=Key("integer", "One.")),
    "list": Key("list", "Some.", member=Key("any", "One.")),
    "inner": Key("map", "More.", keys=INNER, any_of=("a", "b")),
    "bare": Key("text", "No default."),
}


def section(text):
    return Section(loads(text, "file.yml"), TABLE, "thing 'x'")


def test_what_is_not_given_comes_as_the_tables_default():
    found = section("name: x")
    assert found.only(*TABLE.keys() - {"name", "inner"}) == {
        "kind": "small",
        "count": 3,
        "on": False,
        "is": False,
        "wait": 120.0,
        "room": None,
        "members": ("x",),
        "free": {},
        "list": [],
        "bare": None,
    }
    assert found.get("kind", "medium") == "medium", "the reader's own default"


def test_values_come_as_the_table_says():
    found = section("{name: x, kind: large, on: on, wait: 1h, room: 2kB, members: y, free: {a: 1}, inner: {a: b}}")
    assert found.only("kind", "on", "wait", "room", "members") == {
        "kind": "large",
        "on": True,
        "wait": 3600.0,
        "room": 2000,
        "members": ("y",),
    }
    assert found.section("inner")["a"] == "b"
    assert ("kind" in found, "count" in found) == (True, False)


@pytest.mark.parametrize(
    ("text", "key", "message", "hint"),
    [
        ("{}", "name", "thing 'x' has no 'name'", None),
        ("name: 1", "name", "'name' in thing 'x' must be text, not a whole number", 'quote it: "1"'),
        ("name: X", "name", "'X' is no name of thing 'x'", "abc"),
        ('name: "x\\n"', "name", r"'x\n' is no name of thing 'x'", "abc"),
        ("kind: smal", "kind", "unknown kind 'smal' in thing 'x'", "did you mean 'small'?"),
        ("on: 1", "on", "'on' in thing 'x' must be on or off, not '1'", None),
        ("wait: soon", "wait", "'wait' in thing 'x' must be a duration", "such as 30s, 5m or 2h"),
        ("members: [1]", "members", "'members' in thing 'x' must be a list of names, not a list", None),
        ("inner: 1", "inner", "'inner' in thing 'x' must be a mapping, not a whole number", None),
        ("inner: {}", "inner", "inner of thing 'x' needs at least one of a, b", None),
        ("inner: {c: 1}", "inner", "unknown key 'c' in inner of thing 'x'", None),
    ],
)
def test_what_the_table_does_not_allow_is_an_error_with_its_line(text, key, message, hint):
    found = section(text)
    with pytest.raises(InvalidFile) as caught:
        found.section(key) if key == "inner" else found[key]
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert (caught.value.file, caught.value.line) == ("file.yml", 1)


def test_a_key_that_is_not_in_the_table_is_an_error_at_once():
    with pytest.raises(InvalidFile, match="unknown key 'nmae' in thing 'x'") as caught:
        section("nmae: x")
    assert caught.value.hint == "did you mean 'name'?"


def all_keys(table):
    for name, one in table.items():
        yield name, one
        for inner in (one.keys, one.member and one.member.keys):
            yield from all_keys(inner or {})


@pytest.mark.parametrize("table", [keys.CDCONF, keys.HOSTS])
def test_defaults_of_the_tables_are_values_that_the_tables_allow(table):
    for name, one in all_keys(table):
        if one.default is None:
            continue
        assert not one.choices or one.default in one.choices, name
        assert not one.pattern or fits(one, one.default), name
        assert one.kind == "list" or Section(loads("{}", "f"), {name: one}, "x")[name] is not None
        assert schema_of(one)["default"] == one.default


@pytest.mark.parametrize("table", [keys.CDCONF, keys.HOSTS, REQUIRE])
def test_every_refusal_can_be_filled(table):
    found = [one for _, one in all_keys(table) if one.refusal]
    assert found
    for one in found:
        assert "{" not in one.refusal.format(key="k", value="v", shown="'v'", what="w")
