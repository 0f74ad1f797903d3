"""What an agent's errors mean."""

import pytest

from cdconf.errors import first_line
from cdconf.session.agent_errors import error_of


@pytest.mark.parametrize("kind", ["failed", "lease_held", "lease_lost"])
def test_an_error_without_a_reason_says_that_there_is_none(kind):
    assert error_of({"kind": kind, "message": ""}, "web1").message == "it gives no reason"


@pytest.mark.parametrize(("text", "line"), [("", ""), ("\n", ""), ("a\nb", "a"), ("a", "a")])
def test_the_first_line_of_nothing_is_nothing(text, line):
    assert first_line(text) == line
