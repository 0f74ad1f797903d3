"""Chunks become whole lines, each of its host, on the right stream."""

from cdconf.cli.show import host_output
from cdconf.cli.show.host_output import LINE, KeptOutput, LinePrinter, Splitter


def test_lines_are_put_together_and_decoded_over_chunks():
    lines = []
    splitter = Splitter(lambda line, error: lines.append((line, error)))
    euro = "€\n".encode()
    for name, chunk in [("out", b"on"), ("err", b"no\n"), ("out", b"e\r\ntw"), ("out", euro[:1]), ("out", euro[1:])]:
        splitter(name, chunk)
    splitter("out", b"rest")
    assert lines == [("no", True), ("one", False), ("tw€", False)]
    splitter.close()
    assert lines[-1] == ("rest", False)


def test_prefixes_are_aligned_masked_and_on_their_stream(capsys):
    lines = LinePrinter(["db1", "web10"], lambda text: text.replace("hunter2", "***"))
    lines.show("db1", "a hunter2")
    lines.show("web10", "b", error=True)
    captured = capsys.readouterr()
    assert captured.out == "db1:   a ***\n"
    assert captured.err == "web10: b\n"


def test_only_the_end_is_kept(monkeypatch):
    monkeypatch.setattr(host_output, "KEPT", 4)
    kept = KeptOutput()
    kept("out", b"abc")
    kept("out", b"def")
    assert (kept.text("out"), kept.text("err")) == ("…cdef", "")


def test_a_line_without_end_is_shown_in_pieces_and_not_kept():
    shown = []
    splitter = Splitter(lambda text, error: shown.append(text))
    for _ in range(40):
        splitter("out", b"x" * 65_536)
    splitter.close()
    assert "".join(shown).replace("…", "") == "x" * 65_536 * 40
    assert max(map(len, shown)) <= LINE
