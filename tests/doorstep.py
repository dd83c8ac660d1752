"""A real web server with small limits for tests of the door, and raw connections to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import PlainTextResponse

from bot.base.config.web_limits import WebLimits
from bot.inbound.web import each_request, server
from bot.inbound.web.connections import Limits


def _router() -> APIRouter:
    router = APIRouter()

    @router.get("/hello")
    async def _hello() -> PlainTextResponse:
        return PlainTextResponse("hello")

    @router.post("/body")
    async def _body(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await each_request.read(request, 100_000))))

    @router.get("/slow")
    async def _slow() -> PlainTextResponse:
        await asyncio.sleep(0.6)
        return PlainTextResponse("at last")

    @router.get("/large")
    async def _large() -> PlainTextResponse:
        return PlainTextResponse("x" * 20_000_000)

    return router


@dataclass
class Visitor:
    """One connection. `hear` gives all that the server says until it closes, or `seconds` of silence."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Says it as far as the server still listens."""
        with contextlib.suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    async def hear(self, seconds: float = 10.0) -> bytes:
        heard = b""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                while more := await self.reader.read(65536):
                    heard += more
        return heard

    async def answer(self) -> bytes:
        """The status line and headers of the next answer, with its body read away."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await self.reader.readexactly(int(line.split(b":")[1]))
        return head

    async def is_closed(self, within: float = 10.0) -> bool:
        """The server ends it; what it still says does not matter."""
        try:
            async with asyncio.timeout(within):
                while await self.reader.read(65536):
                    pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


@dataclass
class Doorstep:
    port: int

    async def visit(self, source: str = "127.0.0.1") -> Visitor:
        """From one of the addresses of this machine: all of 127.0.0.0/8 are."""
        return Visitor(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0)))

    async def ask(self, data: bytes, seconds: float = 10.0) -> bytes:
        visitor = await self.visit()
        await visitor.say(data)
        heard = await visitor.hear(seconds)
        visitor.writer.close()
        return heard


@contextlib.asynccontextmanager
async def doorstep(
    *, proxies: tuple[str, ...] = (), app: FastAPI | None = None, **limits: Any
) -> AsyncIterator[Doorstep]:
    listening, stop = server.listen("127.0.0.1", 0), asyncio.Event()
    said = Limits.of(WebLimits(**limits), proxies)
    serving = asyncio.create_task(server.serve(app or each_request.build([_router()]), listening, stop, said))
    try:
        yield Doorstep(listening.getsockname()[1])
    finally:
        stop.set()
        await serving
        listening.close()
