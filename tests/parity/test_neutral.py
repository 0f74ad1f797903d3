"""Names and addresses are taken out of texts, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.parity.neutral_text import NAME, Neutral

NAMES = ["staging", "production", "docker", "web1", "192.0.2.11", "2001:db8::1", "db.example.com"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("server 192.0.2.11:8000 max_fails=1;", "server <name>:8000 max_fails=1;"),
        ("https://staging.shop.example.com/", "https://<name>.shop.example.com/"),
        ("DB.example.com", "<name>"),
        ("replica.db.example.com", "replica.<name>"),
        ("db-staging_1", "db-<name>_1"),
        ("[2001:db8::1]:80", "[<name>]:80"),
        ("/etc/192.0.2.11.conf", "/etc/<name>.conf"),
        ("192.0.2.110", "192.0.2.110"),
        ("web11, staging2, destaging", "web11, staging2, destaging"),
        ({"web1": ["docker", 7, None]}, {"<name>": ["<name>", 7, None]}),
    ],
)
def test_what_is_left_of_a_text(text, left):
    assert Neutral(NAMES)(text) == left


@given(st.text(max_size=80))
def test_a_text_without_names_stays(text):
    assert Neutral(["\0"])(text) == text


@given(st.text(alphabet=" ./:=@-\n", max_size=10), st.text(alphabet=" /=@\n", max_size=10))
def test_two_environments_texts_are_the_same_without_their_names(before, behind):
    neutral = Neutral(NAMES)
    assert neutral(f"{before}staging{behind}") == neutral(f"{before}production{behind}")
    assert NAME in neutral(f"{before}web1{behind}")
