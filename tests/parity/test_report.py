"""What people read of a comparison shows no part of a secret."""

from cdconf.parity.model import Comparison, ParityFinding, ParitySide
from cdconf.parity.report import lines, masked
from cdconf.secrets import Mask


def test_a_long_value_is_masked_before_it_is_cut():
    mask = Mask()
    mask.add("Hx7kQ9pLmZ2wVt4cRy6nBd8s")
    text = "x" * 85 + "Hx7kQ9pLmZ2wVt4cRy6nBd8s"
    sides = ParitySide(("a",), text, None), ParitySide(("b",), [text, 7, None], None)
    found = Comparison(
        "one", "two", {"web": (("a",), ("b",))}, (ParityFinding("resource", "file /x", "web", *sides, "declared"),)
    )
    shown = "\n".join(map(mask, lines(masked(found, mask), verbose=True)))
    assert "***" in shown
    assert "Hx7k" not in shown
