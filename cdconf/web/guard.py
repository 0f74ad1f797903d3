"""Judges every request before anything of it is looked at, and says to browsers what pages may do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

from cdconf.web.binding import allowed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from cdconf.web.binding import Binding
    from cdconf.web.door import Door

LONGEST_QUERY, LONGEST_PATH = 2048, 1024  # bytes
OPEN = "/open/"  # the link's path
STATIC = "/static/"  # the same for everybody, and public
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "x-robots-tag": "noindex",
}


@dataclass(frozen=True)
class Refusal:
    """Why a request isn't answered: the HTTP status, and words."""

    status: int
    why: str


class RequestGuard:
    """Wraps an application.

    Args:
        app: Gets what's let through, with `user` in its scope's state.
        binding: Where the server listens, and whom it believes.
        door: Knows cookies.
    """

    def __init__(self, app: ASGIApp, binding: Binding, door: Door) -> None:
        self._app, self._binding, self._door = app, binding, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websocket is ever opened
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self.judge(scope)
        if refusal is not None:
            await _refuse(refusal, scope, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_headers(message["headers"], is_static=scope["path"].startswith(STATIC))
            await send(message)

        await self._app(scope, receive, marked)

    def judge(self, scope: Scope) -> Refusal | None:
        """Why a request is refused; None: it's let through. Sets `user` in its state."""
        headers = _headers(scope)
        if not allowed(headers.get("host", ""), self._binding.names):
            return Refusal(421, "this name isn't one of this server's: add it with --host")
        if len(scope.get("query_string", b"")) > LONGEST_QUERY or len(scope.get("raw_path", b"")) > LONGEST_PATH:
            return Refusal(414, "this address is too long")
        refusal = _elsewhere(scope["method"], headers)
        if refusal is not None:
            return refusal
        path = scope["path"]
        if path.startswith((OPEN, STATIC)) and self._may_knock(scope):
            return None
        user = self._user(scope, headers)
        if user is None:
            return Refusal(401, "open the link that `cdconf serve` has printed: it lets one browser in, once")
        scope.setdefault("state", {})["user"] = user
        return None

    def _user(self, scope: Scope, headers: dict[str, str]) -> str | None:
        header = self._binding.user_header
        if header is not None and self._binding.believes(_peer(scope)):
            return headers.get(header, "").strip()[:200] or None
        return "" if self._door.knows(_cookie(headers.get("cookie"), self._door.cookie)) else None

    def _may_knock(self, scope: Scope) -> bool:
        """Without TLS the link is for loopback and for proxies' own peers only."""
        peer = _peer(scope)
        return self._binding.is_tls or peer is None or peer in ("127.0.0.1", "::1") or self._binding.believes(peer)


def _elsewhere(method: str, headers: dict[str, str]) -> Refusal | None:
    """Refuses what would change something, and what another site's page has asked for."""
    origin = headers.get("origin")
    if origin is not None and not _is_own(origin, headers.get("host", "")):
        return Refusal(403, "another site's page has asked for this")
    site = headers.get("sec-fetch-site", "none")
    is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
    if site not in ("same-origin", "none") and not is_visit:
        return Refusal(403, "another site's page has asked for this")
    if method not in ("GET", "HEAD"):
        return Refusal(405, "the dashboard changes nothing, so it takes nothing: pages show the command to copy")
    return None


def _is_own(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.strip().lower()


def _headers(scope: Scope) -> dict[str, str]:
    """The first of each name: of a header that comes twice, neither is believed."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found and key != "cookie":
            twice.add(key)
        found.setdefault(key, value.decode("latin-1"))
    return {name: value for name, value in found.items() if name not in twice}


def _cookie(header: str | None, name: str) -> str | None:
    try:
        found = SimpleCookie(header or "").get(name)
    except CookieError:
        return None
    return found.value if found is not None else None


def _peer(scope: Scope) -> str | None:
    client = scope.get("client")
    return str(client[0]) if client and client[0] else None


def with_headers(headers: Iterable[tuple[bytes, bytes]], *, is_static: bool) -> list[tuple[bytes, bytes]]:
    """A response's headers, and those that each response has."""
    cache = "max-age=3600" if is_static else "no-store"
    ours = {**HEADERS, "cache-control": cache}
    kept = [(name, value) for name, value in headers if name.decode("latin-1").lower() not in (*ours, "server")]
    return [*kept, *((name.encode(), value.encode()) for name, value in ours.items())]


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    is_json = scope["path"].endswith(".json")
    text = json.dumps({"error": refusal.why}) if is_json else f"{refusal.status}: {refusal.why}\n"
    kind = b"application/json" if is_json else b"text/plain; charset=utf-8"
    own: list[tuple[bytes, bytes]] = [(b"content-type", kind), (b"connection", b"close")]
    own += [(b"allow", b"GET, HEAD")] if refusal.status == 405 else []
    start: dict[str, Any] = {"type": "http.response.start", "status": refusal.status}
    await send({**start, "headers": with_headers(own, is_static=False)})
    await send({"type": "http.response.body", "body": text.encode()})
