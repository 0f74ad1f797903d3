"""What a script's hosts print is shown without secrets, however it's cut into pieces."""

import io
import random

import pytest

from cdconf.fabric.masked import Masked, shown
from cdconf.secrets import Mask

SECRET = "s3cret,Wörd $x"


@pytest.fixture
def mask():
    one = Mask()
    one.add(SECRET)
    return one


def through(mask, pieces):
    stream = io.StringIO()
    masked = Masked(stream, mask)
    for piece in pieces:
        masked.write(piece)
    masked.end()
    return stream.getvalue()


def test_a_secret_in_pieces_is_masked(mask):
    text = f"before {SECRET}{SECRET} after s3cret,W no\n"
    drawn = random.Random(3)
    for _ in range(200):
        places = sorted(drawn.choices(range(len(text)), k=drawn.randint(0, 12)))
        pieces = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
        assert through(mask, pieces) == "before ****** after s3cret,W no\n"


def test_what_can_be_no_secret_s_beginning_is_shown_at_once(mask):
    stream = io.StringIO()
    masked = Masked(stream, mask)
    masked.write("password: ")
    assert stream.getvalue() == "password: "
    masked.write("s3cr")
    assert stream.getvalue() == "password: "
    masked.write("aps\n")
    assert stream.getvalue() == "password: s3craps\n"


@pytest.mark.parametrize(
    ("hide", "left"),
    [(None, "out err"), (False, "out err"), ("out", "err"), ("stderr", "out"), (True, ""), ("both", "")],
)
def test_what_is_hidden_stays_hidden(hide, left):
    streams = {"out": io.StringIO(), "err": io.StringIO()}
    assert sorted(shown(hide, streams)) == sorted(left.split())
