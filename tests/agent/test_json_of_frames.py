"""Frames and records are JSON as Python's own `json` has it, on every Python; the agent does without that package."""

import subprocess

import pytest

from cdconf.agent import wire
from tests.agent.private import VERSIONS, find

COMPARED = r"""
import importlib.util, json, random, sys
spec = importlib.util.spec_from_file_location("wire", sys.argv[1])
wire = importlib.util.module_from_spec(spec)
spec.loader.exec_module(wire)
assert wire._scan is not None, "it goes by the package"
chance = random.Random(7)
LETTERS = ["a", "Z", '"', "\\", "/", "\n", "\t", "\0", "\x7f", "\xe9", "\u2028", "\ud800", "\U0001f600"]

def text():
    return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(6)))

def value(depth=0):
    kind = chance.randrange(9 if depth < 4 else 7)
    plain = [None, True, False, "", {}, [], b"", 0.0, -0.0, float("inf"), 1e300, 2**70]
    if kind == 0:
        return chance.choice(plain)
    if kind in (1, 2):
        return chance.randrange(-10**6, 10**6) if kind == 1 else chance.uniform(-1e9, 1e9)
    if kind in (3, 4):
        return text()
    if kind in (5, 6):
        return bytes(bytearray(chance.randrange(256) for _ in range(4)))
    if kind == 7:
        return [value(depth + 1) for _ in range(chance.randrange(5))]
    return {text(): value(depth + 1) for _ in range(chance.randrange(5))}

for _ in range(500):
    one = value()
    known = json.dumps(one, default=wire._encode_bytes, sort_keys=True, separators=(",", ":"))
    assert wire.dumps(one) == known.encode("utf-8"), one
    assert wire.indented(one) == json.dumps(one, default=wire._encode_bytes, sort_keys=True, indent=1), one
    assert wire.loads((" " + known + "\n").encode("utf-8")) == json.loads(known, object_hook=wire._decode_bytes), one
assert wire.indented({1: {2: []}}) == json.dumps({1: {2: []}}, indent=1)
print("same")
"""
WRONG = (
    *(b"", b" ", b"{", b"[1", b"1 2", b"[1,]", b'{"a": 1,}', b"{1: 2}", b"nul", b"'a'", b'"a\nb"', b"\x0c1"),
    *(b"\xef\xbb\xbf1", b"\xff", b'{"$b64": "x"}', b'"\\x"'),
)
WIRE = wire.__file__


@pytest.mark.parametrize("version", VERSIONS)
def test_it_s_what_json_would_write_and_read(version):
    command = [find(version), "-I", "-S", "-c", COMPARED, WIRE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "same\n", done.stderr


@pytest.mark.parametrize("data", WRONG)
@pytest.mark.parametrize("scan", [wire._scan, None])
def test_what_isn_t_json_is_a_value_error(data, scan, monkeypatch):
    monkeypatch.setattr(wire, "_scan", scan)
    with pytest.raises(ValueError):
        wire.loads(data)


def test_what_json_can_t_hold_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="Circular"):
        wire.dumps(endless)
    with pytest.raises(TypeError):
        wire.dumps(object())


def test_a_python_without_those_parts_uses_the_package(monkeypatch):
    value = {"b": [1, None, b"\xff"], "a": "é"}
    expected = wire.dumps(value)
    monkeypatch.setattr(wire, "_scan", None)
    assert wire.dumps(value) == expected
    assert wire.loads(expected) == value
