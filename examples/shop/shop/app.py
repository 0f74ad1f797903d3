"""The WSGI application."""

import html
import json
import socket
from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import parse_qs

from shop.settings import version
from shop.toggles import is_on

PAGE = """<!doctype html><title>shop</title><h1>The shop</h1>
<p>version {version} on {host}</p>
<form method=post action=/orders><input name=article placeholder=article required><button>Order</button></form>
<ol>{orders}</ol>
"""


class Repository(Protocol):
    """Where orders are kept."""

    def check(self) -> None: ...
    def add(self, article: str) -> int: ...
    def latest(self) -> list[tuple[int, str]]: ...


class Shop:
    """Routes requests."""

    def __init__(self, orders: Repository) -> None:
        self._orders = orders

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        route = getattr(self, f"{environ['REQUEST_METHOD'].lower()}_{environ['PATH_INFO'].strip('/') or 'index'}", None)
        try:
            status, kind, body = route(environ) if route else ("404 Not Found", "text/plain", "not found\n")
        except Exception as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            status, kind, body = "503 Service Unavailable", "text/plain", f"{type(error).__name__}\n"
        data = body.encode()
        start_response(status, [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(data)))])
        return [data]

    def get_index(self, environ: dict) -> tuple[str, str, str]:
        latest = self._orders.latest() if is_on("latest_orders", default=True) else []
        items = "".join(f"<li value={number}>{html.escape(article)}" for number, article in latest)
        return "200 OK", "text/html", PAGE.format(version=version(), host=socket.gethostname(), orders=items)

    def get_health(self, environ: dict) -> tuple[str, str, str]:
        self._orders.check()
        return "200 OK", "text/plain", "ok\n"

    def get_version(self, environ: dict) -> tuple[str, str, str]:
        return "200 OK", "application/json", json.dumps({"version": version(), "host": socket.gethostname()}) + "\n"

    def get_orders(self, environ: dict) -> tuple[str, str, str]:
        orders = [{"id": number, "article": article} for number, article in self._orders.latest()]
        return "200 OK", "application/json", json.dumps(orders) + "\n"

    def post_orders(self, environ: dict) -> tuple[str, str, str]:
        size = min(int(environ.get("CONTENT_LENGTH") or 0), 10_000)
        article = parse_qs(environ["wsgi.input"].read(size).decode()).get("article", [""])[0].strip()
        if not article or len(article) > 200:
            return "400 Bad Request", "text/plain", "an order needs an article of at most 200 characters\n"
        return "201 Created", "application/json", json.dumps({"id": self._orders.add(article)}) + "\n"
