"""A terminal obeys what it's shown: text from hosts must not be able to use that."""

from cdconf.events import HostDone, HostResult, NotAttempted, Notice, ResourceDone, RunResult
from cdconf.render.style import Style
from cdconf.render.words import error_lines, line_of, recap, shown

ESCAPES = "\x1b[1A\x1b[2K\x9bfine\r\tä"
SHOWN = "\\x1b[1A\\x1b[2K\\x9bfine\\x0d\tä"


def test_control_characters_from_hosts_are_shown_and_not_obeyed():
    assert line_of(HostDone("web1", "failed", f"the login said: {ESCAPES}"), Style()).endswith(f": {SHOWN}")
    changed = ResourceDone("web1", "file", "/etc/motd", "would_change", diff=f"-{ESCAPES}\n+fine\n")
    assert line_of(changed, Style(diff=True)).splitlines()[1:] == [f"    -{SHOWN}", "    +fine"]
    error = {"message": ESCAPES, "file": None, "line": None, "hint": ESCAPES}
    result = RunResult("plan", "dev", {}, exit_code=1, error=error, error_detail=ESCAPES.replace("\r", ""))
    assert error_lines(result) == [f"error: {SHOWN}", f"    {SHOWN}".replace("\\x0d", ""), f"  hint: {SHOWN}"]


def test_no_line_of_a_text_from_hosts_looks_like_one_of_ours():
    text = "web2: no\nerror: web1: it's theirs"
    for event in (Notice(text), Notice(text, warning=True), HostDone("web2", "failed", text)):
        assert not any(line.startswith("error") for line in line_of(event, Style()).splitlines())


def test_what_no_encoding_has_is_shown():
    assert shown("a\ud800b ä") == "a\\ud800b ä"
    assert shown("plain") == "plain"


def test_what_was_not_attempted_is_counted_and_named():
    left = tuple(("file", f"/etc/{number}", None) for number in range(22))
    line = line_of(NotAttempted("web1", left), Style())
    assert line.startswith("- web1: not attempted (22): file /etc/0, file /etc/1, ")
    assert line.endswith("file /etc/19 and 2 more, which -v names")
    assert line_of(NotAttempted("web1", left), Style(verbose=True)).endswith("file /etc/21")
    assert line_of(NotAttempted("web1", left[:1], checked=True), Style()) == "- web1: not looked at (1): file /etc/0"
    assert recap(RunResult("provision", "dev", {"web1": HostResult("failed", failed=1, not_attempted=left)})) == [
        "web1  ok=0 changed=0 failed=1 not_attempted=22"
    ]


def test_a_finding_ends_with_the_way_to_mend_it():
    found = ResourceDone("web1", "file", "/etc/a", "would_change", message="'/etc/a' is a directory", repair="`mv it`")
    text = "~ web1: file /etc/a: would change: '/etc/a' is a directory\n    to fix it: `mv it`"
    assert line_of(found, Style()) == text
