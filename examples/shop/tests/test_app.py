import io
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from shop.app import Shop


class Memory:
    def __init__(self):
        self.orders = []
        self.broken = False

    def check(self):
        if self.broken:
            raise ConnectionError("no database")

    def add(self, article):
        self.orders.insert(0, (len(self.orders) + 1, article))
        return len(self.orders)

    def latest(self):
        return self.orders


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def ask(memory):
    def ask(method, path, body=b""):
        answers = []
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        data = b"".join(Shop(memory)(environ, lambda status, headers: answers.append(status)))
        return answers[0], data.decode()

    return ask


def test_an_order_is_taken_and_shown(ask):
    assert ask("POST", "/orders", b"article=Tea")[0] == "201 Created"
    assert json.loads(ask("GET", "/orders")[1]) == [{"id": 1, "article": "Tea"}]
    assert "Tea" in ask("GET", "/")[1]


def test_html_in_an_order_is_shown_as_text(ask):
    ask("POST", "/orders", b"article=%3Cscript%3E")
    assert "<script>" not in ask("GET", "/")[1]


def test_a_toggle_hides_the_latest_orders(ask, monkeypatch, tmp_path):
    monkeypatch.setattr("shop.toggles.FILE", tmp_path / "toggles.json")
    ask("POST", "/orders", b"article=Tea")
    for values, shown in (("{}", True), ('{"latest_orders": false}', False), ('{"latest_orders": true}', True)):
        (tmp_path / "toggles.json").write_text(values)
        assert ("Tea" in ask("GET", "/")[1]) == shown


def test_an_order_without_an_article_is_refused(ask):
    assert ask("POST", "/orders", b"article=")[0] == "400 Bad Request"


def test_health_says_when_the_database_is_gone(ask, memory):
    assert ask("GET", "/health") == ("200 OK", "ok\n")
    memory.broken = True
    assert ask("GET", "/health")[0] == "503 Service Unavailable"


def test_an_unknown_page_is_404(ask):
    assert ask("GET", "/nothing")[0] == "404 Not Found"
