"""One connection of the web door, held to its limits: bytes and number of headers, body, time, what waits in line.

uvicorn limits none of these: a header without end was put together from ever longer pieces, and half a request stayed.
"""

import asyncio
import time
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bot.inbound.web.connections import Connections, peer_of

_PIECE = 8192  # bytes that the parser gets at once: what a header has cost is looked at in between
_IN_LINE = 16  # requests that may wait for the answer to the one before them
_LAST_WORDS = 2.0  # seconds that somebody we refused has for reading our answer
_LAST_BYTES = 4 * 1024 * 1024  # that he may still be sending meanwhile
_WASTE = 8  # bytes around a chunk for each byte in it
_WORDS = {
    400: ("Bad Request", "bad_request", "this is no HTTP request that we understand"),
    408: ("Request Timeout", "too_slow", "the request took too long to arrive"),
    413: ("Content Too Large", "too_large", "the request is too large"),
    431: ("Request Header Fields Too Large", "headers_too_large", "the headers are too large or too many"),
    503: ("Service Unavailable", "unavailable", "too many connections; come again in a few seconds"),
}


class _Refused(Exception):  # noqa: N818 - says what we do, and ends the parser
    """Raised inside the parser's callbacks."""


class EachConnection(HttpToolsProtocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        all_of_them: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.all_of_them = all_of_them
        self.limits = all_of_them.limits
        self.host = self.peer = ""
        self._refusing = 0  # the status that a callback of the parser decided on
        self._header_bytes = self._body_bytes = self._around = self._body_of_piece = 0
        self._thrown_away = 0
        self._read_until: float | None = None  # when our answers must have been read, while they pile up
        self._reading = self._in_header = False  # of the request in hand there is more to come
        self._enter("first", self.limits.header_time)

    def _enter(self, phase: str, seconds: float | None) -> None:
        self.phase = phase
        self.since = time.monotonic()
        self.until = None if seconds is None else self.since + seconds
        if phase == "answer":
            self.until = self._read_until

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        self.peer = peer_of(self.host)
        self._enter("first", self.limits.header_time)
        if not self.all_of_them.enter(self):
            self._enter("ending", None)
            self.transport.write(_answer(503))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.all_of_them.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.phase == "ending":
            self._thrown_away += len(data)  # we said our last word, and only wait for it to be read
            if self._thrown_away > _LAST_BYTES:
                self.transport.abort()
            return
        if self.phase in ("first", "idle"):
            self._enter("header", self.limits.header_time)
        self._unset_keepalive_if_required()
        for start in range(0, len(data), _PIECE):
            if self.transport.is_closing() or not self._take(data[start : start + _PIECE]):
                return

    def _take(self, piece: bytes) -> bool:
        """False: this was the last that we wanted to hear."""
        self._body_of_piece = 0
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # we speak nothing else: answered as if it had not been asked, then closed
            self._enter("answer", None)
            return False
        except httptools.HttpParserError:
            self._refuse(self._refusing or 400)
            return False
        self._around += len(piece) - self._body_of_piece
        if self._around > self._allowed_around():
            self._refuse(431 if self._in_header else 400)
            return False
        return True

    def _allowed_around(self) -> int:
        """What does not belong to the body: the header, and then what parts its chunks and follows them."""
        return self.limits.header_bytes + (0 if self._in_header else _WASTE * self._body_bytes)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = self._body_bytes = self._around = 0
        self._reading = self._in_header = True
        if len(self.pipeline) >= _IN_LINE:
            self._stop(400)
        if self.phase != "answer":
            self._enter("header", self.limits.header_time)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_header(len(name) + len(value) + 4)
        if len(self.headers) >= self.limits.header_count:
            self._stop(431)
        if not self._in_header:
            return  # after a body in chunks; the request is being answered, and its headers stand
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._in_header = False
        self._around = 0
        self._enter("body", self.limits.body_time)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_of_piece += len(body)
        if self._body_bytes > self.limits.body_bytes:
            self._stop(413)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reading = False
        if self.cycle.response_complete:  # answered before we had heard all of it
            self._rest()
        else:
            self._enter("answer", None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.phase == "ending":
            return
        if not self._reading:
            self._rest()
        elif self._in_header:
            self._enter("header", self.limits.header_time)

    def _rest(self) -> None:
        if self.cycle.response_complete:
            self._enter("idle", self.limits.idle_time)
        else:
            self._enter("answer", None)

    @property
    def is_unread(self) -> bool:
        return self.phase == "answer" and self._read_until is not None

    def pause_writing(self) -> None:
        """Whoever asks and does not read must not keep us, however often they ask meanwhile."""
        super().pause_writing()
        self._read_until = time.monotonic() + self.limits.body_time
        if self.phase == "answer":
            self.until = self._read_until

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_until = None
        if self.phase == "answer":
            self.until = None

    def give_up(self) -> None:
        """Part of `connections.Connection`."""
        if self.phase in ("header", "body"):
            self._refuse(408)
        elif self.phase in ("first", "idle"):
            self.transport.close()
            self._enter("ending", _LAST_WORDS)
        else:  # it does not read what we say
            self.transport.abort()

    def make_room(self) -> None:
        """Part of `connections.Connection`."""
        if self.phase in ("header", "body") and self._may_answer():
            self.transport.write(_answer(408))
        self._enter("ending", _LAST_WORDS)
        self.transport.close()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self.limits.header_bytes:
            self._stop(431)

    def _stop(self, status: int) -> None:
        """Out of the parser; `_take` hears of it."""
        self._refusing = status
        raise _Refused

    def _may_answer(self) -> bool:
        """The request in hand has no answer yet, and no other is waiting for one."""
        if self.transport.is_closing() or self.pipeline:
            return False
        if self.cycle is None or self.cycle.response_complete:
            return self._in_header or not self._reading  # or its answer was given before its body had come
        return self._hears_body() and not self.cycle.response_started

    def _refuse(self, status: int) -> None:
        """A short answer where none has begun, and the end. What is still being sent is read and thrown away for a
        moment: whoever is cut off in the middle of sending sees a broken connection instead of our answer."""
        self._unset_keepalive_if_required()
        cycle, mine = self.cycle, self._may_answer()
        if not mine and cycle is not None and not cycle.response_complete and not self._hears_body():
            cycle.keep_alive = False  # the one before is being answered, and may be to its end
            for waiting, _ in self.pipeline:
                waiting.keep_alive = False
            self._enter("ending", self.limits.body_time)
            return
        if mine:
            self.transport.write(_answer(status))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self._enter("ending", _LAST_WORDS)
        self.flow.resume_reading()
        if not self.transport.is_closing():
            self.transport.write_eof()

    def _hears_body(self) -> bool:
        return self._reading and not self._in_header


def _answer(status: int) -> bytes:
    phrase, code, words = _WORDS[status]
    body = f'{{"code":"{code}","message":"{words}"}}'
    lines = [f"HTTP/1.1 {status} {phrase}", "content-type: application/json", f"content-length: {len(body)}"]
    lines += ["connection: close", *(["retry-after: 5"] if status == 503 else []), "", body]
    return "\r\n".join(lines).encode("ascii")
