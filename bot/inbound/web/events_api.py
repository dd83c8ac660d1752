"""The Segment HTTP tracking API: always 200 `{"success":true}` or `{"code","message"}`.

Hot path: a plain route and msgspec, no pydantic body. The answer comes after the commit of what it acknowledges.
"""

import asyncio
import dataclasses
import re
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.base import clock, logs
from bot.base.config.events import EventKey
from bot.base.hosts import Hosts
from bot.events import Ingest, NewEvent, Overloaded, Rejected, leaked, page_words
from bot.inbound.web import (
    client_settings,
    cross_origin,
    each_request,
    event_keys,
    peers,
    pixel,
    segment_calls,
    signed_in,
)
from bot.inbound.web.event_keys import Keys, Sender
from bot.inbound.web.pace import Pace, is_robot

log = logs.get(__name__)

_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
LEAKED = "a server key came from a browser"
"""The reason under which it is listed."""

_AT_A_STRETCH = 0.01  # seconds of one request, then others have a turn
_OLD = timedelta(hours=24)  # history being loaded starts nothing, so it needs no pace
_SETTINGS = re.compile(r"projects/([^/]{1,200})/settings")
_SETTINGS_FOR = {"cache-control": "private, max-age=300", **cross_origin.ANYBODY}
_STATISTICS = "m"
"""Where analytics.js counts its own mistakes; it asks again until it is answered."""


def routes(
    ingest: Ingest,
    keys: Sequence[EventKey],
    hosts: Hosts | None = None,
    identity_secret: str = "",
    public_url: str | None = None,
) -> list[BaseRoute]:
    """POST `/v1/{call}`, below any prefix as well (`https://x/seg/` is a valid host for the clients), the settings that
    clients in browsers ask for before, and pictures that are events: GET `/v1/pixel/{call}`, `/pixel/v1/{call}`.

    `hosts` are the shop's own; without them no words of a page are kept. `identity_secret` signs who is logged in
    (`page_identity`); empty: nobody is. `public_url` is where browsers reach us; without it where they say they do.
    """
    door = _Door(ingest, Keys(keys), hosts or Hosts(), identity_secret, public_url)
    config = (f"{below}/sourceConfig{end}" for below in ("", "/{prefix:path}") for end in ("", "/"))
    return [
        *(Route(path, door.source_config, methods=["GET", "OPTIONS"]) for path in config),
        Route("/v1/{call:path}", door.answer, methods=_ANY_METHOD),
        Route("/{prefix:path}/v1/{call:path}", door.answer, methods=_ANY_METHOD),
    ]


class _Door:
    def __init__(self, ingest: Ingest, keys: Keys, hosts: Hosts, identity_secret: str, public_url: str | None) -> None:
        self.ingest = ingest
        self.hosts = hosts
        self.identity_secret = identity_secret
        self.public_url = public_url
        self.keys = keys
        self.pace = Pace()
        self.known_leaks: set[str] = set()

    async def answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return cross_origin.preflight(request.headers)
        asked = request.path_params["call"].strip("/")
        if found := _SETTINGS.fullmatch(asked):
            return await self._settings(request, found[1])
        picture = asked.startswith("pixel/") or request.path_params.get("prefix", "").endswith("pixel")
        kind = segment_calls.CALLS.get(asked.removeprefix("pixel/"))
        if asked == _STATISTICS:
            return _success()
        if kind is None:
            return _error(404, "not_found", "there is no such call")
        if picture and kind != "batch":
            return await self._picture(request, kind)
        if request.method != "POST":
            return _error(405, "method_not_allowed", "send it by POST")
        try:
            call = segment_calls.read(kind, await _body(request))
        except segment_calls.Unreadable as error:
            return _error(400, error.code, str(error))
        in_body = self.keys.find(call.write_key, request.headers.get("authorization", ""))
        sender = in_body or self.keys.find(request.query_params.get("writeKey"), "")
        return await self._heard(request, call, sender, by_address=in_body is None)

    async def _heard(
        self, request: Request, call: segment_calls.Call, sender: Sender | None, *, by_address: bool
    ) -> Response:
        if sender is None:
            return _error(401, "invalid_write_key", "the write key is missing or not one of ours")
        if sender.rank == "shop" and event_keys.from_a_browser(request.headers):
            return await self._leaked(sender)
        if sender.rank == "shop" and by_address:
            return _error(403, "server_key_in_an_address", "addresses are written down; send this key in a header")
        return await self._take(request, call, sender)

    async def _picture(self, request: Request, kind: str) -> Response:
        if request.method != "GET":
            return _error(405, "method_not_allowed", "fetch it by GET")
        try:
            call = segment_calls.read(kind, pixel.body(request.query_params))
        except segment_calls.Unreadable as error:
            return _error(400, error.code, str(error))
        answer = await self._heard(request, call, self.keys.find(call.write_key, ""), by_address=True)
        if answer.status_code != 200:
            return answer
        headers = {"cache-control": "no-store", **cross_origin.ANYBODY}
        return Response(pixel.PICTURE, media_type="image/gif", headers=headers)

    async def _settings(self, request: Request, key: str) -> Response:
        sender = self.keys.find(key, "")
        if refused := await self._no_page(request, sender):
            return refused
        return JSONResponse(client_settings.for_segment(key, self._address(request)), headers=_SETTINGS_FOR)

    async def source_config(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return cross_origin.preflight(request.headers)
        key = request.query_params.get("writeKey") or event_keys.basic_user(request.headers.get("authorization", ""))
        sender = self.keys.find(key, "")
        if refused := await self._no_page(request, sender):
            return refused
        assert sender is not None
        return JSONResponse(client_settings.for_rudderstack(key, sender.name), headers=_SETTINGS_FOR)

    async def _no_page(self, request: Request, sender: Sender | None) -> Response | None:
        """What whoever asks for the settings of another key than that of a page is told."""
        if sender is None:
            return _error(404, "not_found", "there is no such write key")
        if sender.rank != "shop":
            return None
        if event_keys.from_a_browser(request.headers):
            return await self._leaked(sender)
        return _error(403, "server_key", "settings are for page keys; a backend needs none")

    def _address(self, request: Request) -> str:
        if self.public_url:
            return self.public_url
        prefix = request.path_params.get("prefix", "").strip("/")
        return f"{request.url.scheme}://{request.url.netloc}" + (f"/{prefix}" if prefix else "")

    async def _leaked(self, sender: Sender) -> Response:
        """A secret that came from a page is none any more. The list of refused events says so, and until another one
        stands in its place `check` and `/healthz`."""
        log.error("a server key came from a browser: it is no secret any more, take another one", sender=sender.name)
        if sender.digest not in self.known_leaks:
            async with self.ingest.database.transaction() as session:
                await leaked.remember(session, sender.digest, clock.now())
            self.known_leaks.add(sender.digest)
        with suppress(Overloaded):  # the log has it
            # Whoever has it is believed as far as anybody else.
            await self.ingest.add([], [Rejected(sender.name, LEAKED, "", clock.now(), rank="page")])
        return _error(403, "server_key_in_a_browser", "this key is for servers only; a page needs a page key")

    async def _take(self, request: Request, call: segment_calls.Call, sender: Sender) -> Response:
        received_at = clock.now()
        events: list[NewEvent] = []
        refused: list[Rejected] = []
        too_large = ""
        since = time.monotonic()
        for item in call.items:
            if time.monotonic() - since > _AT_A_STRETCH:  # a batch of words may take seconds, and packs into nothing
                await asyncio.sleep(0)
                since = time.monotonic()
            rank = sender.rank
            try:
                event = segment_calls.event(call, item, sender.name, sender.rank, received_at)
                event = dataclasses.replace(event, store=sender.store)
                event = signed_in.as_signed(event, self.identity_secret, received_at)
                rank = event.rank
                self._check(event, request)
                events.append(event if event.rank == "shop" else self._of_a_page(event, request))
            except segment_calls.Refused as error:
                refused.append(segment_calls.rejected(item, str(error), sender.name, rank, received_at))
                too_large = too_large or (str(error) if error.too_large else "")
        try:
            await self.ingest.add(events, refused)
        except Overloaded as error:
            return _error(503, "overloaded", str(error))
        except Exception:  # not kept: the client must hear a 5xx, so that it comes again
            return _error(500, "not_stored", "the events could not be written; send them again")
        if too_large:  # the others of the batch are kept, what is wrong with this one must be heard
            return _error(400, "event_too_large", too_large)
        return _success()

    def _check(self, event: NewEvent, request: Request) -> None:
        context = event.body.get("context") or {}
        if is_robot(context.get("userAgent") or request.headers.get("user-agent")):
            raise segment_calls.Refused("sent by a robot")
        if event.rank == "shop":
            return  # a backend tells what happened to many, and nobody else may use up what it is allowed
        if event.received_at - event.ts < _OLD and not self.pace.allows(_person(event)):
            raise segment_calls.Refused("more than 25 events a second of one person")

    def _of_a_page(self, event: NewEvent, request: Request) -> NewEvent:
        """With its words held, and the network that it came from: limits ask for it, and never for `context.ip`."""
        body = {**page_words.hold(event.body, self.hosts), "network": peers.network(request)}
        return dataclasses.replace(event, body=body)


def _person(event: NewEvent) -> str:
    """Of a page its browser: a user id is what it says, and would use up what that one is allowed."""
    ids = ("anonymousId", "userId") if event.rank == "page" else ("userId", "anonymousId")
    return next((f"{event.source}:{event.rank}:{event.body[key]}" for key in ids if event.body.get(key)), "")


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


def _success() -> Response:
    return Response(b'{"success":true}', media_type="application/json", headers=cross_origin.ANYBODY)


def _error(status: int, code: str, message: str) -> Response:
    return each_request.answer(status, code, message, cross_origin.ANYBODY)
