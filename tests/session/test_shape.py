"""What hosts say is fitted into what's declared, or refused with its place."""

import contextlib
from typing import Annotated, Literal, NotRequired, TypedDict

import pytest

from cdconf.agent.records.shapes import Misfit
from cdconf.session.answers import ANSWERS, EVENTS
from cdconf.session.typed import Count, Digest, Long, Most, Plain, Time, Version, fitted


class Inner(TypedDict):
    name: str
    kind: NotRequired[Literal["a", "b"]]


class Outer(TypedDict):
    inner: Inner
    more: NotRequired[list[Inner]]


DEEP = []
for _ in range(100):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [
        (str, 5, "it is a number, not a text"),
        (str, "x" * 70_000, "it is one of 70000, not a text of at most"),
        (Annotated[str, Most(3)], "four", "not a text of at most 3"),
        (Digest, "../" * 21 + "x", "not a text like"),
        (Version, "1.0 --to production; reboot", "not a text like"),
        (bool, 1, "not true or false"),
        (int, True, "not a number"),
        (int, 1.5, "not a whole number"),
        (float, float("nan"), "not a number"),
        (float, 1 << 80, "not a number"),
        (Count, -1, "not a number from 0"),
        (Time, 1e300, "not a number"),
        (bytes, "text", "not bytes"),
        (list[str], {"a": 1}, "not a list"),
        (list[str], ["a", 1], "'1' is a number, not a text"),
        (Annotated[list[str], Most(1)], ["a", "b"], "not a list of at most 1"),
        (tuple[str, int], ["a"], "not a list of 2"),
        (dict[str, int], [], "not an object"),
        (Outer, {"inner": {}}, "'inner.name' is missing"),
        (Outer, {"inner": {"name": "x", "kind": "c"}}, "'inner.kind' is another one, not 'a' or 'b'"),
        (Outer, {"inner": {"name": "x"}, "more": [{"name": None}]}, "'more.0.name' is null, not a text"),
        (Plain, {"a": float("inf")}, "'a' is not finite"),
        (Plain, DEEP, "nested deeper"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(kind, value, place):
    with pytest.raises(Misfit) as caught:
        fitted(kind, value)
    assert place in caught.value.text()


def test_what_is_not_declared_is_dropped():
    assert fitted(Outer, {"inner": {"name": "x", "evil": 1}, "evil": DEEP}) == {"inner": {"name": "x"}}
    assert fitted(None, {"anything": 1}) is None
    assert fitted(Inner | None, None) is None


def test_texts_can_be_stored_and_shown_wherever_they_go():
    assert fitted(str, "a\0b\ud800\udc80") == "a\\x00b\\ud800\\udc80"
    assert fitted(Plain, {"k\0": ["\udcff"]}) == {"k\\x00": ["\\udcff"]}
    assert fitted(Long, "ä" * 100_000) == "ä" * 100_000


@pytest.mark.parametrize("kind", [*ANSWERS.values(), *EVENTS.values()])
def test_each_declared_type_can_be_checked(kind):
    for value in (None, 5, [], "x", [[]], {"a": {}}):
        with contextlib.suppress(Misfit):
            fitted(kind, value)
