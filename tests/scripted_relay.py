"""A relay that ends the talk where it is told to, as it is told to, and counts what it took."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG_UP, RESET, SILENCE = "hang up", "reset", "silence"
GARBAGE, BROKEN = "<<< not smtp >>>", "250-half an answer"
"""`BROKEN` is followed by hanging up, before the line that would end the answer."""

_MESSAGE_ID = re.compile(rb"(?mi)^message-id: *(<[^>]*>)")


@dataclass
class Scripted:
    """`end` = (step, how): at this step of a talk it ends like that, `times` times, then all goes well.

    Steps: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY (in the middle of the mail), DOT, QUIT. How: one of
    the words above, or an answer such as `421 4.3.2 closing`. `taken`: Message-IDs of what came whole, with its dot.
    """

    port: int = 0
    end: tuple[str, str] | None = None
    times: int = 1
    offers: tuple[str, ...] = ("PIPELINING", "AUTH PLAIN")
    taken: list[str] = field(default_factory=list)
    connections: int = 0
    ended: int = 0

    def url(self, tls: str = "none", login: str = "") -> str:
        return f"smtp://{login}127.0.0.1:{self.port}?tls={tls}"

    def due(self, step: str) -> str | None:
        if self.end is None or self.end[0] != step or self.times <= 0:
            return None
        self.times -= 1
        self.ended += 1
        return self.end[1]


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    relay = Scripted()
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        relay.connections += 1
        try:
            await _Talk(relay, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            talks.discard(task)
            writer.close()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # a large mail cannot hide in the system's buffers
    server = await asyncio.start_server(talk, sock=listening, limit=65_536)
    relay.port = listening.getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


class _OverError(ConnectionError):
    """The talk ended as ordered."""


class _Talk:
    def __init__(self, relay: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relay, self.reader, self.writer = relay, reader, writer

    async def run(self) -> None:
        await self.step("CONNECT", "220 scripted ESMTP")
        while line := await self.reader.readline():
            verb = line.decode("ascii", "replace").split(" ", 1)[0].strip().upper()
            match verb:
                case "EHLO":
                    await self.step("EHLO", "\r\n".join([*(f"250-{one}" for one in self.relay.offers), "250 SIZE"]))
                case "STARTTLS":
                    await self.step("STARTTLS", "220 go ahead")
                    await self.say("this is no TLS")
                case "AUTH":
                    await self.step("AUTH", "235 2.7.0 welcome")
                case "DATA":
                    if await self.step("DATA", "354 go ahead"):
                        await self.mail()
                case "QUIT":
                    await self.step("QUIT", "221 2.0.0 bye")
                    return
                case _:
                    await self.step(verb, "250 2.0.0 ok")

    async def step(self, name: str, usual: str) -> bool:
        """False: it went otherwise."""
        how = self.relay.due(name)
        if how is None:
            await self.say(usual)
        else:
            await self.end(how)
        return how is None

    async def end(self, how: str) -> None:
        if how == SILENCE:
            await asyncio.Event().wait()
        elif how == RESET:
            raw = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        elif how != HANG_UP:
            await self.say(how)
            if how != BROKEN and not how.startswith("421"):
                return
        raise _OverError

    async def say(self, answer: str) -> None:
        self.writer.write(answer.encode() + b"\r\n")
        await self.writer.drain()

    async def mail(self) -> None:
        raw = bytearray()
        if self.relay.end is not None and self.relay.end[0] == "BODY" and (how := self.relay.due("BODY")):
            await self.reader.readexactly(200)
            await self.end(how)
        while not raw.endswith(b"\r\n.\r\n"):
            more = await self.reader.read(65_536)
            if not more:
                raise _OverError
            raw += more
        found = _MESSAGE_ID.search(raw)
        assert found is not None
        how = self.relay.due("DOT")
        refused = how is not None and how[:1] in "45" and how[:3].isdigit()
        if not refused:
            self.relay.taken.append(found[1].decode())
        if how is None:
            await self.say("250 2.0.0 taken")
        else:
            await self.end(how)
