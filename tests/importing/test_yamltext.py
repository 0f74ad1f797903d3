from hypothesis import given, settings
from hypothesis import strategies as st

from cdconf.importing.yamltext import dump, flow, same, writable
from cdconf.yamlfile import loads
from tests.rounds import rounds

# What YAML can hold: no surrogates; control characters are escaped, so they're welcome.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "on",
        "No",
        "~",
        "1e5",
        "0644",
        "08",
        "1_000",
        "22:22",
        "2024-01-01",
        ".5",
        "-",
        "- a",
        "{{ x }}",
        "<<",
        "=",
        "a\n b\n\n",
    ]
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False).map(writable) | texts
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=15
)


@settings(max_examples=rounds(100, 3000), deadline=None)
@given(st.dictionaries(texts, values, max_size=5))
def test_what_is_written_is_read_as_the_very_same(data):
    assert same(loads(dump(data), "f"), data)
    assert same(loads(f"value: {flow(data)}", "f"), {"value": data})


def test_true_is_not_one():
    assert not same({"a": [True]}, {"a": [1]})
    assert not same(1, 1.0)
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_numbers_that_yaml_cannot_hold_become_expressions():
    assert [writable(value) for value in (1.5, 1.5e-7, 1e16, 5e-324)] == [1.5, 1.5e-7, "{{ 1e+16 }}", "{{ 5e-324 }}"]
