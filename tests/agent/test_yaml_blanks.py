"""A value that begins with a blank of Unicode's isn't read, and keeps no other key of its file from being edited."""

import pytest

from cdconf.agent.edit import edit_yaml
from cdconf.agent.edit.dotted import NotEditable


@pytest.mark.parametrize("blank", ["\xa0", "\v", "\u2003"])
def test_other_keys_are_edited_beside_a_value_with_such_a_blank(blank):
    text = f"name: {blank}shop\nport: 80\n"
    assert edit_yaml.get(text, ["port"]) == 80
    assert edit_yaml.put(text, ["port"], 81) == f"name: {blank}shop\nport: 81\n"
    with pytest.raises(NotEditable, match="line 1: 'name' is an anchor, a tag or text of several lines"):
        edit_yaml.put(text, ["name"], "other")
