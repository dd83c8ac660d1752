"""The Segment HTTP tracking API: always 200 `{"success":true}` or `{"code","message"}`.

Hot path: a plain route and msgspec, no pydantic body. The answer comes after the commit of what it acknowledges.
"""

import base64
import hmac
import zlib
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.base import clock, logs
from bot.events import Ingest, NewEvent, Overloaded, Rejected
from bot.inbound.web import each_request, segment_calls
from bot.inbound.web.pace import Pace, is_robot

log = logs.get(__name__)

_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers": "Content-Type, Authorization",
    "access-control-max-age": "86400",
}
_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OLD = timedelta(hours=24)  # history being loaded starts nothing, so it needs no pace


def routes(ingest: Ingest, write_keys: Sequence[SecretStr]) -> list[BaseRoute]:
    """POST `/v1/{call}`, below any prefix as well (`https://x/seg/` is a valid host for the clients)."""
    door = _Door(ingest, [key.get_secret_value() for key in write_keys])
    return [
        Route("/v1/{call:path}", door.answer, methods=_ANY_METHOD),
        Route("/{prefix:path}/v1/{call:path}", door.answer, methods=_ANY_METHOD),
    ]


class _Door:
    def __init__(self, ingest: Ingest, write_keys: Sequence[str]) -> None:
        self.ingest = ingest
        self.keys = [
            (sha256(key.encode()).digest(), f"key-{sha256(key.encode()).hexdigest()[:8]}") for key in write_keys
        ]
        self.pace = Pace()

    async def answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=200, headers=_CORS)
        kind = segment_calls.CALLS.get(request.path_params["call"].strip("/"))
        if kind is None:
            return _error(404, "not_found", "there is no such call")
        if request.method != "POST":
            return _error(405, "method_not_allowed", "send it by POST")
        try:
            body = await _body(request)
            call = segment_calls.read(kind, body)
        except segment_calls.Unreadable as error:
            return _error(400, error.code, str(error))
        source = self._source(call.write_key, request.headers.get("authorization", ""))
        if source is None:
            return _error(401, "invalid_write_key", "the write key is missing or not one of ours")
        return await self._take(request, call, source)

    async def _take(self, request: Request, call: segment_calls.Call, source: str) -> Response:
        received_at = clock.now()
        events: list[NewEvent] = []
        refused: list[Rejected] = []
        too_large = ""
        for item in call.items:
            try:
                event = segment_calls.event(call, item, source, received_at)
                self._check(event, request)
                events.append(event)
            except segment_calls.Refused as error:
                refused.append(segment_calls.rejected(item, str(error), source, received_at))
                too_large = too_large or (str(error) if error.too_large else "")
        try:
            await self.ingest.add(events, refused)
        except Overloaded as error:
            return _error(503, "overloaded", str(error))
        except Exception:  # not kept: the client must hear a 5xx, so that it comes again
            return _error(500, "not_stored", "the events could not be written; send them again")
        if too_large:  # the others of the batch are kept, what is wrong with this one must be heard
            return _error(400, "event_too_large", too_large)
        return Response(b'{"success":true}', media_type="application/json", headers=_CORS)

    def _check(self, event: NewEvent, request: Request) -> None:
        context = event.body.get("context") or {}
        if is_robot(context.get("userAgent") or request.headers.get("user-agent")):
            raise segment_calls.Refused("sent by a robot")
        if event.received_at - event.ts < _OLD and not self.pace.allows(_person(event)):
            raise segment_calls.Refused("more than 25 events a second of one person")

    def _source(self, said: object, authorization: str) -> str | None:
        """The label of the write key that was given, in the body, as Basic user or as Bearer."""
        given = [said] if isinstance(said, str) else []
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "basic":
            given.append(_basic_user(token))
        elif scheme.lower() == "bearer":
            given.append(token.strip())
        for key in given:
            digest = sha256(key.encode("utf-8", "replace")).digest()
            # Every key is compared, so that the time tells nothing.
            found = [label for known, label in self.keys if hmac.compare_digest(known, digest)]
            if found:
                return found[0]
        return None


def _person(event: NewEvent) -> str:
    return str(event.body.get("userId") or event.body.get("anonymousId") or "")


def _basic_user(token: str) -> str:
    """The user of Basic credentials; some clients leave out the colon."""
    try:
        return base64.b64decode(token.strip(), validate=False).decode().partition(":")[0]
    except ValueError:
        return ""


async def _body(request: Request) -> bytes:
    limit = segment_calls.BATCH_LIMIT
    too_large = segment_calls.Unreadable("request_too_large", f"at most {limit:,} bytes are taken at once")
    try:
        body = await each_request.read(request, limit)
    except each_request.TooLarge:
        raise too_large from None
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding in ("identity", ""):
        return body
    if encoding != "gzip":
        raise segment_calls.Unreadable("unsupported_encoding", "send it plain or with gzip")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, limit + 1)  # a bomb is not unpacked further than we would read
    except zlib.error:
        raise segment_calls.Unreadable("invalid_gzip", "the body is not valid gzip") from None
    if len(plain) > limit:
        raise too_large
    if not unpacking.eof:
        raise segment_calls.Unreadable("invalid_gzip", "the gzip body ends too early")
    return plain


def _error(status: int, code: str, message: str) -> Response:
    return each_request.answer(status, code, message, _CORS)
