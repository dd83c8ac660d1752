"""Joins the doors into one application and does what every request needs: limits, headers, plain error answers."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bot.base import logs

log = logs.get(__name__)

BODY_LIMIT = 16 * 1024 * 1024
"""What no door reads beyond; most doors stop much earlier."""

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
}


def build(doors: Sequence[APIRouter | Sequence[BaseRoute]], *, trusted_proxies: Sequence[str] = ()) -> FastAPI:
    """The application of all doors, asked in this order (the events API goes last: it answers below any prefix).

    `trusted_proxies` are addresses or networks whose X-Forwarded-For and -Proto we believe.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for door in doors:
        if isinstance(door, APIRouter):
            app.include_router(door)
        else:
            app.router.routes.extend(door)
    app.router.redirect_slashes = False  # a redirected POST loses its body or its method
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(_EachRequest)
    if trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(trusted_proxies))
    return app


def answer(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as every door words it; the official Segment clients retry for ever on any other shape."""
    return JSONResponse({"code": code, "message": message}, status, headers)


class TooLarge(HTTPException):
    def __init__(self, limit: int) -> None:
        super().__init__(413, f"the request is larger than {limit:,} bytes")


async def read(request: Request, limit: int) -> bytes:
    """The body. Raises TooLarge beyond `limit`, after hearing the client out: one that is cut off in the middle of
    sending sees a broken connection instead of our answer, and sends it all again."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= limit:
            parts.append(part)
    if size > limit:
        raise TooLarge(limit)
    return b"".join(parts)


_CODES = {
    400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    413: "too_large", 415: "unsupported", 429: "too_many_requests", 503: "unavailable",
}  # fmt: skip


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    code = _CODES.get(error.status_code, "error")
    headers = dict(error.headers) if error.headers else None
    return answer(error.status_code, code, str(error.detail), headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = ", ".join(sorted({".".join(str(part) for part in one["loc"]) for one in error.errors()}))
    return answer(400, "bad_request", f"cannot use: {places}")


class _EachRequest:
    """Plain ASGI: nothing is buffered, and a request costs microseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > BODY_LIMIT:
                raise TooLarge(BODY_LIMIT)
            return message

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope.get("scheme") == "https":
                    headers.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > BODY_LIMIT:
            refused = answer(413, "too_large", f"the request is larger than {BODY_LIMIT:,} bytes")
            await refused(scope, receive, with_headers)
            return
        try:
            await self.app(scope, counted, with_headers)
        except ClientDisconnect:
            return
        except Exception:  # one request of the server's loop: its answer tells nothing of our insides
            log.exception("request failed", method=scope["method"], door=_door(scope))
            if not started:
                failed = answer(500, "internal_error", "something went wrong here; it was written down")
                await failed(scope, receive, with_headers)


def _door(scope: Scope) -> str:
    """The first part of the path: the rest may be a token."""
    path: Any = scope.get("path", "")
    return "/" + str(path).lstrip("/").split("/", 1)[0]
