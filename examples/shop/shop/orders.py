"""Orders in PostgreSQL."""

import threading

import pg8000.native

from shop.settings import Settings


class Orders:
    """The orders table; a connection for each thread, made anew when it broke."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = threading.local()

    def _connect(self) -> pg8000.native.Connection:
        one = self._settings
        return pg8000.native.Connection(
            one.db_user, host=one.db_host, database=one.db_name, password=one.db_password, timeout=5
        )

    def _run(self, sql: str, **values: object) -> list:
        connection = getattr(self._local, "connection", None) or self._connect()
        self._local.connection = None
        rows = connection.run(sql, **values)
        self._local.connection = connection  # only a connection that worked is used again
        return rows

    def check(self) -> None:
        """Raises when the database can't be asked."""
        self._run("SELECT product FROM orders LIMIT 1")

    def add(self, article: str) -> int:
        """Takes an order; returns its number."""
        return self._run("INSERT INTO orders (product) VALUES (:product) RETURNING id", product=article)[0][0]

    def latest(self, count: int = 10) -> list[tuple[int, str]]:
        """The newest orders."""
        return [tuple(row) for row in self._run("SELECT id, product FROM orders ORDER BY id DESC LIMIT :n", n=count)]
