"""A terminal obeys what it's shown: text from hosts must not be able to use that."""

from cdconf.events import HostDone, ResourceDone, RunResult
from cdconf.render.renderer import Style
from cdconf.render.words import error_lines, line_of, shown

ESCAPES = "\x1b[1A\x1b[2K\x9bfine\r\tä"
SHOWN = "\\x1b[1A\\x1b[2K\\x9bfine\\x0d\tä"


def test_control_characters_from_hosts_are_shown_and_not_obeyed():
    assert line_of(HostDone("web1", "failed", f"the login said: {ESCAPES}"), Style()).endswith(f": {SHOWN}")
    changed = ResourceDone("web1", "file", "/etc/motd", "would_change", diff=f"-{ESCAPES}\n+fine\n")
    assert line_of(changed, Style(diff=True)).splitlines()[1:] == [f"    -{SHOWN}", "    +fine"]
    error = {"message": ESCAPES, "file": None, "line": None, "hint": ESCAPES}
    result = RunResult("plan", "dev", {}, exit_code=1, error=error, error_detail=ESCAPES.replace("\r", ""))
    assert error_lines(result) == [f"error: {SHOWN}", f"    {SHOWN}".replace("\\x0d", ""), f"  hint: {SHOWN}"]


def test_what_no_encoding_has_is_shown():
    assert shown("a\ud800b ä") == "a\\ud800b ä"
    assert shown("plain") == "plain"
