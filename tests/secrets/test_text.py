"""secrets.yml is changed where it must be, and every other character stays."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.secrets.edit import edited
from tests.conftest import cdconf
from tests.secrets.test_edit import keyed, store

__all__ = ["keyed"]

TEXT = """\
# Who may read these: recipients.txt. Ask ops for more.

# the mail relay's; rotated each March
mail: age:aaa  # by hand

zebra: 'age:zzz'
# the end
"""


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"mail": "age:new"}, TEXT.replace("age:aaa", "age:new")),
        ({"zebra": "age:new"}, TEXT.replace("'age:zzz'", "age:new")),
        ({"mail": "age:1", "zebra": "age:2"}, TEXT.replace("age:aaa", "age:1").replace("'age:zzz'", "age:2")),
        ({"mail": None}, TEXT.replace("mail: age:aaa  # by hand\n", "")),
        ({"nosuch": None}, TEXT),
        ({"next": "age:new"}, TEXT.replace("# by hand\n", "# by hand\nnext: age:new\n")),
        ({"a": "age:new"}, TEXT.replace("'age:zzz'\n", "'age:zzz'\na: age:new\n")),
        (
            {"mail": None, "zebra": None},
            TEXT.replace("mail: age:aaa  # by hand\n", "").replace("zebra: 'age:zzz'\n", ""),
        ),
    ],
)
def test_only_what_changes_changes(changes, wanted):
    assert edited(TEXT, changes, "secrets.yml") == wanted


@pytest.mark.parametrize(
    ("text", "changes", "wanted"),
    [
        ("", {"a": "age:1"}, "a: age:1\n"),
        ("# nothing yet\n", {"a": "age:1"}, "# nothing yet\na: age:1\n"),
        ("b: age:1\n", {"a": "age:2"}, "a: age:2\nb: age:1\n"),
        ("# x\na: age:1\nb: age:2\n", {"a": None, "b": None}, "# x\n"),
        ("a: age:1", {"b": "age:2"}, "a: age:1\nb: age:2\n"),
        ("a: age:1\r\nb: age:2\r\n", {"a": "age:3"}, "a: age:3\r\nb: age:2\r\n"),
        ("ä: age:1 # Wört\nb: age:2\n", {"b": "age:3"}, "ä: age:1 # Wört\nb: age:3\n"),
        ("a: |\n  age:1\n\n# of b\nb: age:2\n", {"a": "age:3"}, "a: age:3\n\n# of b\nb: age:2\n"),
        ("a: >-\n  age:1\nb: age:2\n", {"a": None}, "b: age:2\n"),
        ("---\na: age:1\n...\n", {"b": "age:2"}, "---\na: age:1\nb: age:2\n...\n"),
        ("{a: age:1, b: 'age:2'}\n", {"b": "age:3"}, "{a: age:1, b: age:3}\n"),
    ],
)
def test_however_it_is_written(text, changes, wanted):
    assert edited(text, changes, "secrets.yml") == wanted


def test_what_cannot_be_changed_safely_is_refused():
    with pytest.raises(InvalidFile, match="can't be changed automatically here: other values share its text"):
        edited("{a: age:1, b: age:2}\n", {"a": None}, "secrets.yml")


def test_set_and_rekey_keep_comments_and_what_others_have_set_meanwhile(keyed):
    path = keyed / "inventories/dev/secrets.yml"
    path.write_text("# of production, too\n" + path.read_text().replace("token:", "# the API's\ntoken:"))
    first, second = store(keyed), store(keyed)
    first.set("one", "the first")
    second.set("two", "the second")
    assert store(keyed).names() == ["motto", "one", "token", "two"]
    result = cdconf(keyed, "secret", "rekey", "dev")
    assert result.returncode == 0, result.stderr
    text = path.read_text()
    assert text.startswith("# of production, too\nmotto: age:")
    assert "\n# the API's\ntoken: age:" in text
    assert store(keyed).get("token") == "old: value"
