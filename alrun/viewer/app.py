"""Web application: pages of a site, the scripts that they need, files of runs, and events when something changes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from alrun.core.errors import AlrunError, StoreError
from alrun.core.showing import printable, printable_block
from alrun.report.figures import page_script
from alrun.report.page.page import page_file
from alrun.report.runs import read_run
from alrun.store.reading import Most, opened
from alrun.viewer.control import Control, whoami
from alrun.viewer.files import addressed
from alrun.viewer.index import Index
from alrun.viewer.rendering import file_text, html
from alrun.viewer.site import Site
from alrun.viewer.watcher import Watcher

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["application"]

#: Seconds between two looks at what the watcher has seen, and between two signs of life.
LOOK, ALIVE = 0.5, 15.0
PIECE, MOST_FORM = 1 << 20, 1 << 16


def application(index: Index, watcher: Watcher, is_ending: Callable[[], bool]) -> Starlette:
    """Return the application; ``is_ending`` tells whether the server ends, and with it all events."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    viewer = _Viewer(index, watcher, is_ending)
    return Starlette(
        routes=[
            Route("/", viewer.page),
            Route("/compare.html", viewer.compare),
            Route("/{name}.html", viewer.page),
            Route("/{name}.js", viewer.script),
            Route("/events", viewer.events),
            Route("/run-{key}/files/{path:path}", viewer.file),
            Route("/run-{key}/{action}", viewer.ask, methods=["POST"]),
        ]
    )


class _Viewer:
    """Answers requests. What reads files is plain functions, which run in threads."""

    def __init__(self, index: Index, watcher: Watcher, is_ending: Callable[[], bool]) -> None:
        self._index, self._watcher, self._is_ending = index, watcher, is_ending
        self._control = Control()
        self._site = Site(index, self._control)
        self._vega = ""
        self._making = threading.Lock()

    def page(self, request: Request) -> Response:
        full = request.query_params.get("full") == "1"
        page = self._site.page(request.path_params.get("name", "index"), full=full)
        return _refused(404, "There is no such page.") if page is None else _answer(html(page), "text/html")

    def compare(self, request: Request) -> Response:
        return _answer(html(self._site.compared(request.query_params.getlist("run"))), "text/html")

    def script(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "vega":
            return _answer(self._drawing_script(), "text/javascript", keep=True)
        if name not in ("page", "view"):
            return _refused(404, "There is no such script.")
        return _answer((page_file if name == "page" else file_text)(f"{name}.js"), "text/javascript")

    def _drawing_script(self) -> str:
        """Return the script that draws charts; making it takes a second, once."""
        with self._making:
            try:
                self._vega = self._vega or page_script()
            except AlrunError as error:
                return f"console.warn({printable(str(error))!r});"
        return self._vega

    def file(self, request: Request) -> Response:
        from starlette.responses import StreamingResponse

        entry = self._index.run(request.path_params["key"])
        found = addressed(entry.run.path, request.path_params["path"]) if entry else None
        if found is None:
            return _refused(404, "There is no such file.")
        pieces = _pieces(*found)
        try:
            first = next(pieces)
        except StoreError as error:
            return _refused(404, printable(str(error)))
        headers = {
            "content-disposition": "attachment",
            "cache-control": "no-store",
            "content-security-policy": "sandbox",
        }
        return StreamingResponse(_chained(first, pieces), media_type="application/octet-stream", headers=headers)

    async def ask(self, request: Request) -> Response:
        """Do what is asked of a run, and lead back to its page."""
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import RedirectResponse

        key, content = request.path_params["key"], b""
        async for piece in request.stream():
            content += piece
            if len(content) > MOST_FORM:
                return _refused(413, "The form holds more than it can.")
        form = {name: values[0] for name, values in parse_qs(content.decode(errors="replace")).items()}
        entry = self._index.run(key)
        if entry is None:
            return _refused(404, "There is no such run.")
        run, author = read_run(entry.run.path), form.get("author", "").strip() or whoami()
        try:
            action, reason = request.path_params["action"], form.get("reason", "").strip()
            await run_in_threadpool(self._control.ask, run, action, author, reason)
        except AlrunError as error:
            return _refused(409, printable_block(str(error)))
        return RedirectResponse(f"/run-{key}.html", 303)

    async def events(self, request: Request) -> Response:
        from starlette.responses import StreamingResponse

        topic = request.query_params.get("topic", "")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(request, topic), media_type="text/event-stream", headers=headers)

    async def _stream(self, request: Request, topic: str) -> AsyncIterator[str]:
        """Yield an event whenever what ``topic`` names has changed, and a comment now and then."""
        key = topic.removeprefix("run/") if topic.startswith("run/") else ""
        state = partial(self._state, topic, key)
        with self._watcher.following(key) if key else nullcontext():
            last, quiet = state(), 0.0
            yield "retry: 2000\n\n"
            while not self._is_ending() and not await request.is_disconnected():
                await asyncio.sleep(LOOK)
                quiet += LOOK
                now = state()
                if now != last:
                    if last:
                        yield "data: changed\n\n"
                    last, quiet = now, 0.0
                elif quiet >= ALIVE:
                    yield ": alive\n\n"
                    quiet = 0.0

    def _state(self, topic: str, key: str) -> str:
        if key:
            return self._watcher.state(key)
        folder = self._index.folder(topic.removeprefix("/")) if topic.startswith("/") else None
        return self._index.state(folder)


def _pieces(path: Any, depth: int) -> Any:
    import os

    with opened(path, Most.DATA, depth) as (descriptor, _):
        while piece := os.read(descriptor, PIECE):
            yield piece
        yield b""


def _chained(first: bytes, others: Any) -> Any:
    yield first
    yield from others


def _answer(content: bytes | str, kind: str, *, keep: bool = False) -> Response:
    from starlette.responses import Response

    told = "private, max-age=3600" if keep else "no-store"
    return Response(content, media_type=kind, headers={"cache-control": told})


def _refused(status: int, what: str) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(what, status, headers={"cache-control": "no-store"})
