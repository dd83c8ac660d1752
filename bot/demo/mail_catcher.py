"""A small SMTP server that keeps what it gets, and fails on request: for the demo, and for tests of sending."""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from bot.base import private

_BIGGEST = 50_000_000


@dataclass(frozen=True)
class Caught:
    """One mail as it arrived; `file` is where it was written, if a folder was given."""

    return_path: str
    receivers: tuple[str, ...]
    raw: bytes
    file: Path | None = None

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, subtype: str) -> str:
        """The decoded content of the text/`subtype` part."""
        for part in self.message.walk():
            if part.get_content_type() == f"text/{subtype}":
                return str(part.get_content())
        raise LookupError(f"no text/{subtype} part")


@dataclass
class Catcher:
    """The server's memory and its faults; change them while it runs.

    `delay` seconds pass before each answer. `reject` maps an address to the answer of its RCPT (`550 5.1.1 no such
    user`). Each of `answers` is given once: (`RCPT`, `451 4.3.0 later`). `drop_after_data` connections end after the
    final dot, before the answer; the mail is kept all the same. `utf8` announces SMTPUTF8, `dsn` DSN (RFC 3461);
    `envelopes` has the arguments of each MAIL.
    """

    folder: Path | None = None
    port: int = 0
    delay: float = 0.0
    reject: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)
    drop_after_data: int = 0
    utf8: bool = True
    dsn: bool = False
    envelopes: list[str] = field(default_factory=list)
    mails: list[Caught] = field(default_factory=list)
    connections: int = 0
    logins: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """What to write into `mail.smtp_url`."""
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    def to(self, address: str) -> list[Caught]:
        return [mail for mail in self.mails if address in mail.receivers]

    async def wait_for(self, count: int, within: float = 10.0) -> list[Caught]:
        """Until so many mails have come. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while len(self.mails) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.mails

    def keep(self, return_path: str, receivers: list[str], raw: bytes) -> None:
        file = None
        if self.folder:
            private.make_folder(self.folder)
            file = self.folder / f"{len(self.mails) + 1:03d}.eml"
            private.write_bytes(file, raw)
        self.mails.append(Caught(return_path, tuple(receivers), raw, file))
        self.arrived.set()

    def fault(self, verb: str) -> str | None:
        """The answer that somebody ordered for this command, once."""
        for n, (wanted, answer) in enumerate(self.answers):
            if wanted == verb:
                del self.answers[n]
                return answer
        return None


@asynccontextmanager
async def catch(folder: Path | None = None, port: int = 0) -> AsyncIterator[Catcher]:
    """A catcher on 127.0.0.1, on a free port unless one is given; `.eml` files go into `folder`."""
    catcher = Catcher(folder)
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await _Dialogue(catcher, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            talks.discard(task)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, limit=_BIGGEST)
    catcher.port = server.sockets[0].getsockname()[1]
    try:
        yield catcher
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


class _Dialogue:
    """One client's conversation."""

    def __init__(self, catcher: Catcher, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.catcher = catcher
        self.reader = reader
        self.writer = writer
        self.return_path: str | None = None
        self.receivers: list[str] = []

    async def run(self) -> None:
        self.catcher.connections += 1
        await self._say(self.catcher.fault("CONNECT") or "220 catcher ESMTP")
        while line := await self.reader.readline():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                await self._say("221 2.0.0 goodbye")
                return
            answer = self.catcher.fault(verb.upper()) or await self._answer(verb.upper(), rest)
            if not answer:
                return
            await self._say(answer)
            if answer.startswith("421"):
                return

    async def _say(self, answer: str) -> None:
        if self.catcher.delay:
            await asyncio.sleep(self.catcher.delay)
        self.writer.write(answer.encode() + b"\r\n")
        await self.writer.drain()

    async def _answer(self, verb: str, rest: str) -> str:
        """The answer to a command; empty: hang up without a word."""
        match verb:
            case "EHLO":
                offers = ["catcher", "PIPELINING", "SIZE 50000000", "8BITMIME", "AUTH PLAIN LOGIN"]
                offers += ["SMTPUTF8"] if self.catcher.utf8 else []
                offers += ["DSN"] if self.catcher.dsn else []
                return "\r\n".join([*(f"250-{offer}" for offer in offers), "250 ENHANCEDSTATUSCODES"])
            case "HELO" | "NOOP":
                return "250 2.0.0 ok"
            case "AUTH":
                return await self._login(rest)
            case "RSET":
                self.return_path, self.receivers = None, []
                return "250 2.0.0 ok"
            case "MAIL":
                self.catcher.envelopes.append(rest)
                self.return_path, self.receivers = _address(rest), []
                return "250 2.1.0 ok"
            case "RCPT":
                return self._receiver(_address(rest))
            case "DATA":
                return await self._data()
        return "502 5.5.1 unknown command"

    def _receiver(self, address: str) -> str:
        if self.return_path is None:
            return "503 5.5.1 MAIL first"
        refusal = self.catcher.reject.get(address)
        if refusal is None:
            self.receivers.append(address)
        return refusal or "250 2.1.5 ok"

    async def _data(self) -> str:
        if not self.receivers:
            return "503 5.5.1 RCPT first"
        await self._say("354 end with a dot")
        raw = bytearray()
        while (line := await self.reader.readline()) not in (b".\r\n", b""):
            raw += line[1:] if line.startswith(b".") else line
        if not line:
            return ""
        refusal = self.catcher.fault("END")
        if refusal is None:
            self.catcher.keep(self.return_path or "", self.receivers, bytes(raw))
        self.return_path, self.receivers = None, []
        if self.catcher.drop_after_data > 0:
            self.catcher.drop_after_data -= 1
            return ""
        return refusal or f"250 2.0.0 kept as {len(self.catcher.mails)}"

    async def _login(self, rest: str) -> str:
        method, _, first = rest.partition(" ")
        if method.upper() == "PLAIN":
            raw = _decoded(first or await self._ask(""))
            self.catcher.logins.append(raw.split("\0")[1] if raw.count("\0") == 2 else "")
        elif method.upper() == "LOGIN":
            self.catcher.logins.append(_decoded(first or await self._ask("VXNlcm5hbWU6")))
            await self._ask("UGFzc3dvcmQ6")
        else:
            return "504 5.5.4 not offered"
        return "235 2.7.0 welcome"

    async def _ask(self, challenge: str) -> str:
        await self._say(f"334 {challenge}")
        return (await self.reader.readline()).decode("ascii", "replace").strip()


def _address(argument: str) -> str:
    found = re.search(r"<([^>]*)>", argument)
    return found[1] if found else ""


def _decoded(word: str) -> str:
    try:
        return base64.b64decode(word).decode("utf-8", "replace")
    except binascii.Error:
        return ""
