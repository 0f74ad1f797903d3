"""Environment files, read as systemd 252 was seen to read them (`tests/hosts/test_by_hand.py` asks it again)."""

import pytest

from cdconf.agent.commands.execute import Result
from cdconf.agent.edit import env_file
from cdconf.agent.errors import Failed, Missing

READ = [
    ('D="a\\$b"\n', {"D": "a$b"}),
    ('A="\\"\\\\\\`\\n\\t"\n', {"A": '"\\`\\n\\t'}),
    ('A="one\ntwo"\nB=x\n', {"A": "one\ntwo", "B": "x"}),
    ("A='one\n\\two'\n", {"A": "one\n\\two"}),
    ("A='it'\\''s'\n", {"A": "it''s'"}),
    ("A='a' \"b\"  c\n", {"A": "abc"}),
    ("A=a'b'\n", {"A": "a'b'"}),
    ("A=a\\\nb\n", {"A": "ab"}),
    ('A="a\\\nb"\n', {"A": "ab"}),
    ("A=b c \\  \n", {"A": "b c  "}),
    ("A=  b c  \n", {"A": "b c"}),
    ("A=b # no comment\n", {"A": "b # no comment"}),
    (" # A=1\n;B=2\n  C  =  3\n", {"C": "3"}),
    ("1A=x\nA B=y\nA-B=z\nexport C=1\nD\nE=2\n", {"E": "2"}),
    ("A=1\nA=2\nA\n", {"A": "2"}),
    ("A=\nB=''\n", {"A": "", "B": ""}),
    ("A=1\r\nB='2'\r\nC=3\\\r\n", {"A": "1", "B": "2", "C": "3"}),
    ("A=a\u2028b\x0cc\x85d\u00a0\n", {"A": "a\u2028b\x0cc\x85d\u00a0"}),
    ("\ufeffA=1\nB=2\n", {"B": "2"}),
    ('A=1\nB="open\nC=2', {"A": "1", "B": "open\nC=2"}),
    ("A=last ", {"A": "last"}),
    ("A=1\nB", {"A": "1"}),
]


@pytest.mark.parametrize(("text", "variables"), READ, ids=[repr(text) for text, _ in READ])
def test_a_file_is_read_as_systemd_reads_it(tmp_path, text, variables):
    (tmp_path / "env").write_bytes(text.encode())
    assert env_file.read(str(tmp_path / "env")) == variables


@pytest.mark.parametrize(
    ("said", "variables"),
    [
        ("systemd 252 (252.39)\n", {"B": "2"}),
        ("systemd 254 (254)\n", {"A": "1", "B": "2"}),
        (None, {"A": "1", "B": "2"}),
    ],
)
def test_the_host_s_systemd_says_whether_a_comment_goes_on(tmp_path, monkeypatch, said, variables):
    def ask(argv, timeout):
        if said is None:
            raise Missing("program", argv[0])
        return Result(0, said, "")

    monkeypatch.setattr(env_file, "run", ask)
    (tmp_path / "env").write_text("# a comment \\\nA=1\nB=2\n")
    assert env_file.read(str(tmp_path / "env")) == variables


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"A=1\nB=\xff\n", "line 2 isn't UTF-8"),
        (b"A=1\n\nB=\0\n", "there's a null byte in line 3"),
        (None, "it isn't there"),
    ],
)
def test_what_systemd_refuses_as_a_whole_is_refused(tmp_path, data, why):
    if data is not None:
        (tmp_path / "env").write_bytes(data)
    with pytest.raises(Failed, match=why):
        env_file.read(str(tmp_path / "env"))
