"""A schedule's line in a crontab: other lines stay as they are."""

import shlex
import subprocess

import pytest

from cdconf.errors import CdconfError
from cdconf.schedules import crontab

OTHERS = [
    "",
    "MAILTO=ops@example.com\n",
    "# a comment\n\n5 4 * * *  /bin/x %y\n",
    "no line end",
    "\r\nodd\r\n",
    "\t \n\n\n",
]


def line(key="0123456789ab", command=("/bin/echo", "x")):
    return crontab.line("*/5 * * * *", command, "drift of dev", key)


@pytest.mark.parametrize("others", OTHERS)
def test_other_lines_stay_as_they_are(others):
    first = crontab.with_line(others, "0123456789ab", line())
    ended = others if others.endswith("\n") or not others else f"{others}\n"
    assert first == f"{ended}{line()}\n"
    assert crontab.with_line(first, "0123456789ab", line()) == first
    assert crontab.with_line(first, "0123456789ab", None) == ended


def test_a_line_is_replaced_where_it_stands():
    text = f"a\n{line()}\nb\n{line('ffffffffffff')}\n"
    new = line(command=("/bin/true",))
    assert crontab.with_line(text, "0123456789ab", new) == text.replace(line(), new)


def test_a_line_that_was_made_a_comment_is_not_there():
    assert crontab.has_line(f"{line()}\n", "0123456789ab")
    assert not crontab.has_line(f"#{line()}\n", "0123456789ab")
    assert not crontab.has_line(f"{line()}\n", "ffffffffffff")


def test_the_shell_gets_the_words_as_they_are(tmp_path):
    words = ["printf", "%s|", "100%", "a b", "it's", "$HOME", "#x"]
    text = line(command=words)
    assert "%" not in text.replace("\\%", ""), "cron ends a command at a percent sign"
    command = text.split(" ", 5)[5].replace("\\%", "%")
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "100%|a b|it's|$HOME|#x|"
    assert shlex.split(command, comments=True) == words


def test_what_cron_cannot_read_is_refused():
    with pytest.raises(CdconfError, match="990"):
        line(command=("/bin/echo", "x" * 1000))
    with pytest.raises(CdconfError, match="line break"):
        line(command=("/bin/echo", "a\nb"))
