"""Guard of the server: who may ask, and what a browser may do with the answer."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

__all__ = ["Guard"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
REFUSED = {
    400: "This server answers only under the address that alrun view has printed.",
    401: "Open the address that alrun view has printed: it holds a token.",
    403: "This request comes from another page.",
}


class Guard:
    """Refuses whoever has not the token, asks under another name, or changes something from another page.

    The token is in the address of the first request; a cookie of that name and port stands for it then.
    """

    def __init__(self, application: Application, token: str, port: int) -> None:
        """Guard ``application``, which listens on ``port``."""
        self._application, self._token = application, token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._cookie = f"alrun-{port}"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        brings = self._is_token(parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0])
        status = self._refusal(scope["method"], headers, brings=brings)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = {"set-cookie": f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"}
                added = HEADERS | (cookie if brings and not status else {})
                given = {name for name, _ in message.get("headers", [])}
                further = [
                    (name.encode(), value.encode()) for name, value in added.items() if name.encode() not in given
                ]
                message = {**message, "headers": [*message.get("headers", []), *further]}
            await send(message)

        if not status:
            await self._application(scope, receive, guarded)
            return
        kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
        await guarded({"type": "http.response.start", "status": status, "headers": kind})
        await guarded({"type": "http.response.body", "body": REFUSED[status].encode()})

    def _refusal(self, method: str, headers: MutableMapping[str, str], *, brings: bool) -> int:
        """Return the status of the refusal; 0 where there is none."""
        if headers.get("host", "") not in self._hosts:
            return 400
        if not brings and not self._is_token(self._of_cookie(headers.get("cookie", ""))):
            return 401
        changes = method not in ("GET", "HEAD")
        if changes and headers.get("origin", "") != f"http://{headers['host']}":
            return 403
        return 0

    def _of_cookie(self, text: str) -> str:
        pairs = (part.strip().partition("=") for part in text.split(";"))
        return next((value for name, _, value in pairs if name == self._cookie), "")

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())
