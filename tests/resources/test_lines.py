from hypothesis import given, settings
from hypothesis import strategies as st

from cdconf.agent.edit.lines import FileLines
from cdconf.resources.block import agent as block
from cdconf.resources.line import agent as line

TEXT = st.text(st.sampled_from("ab#= \r\n\x0b\x85é"), max_size=40).filter(lambda text: not text.endswith("\r"))
LINE = st.text(st.sampled_from("ab#= é"), min_size=1, max_size=6)


@given(TEXT)
def test_text_comes_back_byte_for_byte(text):
    assert FileLines(text).text() == text


def settled(module, path, fields):
    """Applies until the type sees what it wants, which must take one go."""
    state = module.observe(fields)
    if state is None or any(state[name] != fields[name] for name in state if name in fields):
        module.apply(fields, {})
    state = module.observe(fields)
    assert state is not None
    assert state["text"] == fields["text"]
    return path.read_bytes().decode()


@settings(max_examples=60)
@given(before=TEXT, wanted=LINE, match=st.sampled_from([None, "a", "^#", "=", "^b"]), every=st.booleans())
def test_one_change_is_enough_and_others_stay(tmp_path_factory, before, wanted, match, every):
    path = tmp_path_factory.mktemp("line") / "f"
    path.write_bytes(before.encode())
    fields = {"path": str(path), "text": wanted, **({"match": match, "all": every} if match else {"exact": wanted})}
    old, new = FileLines(before).all(), FileLines(settled(line, path, fields)).all()
    assert wanted in new
    rest = [one for one in old if one != wanted and not (match and line.re.search(match, one))]
    assert [one for one in new if one in rest] == rest
    assert len(new) - len(old) in (0, 1)


@settings(max_examples=60)
@given(
    before=TEXT,
    wanted=st.lists(st.builds(str.__add__, LINE, st.sampled_from(["\n", "\r\n"])), max_size=3),
    comment=st.sampled_from(["#", "<!--", "/*", "//"]),
)
def test_a_block_comes_and_goes_without_a_trace(tmp_path_factory, before, wanted, comment):
    path = tmp_path_factory.mktemp("block") / "f"
    path.write_bytes(before.encode())
    fields = {"path": str(path), "name": "a name", "text": "".join(wanted), "comment": comment}
    assert settled(block, path, fields).startswith(before)
    block.apply(fields, {"exists": (True, False)})
    left = path.read_bytes().decode()
    assert left == before or left in (before + "\n", before + "\r\n")
