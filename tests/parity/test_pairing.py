"""Which hosts are compared with which: whatever their number and order, nothing unexplained goes by."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cdconf.parity.model import ParityFinding, ParitySide, Portrait, Setting
from cdconf.parity.pairing import Pairing

SHAPES = st.lists(st.integers(0, 3), min_size=1, max_size=5)


def portraits(environment: str, shapes: Sequence[int]) -> list[Portrait]:
    return [
        Portrait(environment, f"web{place}", ("web",), settings={"shape": Setting(shape, shape, "x:1")})
        for place, shape in enumerate(shapes, start=1)
    ]


def between(mine: Portrait, other: Portrait) -> list[ParityFinding]:
    values = (mine.settings["shape"].value, other.settings["shape"].value)
    if values[0] == values[1]:
        return []
    sides = [ParitySide((one.host,), value) for one, value in zip((mine, other), values, strict=True)]
    return [ParityFinding("variable", "shape", "web", sides[0], sides[1], "unexplained")] * abs(values[0] - values[1])


def pairing(ours, theirs):
    return Pairing(portraits("staging", ours), portraits("production", theirs), between)


@given(SHAPES, SHAPES)
def test_hosts_are_alike_exactly_when_both_sides_have_the_same_shapes(ours, theirs):
    assert (not list(pairing(ours, theirs).findings())) == (set(ours) == set(theirs))


@given(SHAPES, SHAPES)
def test_every_host_of_both_sides_has_a_counterpart(ours, theirs):
    pairs = pairing(ours, theirs).pairs()
    assert {one for one, _ in pairs} == {f"web{place}" for place in range(1, len(ours) + 1)}
    assert {one for _, one in pairs} == {f"web{place}" for place in range(1, len(theirs) + 1)}


@given(SHAPES, SHAPES)
def test_the_counterpart_is_the_nearest(ours, theirs):
    found = pairing(ours, theirs)
    told = {(one.ours.hosts, one.theirs.hosts): one for one in found.findings()}
    for place, shape in enumerate(ours, start=1):
        if shape not in theirs:
            mine = [key for key in told if key[0] == (f"web{place}",)]
            nearest = min(abs(shape - other) for other in theirs)
            assert min(abs(told[key].ours.value - told[key].theirs.value) for key in mine) == nearest


@given(SHAPES)
def test_the_same_name_comes_first(shapes):
    assert set(pairing(shapes, shapes).pairs()) == {(f"web{place}",) * 2 for place in range(1, len(shapes) + 1)}


def test_a_side_without_hosts_is_compared_with_nothing():
    assert pairing([], [1]).pairs() == []


def test_a_thousand_like_hosts_take_a_thousand_comparisons():
    count = 0

    def counted(mine, other):
        nonlocal count
        count += 1
        return between(mine, other)

    list(Pairing(portraits("a", [1] * 1000), portraits("b", [1] * 700), counted).findings())
    assert count <= 1700
