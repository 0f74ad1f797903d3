"""The application: which address shows which screen."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cdconf.errors import CdconfError
from cdconf.web import rendering
from cdconf.web.door import LASTS, Door
from cdconf.web.feed import Feed
from cdconf.web.guard import RequestGuard
from cdconf.web.page import Ask, NotThere, Page
from cdconf.web.screens import board, drift, flow, host, hosts, pipeline, review, run, runs, trust

if TYPE_CHECKING:
    from starlette.requests import Request

    from cdconf.web.binding import Binding
    from cdconf.web.reading.sources import Sources

EVERY = 1.0  # seconds between two looks whether something has changed
Screen = Callable[[Ask], Page]
SCREENS: tuple[tuple[str, Screen], ...] = (
    ("/board", board.show),
    ("/pipeline", pipeline.show),
    ("/review", review.index),
    ("/review/{artifact}/{environment}", review.show),
    ("/runs", runs.show),
    ("/runs/{run}", run.show),
    ("/hosts", hosts.show),
    ("/hosts/{environment}/{host}", host.show),
    ("/drift", drift.show),
    ("/flow", flow.show),
    ("/trust", trust.show),
)


class Application:
    """What answers requests.

    Args:
        sources: What pages are made of.
        binding: Where the server listens.
        door: Lets browsers in.
    """

    def __init__(self, sources: Sources, binding: Binding, door: Door) -> None:
        self._sources, self._door = sources, door
        self.feed = Feed()
        routes: list[Any] = [Route("/", lambda request: RedirectResponse("/board", 307))]
        routes += [Route("/open/{word}", self._open), Route("/stream", self._stream)]
        for path, screen in SCREENS:
            routes.append(Route(f"{path}.json", self._page(screen, is_json=True)))
            routes.append(Route(path, self._page(screen)))
        routes.append(Mount("/static", StaticFiles(directory=rendering.FOLDER / "static")))
        errors: Any = {404: self._not_found}
        inner = Starlette(routes=routes, exception_handlers=errors, lifespan=self._life)
        self.guarded = RequestGuard(inner, binding, door)

    @contextlib.asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        """Looks whether something has changed, and says so; what can't be read now may be readable later."""
        await run_in_threadpool(self._warm)
        late = self._sources.kept.late
        while True:
            try:
                is_new = await run_in_threadpool(self._sources.refresh)
                if is_new or late != self._sources.kept.late or self._sources.kept.is_due():
                    late = self._sources.kept.late  # pages have gone with older answers
                    self.feed.tell()
            except CdconfError as error:
                if error.message not in self._sources.notices:
                    self._sources.notices.append(error.message)
            await asyncio.sleep(EVERY)

    def _warm(self) -> None:
        """Makes what the first pages would wait for."""
        for screen in (board.show, hosts.show, drift.show):
            with contextlib.suppress(CdconfError):
                screen(Ask(self._sources, {}, {}, time.time()))

    def _open(self, request: Request) -> Response:
        cookie = self._door.open(request.path_params["word"][:100])
        if cookie is None:
            text = "401: this link has let somebody in already, or is of an earlier start"
            return PlainTextResponse(f"{text}; `cdconf serve` prints the next one\n", 401)
        answer = RedirectResponse("/board", 303)
        answer.set_cookie(
            self._door.cookie, cookie, max_age=LASTS, httponly=True, samesite="lax", secure=self._door.is_tls
        )
        return answer

    def _stream(self, request: Request) -> Response:
        if self.feed.is_full:
            return PlainTextResponse("503: too many streams\n", 503, {"retry-after": "30"})
        last = request.headers.get("last-event-id", "")[:40] or request.query_params.get("last", "")[:40]
        whole = {"x-accel-buffering": "no"}  # nginx would keep events back until it has many
        return StreamingResponse(self.feed.listen(last), media_type="text/event-stream", headers=whole)

    def _page(self, screen: Screen, *, is_json: bool = False) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            status = 200
            self._sources.kept.begin()
            try:
                page = screen(self._ask(request))
            except CdconfError as error:
                status = 404 if isinstance(error, NotThere) else 500
                page = _problem(error)
            return self._json(page, status) if is_json else self._html(request, page, status)

        return answer

    def _ask(self, request: Request) -> Ask:
        params = {key: value for key, value in request.query_params.items() if len(key) < 50}
        return Ask(self._sources, params, {k: str(v) for k, v in request.path_params.items()}, time.time())

    def _html(self, request: Request, page: Page, status: int) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        path = "/" + request.url.path.lstrip("/")  # two slashes would name another server
        about = {
            "project": self._sources.project.name,
            "address": f"{path}{query}",
            "json_address": f"{path}.json{query}",
            "now": time.time(),
            "stream_id": f"{self.feed.start}-{self.feed.number}",
            "user": getattr(request.state, "user", ""),
            "notices": list(self._sources.notices),
        }
        body = rendering.html(page, about).encode()
        if len(body) > rendering.LARGEST:
            body, status = rendering.html(_too_large(), about).encode(), 500
        return Response(body, status, media_type="text/html")

    def _json(self, page: Page, status: int) -> Response:
        return Response(rendering.as_json(page.as_data()), status, media_type="application/json")

    def _not_found(self, request: Request, _: Exception) -> Response:
        if request.url.path.endswith(".json"):
            return JSONResponse({"error": "there is no such page"}, 404)
        return self._html(request, _problem(NotThere("there is no such page")), 404)


def _problem(error: CdconfError) -> Page:
    data = {"error": error.message, "hint": error.hint, "detail": error.detail}
    return Page("Not shown", "problem.html", "", data)


def _too_large() -> Page:
    hint = "narrow it by its filters; its JSON has all of it"
    return _problem(CdconfError(f"this page would be larger than {rendering.LARGEST // 1000} kB", hint=hint))
