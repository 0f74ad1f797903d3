"""Lines of hosts' output that don't end, and output of which only the end is kept."""

import pytest

from cdconf.cli.show import host_output
from cdconf.cli.show.host_output import LINE, KeptOutput, Splitter
from cdconf.secrets import Mask

SECRET = "correct-horse-battery-staple"


@pytest.mark.parametrize("before", range(LINE - len(SECRET), LINE + 1, 3))
def test_a_secret_at_the_end_of_a_piece_of_a_line_is_masked(before):
    lines, mask = [], Mask()
    mask.add(SECRET)
    splitter = Splitter(lambda line, error: lines.append(mask(line)))
    splitter("out", b"x" * before + SECRET.encode() + b"y" * 100)
    splitter("out", b"\n")
    splitter.close()
    assert [line.endswith("…") for line in lines] == [True, False]
    assert not any(part in "".join(lines) for part in (SECRET[:5], SECRET[-5:]))


def test_a_secret_at_the_beginning_of_what_is_kept_is_masked(monkeypatch):
    monkeypatch.setattr(host_output, "KEPT", 40)
    kept, mask = KeptOutput(), Mask()
    mask.add(SECRET)
    kept("out", b"x" * 100 + SECRET.encode())
    assert kept.text("out") == f"…{'x' * 12}{SECRET}"
    kept("out", b"y" * 30)
    assert mask(kept.text("out")) == "…***" + "y" * 30
    kept("err", b"short")
    assert kept.text("err") == "short"
