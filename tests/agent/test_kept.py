"""What a host keeps of a resource: enough to observe it by itself, and nothing of a secret but a MAC."""

import pytest

from cdconf.agent import wire
from cdconf.agent.converge import compare, type_agents
from cdconf.agent.converge.apply import observe
from cdconf.agent.errors import Failed
from cdconf.agent.records import kept

KEY = b"k" * 32


def resource(kind, title, *, sensitive=False, plain=(), absent=False, **fields):
    about = {"id": f"{kind}:{title}", "type": kind, "title": title, "role": "r", "source": "r:1"}
    return about | {
        "fields": fields,
        "absent": absent,
        "sensitive": sensitive,
        "identity": [next(iter(fields))],
        **({"plain": list(plain)} if sensitive else {}),
    }


def again(one, compared, needed=()):
    """The resource as its host remembers it, after it was written down and read."""
    entry = {"version": kept.VERSION, "kept": kept.keep(one, KEY, needed), "macs": dict.fromkeys(compared, "")}
    entry |= {"type": one["type"], "title": one["title"], "sensitive": one["sensitive"]}
    return kept.resource(one["id"], wire.loads(wire.dumps(entry)) | ({"absent": True} if one["absent"] else {}), KEY)


def differing(one, compared, needed=()):
    before = again(one, compared, needed)
    (observed,) = observe(type_agents.agent_of(one["type"]), [before])
    if isinstance(observed, Failed):
        return observed
    return sorted(compare.difference(before, observed, before["compare"]))


@pytest.mark.parametrize("content", ["short\n", "long\n" * 100, b"\0\xff" * 300, b"\0text\n" * 60])
@pytest.mark.parametrize("sensitive", [False, True])
def test_a_file_is_compared_without_its_content(tmp_path, content, sensitive):
    path = tmp_path / "a"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o640)
    one = resource("file", str(path), sensitive=sensitive, path=str(path), content=content, mode="0640")
    assert differing(one, ("content", "mode")) == []
    path.chmod(0o600)
    assert differing(one, ("content", "mode")) == ["mode"]
    path.write_text("other")
    assert differing(one, ("content", "mode")) == ["content", "mode"]


def test_nothing_of_a_secret_is_kept_but_its_mac():
    secret = "correct horse battery staple"
    one = resource("file", "/a", sensitive=True, path="/a", content=f"password={secret}\n", mode="0600")
    text = wire.dumps(kept.keep(one, KEY, ()))
    assert b"horse" not in text
    assert b"0600" in text


def test_what_is_secret_of_a_resource_does_not_hide_the_rest():
    one = resource(
        *("user", "bob"), sensitive=True, plain=["shell"], name="bob", shell="/bin/sh", password_hash="$6$secret"
    )
    found = kept.keep(one, KEY, ())
    assert (found["name"], found["shell"]) == ("bob", "/bin/sh")
    assert "$6$" not in str(found)


def test_a_line_with_a_secret_is_found_by_its_mac(tmp_path):
    path = tmp_path / "conf"
    path.write_text("a=1\ntoken=abc\n")
    one = resource(
        "line", str(path), sensitive=True, plain=["match"], path=str(path), text="token=abc", match="^token="
    )
    assert differing(one, ("text",)) == []
    path.write_text("a=1\ntoken=other\n")
    assert differing(one, ("text",)) == ["text"]
    path.write_text("a=1\n")
    assert differing(one, ("text",)) == ["exists", "text"]


def test_a_setting_with_a_secret_is_found_by_its_mac(tmp_path):
    path = tmp_path / "a.ini"
    path.write_text("[s]\nk = abc\n")
    fields = {"path": str(path), "section": "s", "key": "k", "value": "abc"}
    one = resource("setting", str(path), sensitive=True, plain=["section", "key"], **fields)
    assert differing(one, ("value",)) == []
    path.write_text("[s]\nk = abd\n")
    assert differing(one, ("value",)) == ["value"]


def test_a_copied_directory_is_compared_by_the_macs_of_its_files(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").write_text("x" * 500)
    (tmp_path / "d/a").chmod(0o644)
    tree = {"a": {"data": "x" * 500, "executable": False}}
    one = resource("directory", str(tmp_path / "d"), path=str(tmp_path / "d"), source=[], tree=tree)
    assert differing(one, ("source",)) == []
    (tmp_path / "d/a").write_text("y" * 500)
    assert differing(one, ("source",)) == ["source"]


def test_a_block_is_observed_by_its_text(tmp_path):
    path = tmp_path / "conf"
    text = "line\n" * 100
    path.write_text(f"# BEGIN cdconf b\n{text}# END cdconf b\n")
    one = resource("block", "b", name="b", path=str(path), text=text, comment="#")
    assert differing(one, ("text", "comment"), type_agents.agent_of("block").NEEDED) == []
    path.write_text("# BEGIN cdconf b\nother\n# END cdconf b\n")
    assert differing(one, ("text", "comment"), type_agents.agent_of("block").NEEDED) == ["text"]


def test_what_needs_the_secret_itself_is_said_to_be_unknowable(tmp_path):
    path = tmp_path / "conf"
    path.write_text("# BEGIN cdconf b\nx\n# END cdconf b\n")
    one = resource("block", "b", sensitive=True, plain=["name", "path"], name="b", path=str(path), text="x\n")
    assert isinstance(differing(one, ("text",)), kept.Unknowable)


def test_what_was_removed_is_remembered_as_gone(tmp_path):
    one = resource("file", str(tmp_path / "gone"), absent=True, path=str(tmp_path / "gone"))
    assert differing(one, ()) == []
    (tmp_path / "gone").touch()
    assert differing(one, ()) == ["exists"]


def test_what_would_be_too_much_is_not_kept():
    paths = [f"/a/very/long/path/{number:05}" for number in range(5000)]
    one = resource("directory", "/d", path="/d", purge=[], managed={"paths": paths, "trees": []})
    assert kept.keep(one, KEY, ()) is None


@pytest.mark.parametrize(
    "use",
    [str, len, list, hash, int, "{}".format, lambda one: one + "x", lambda one: "x" + one, lambda one: one.split()],
)
def test_nothing_but_a_comparison_can_be_done_with_a_withheld_value(use):
    value = kept.Withheld(KEY, kept.mac_of(KEY, ["x"]), list, 1)
    assert value == ["x"]
    assert value != ["y"]
    with pytest.raises((kept.Unknowable, TypeError)):
        use(value)
