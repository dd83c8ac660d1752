"""Kept connections to one relay: several at a time, each checked before reuse, never silently in plain text.

A relay can only have what ended with the final dot, so that dot is written by itself, after all the rest has left:
whatever goes wrong before it is "not handed over", and only what goes wrong after it leaves us in doubt.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, cast

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from bot.base.config import SmtpServer

_IDLE_AT_MOST = 25.0  # seconds; most relays hang up after 30 to 300
_MAILS_EACH = 100
_CHUNK = 65_536
_LOOK_EVERY = 0.01  # seconds between looks at what has not left yet, of a mail larger than the system's buffers
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_DOTS = re.compile(rb"(?m)^\.")

Step = Literal["relay", "MAIL", "RCPT", "DATA", "END"]
"""How far we were. `relay` is all that comes before the first mail: greeting, EHLO, STARTTLS, AUTH."""


@dataclass(frozen=True)
class Patience:
    """Seconds. All of it ends inside the outbox's lease of 60 s.

    A kept connection that died of old age often shows it by silence alone, so it has less time for its first answer.
    """

    connected: float = 20.0
    answered: float = 20.0
    kept_answered: float = 5.0
    asked: float = 30.0
    """From the beginning until the relay says that it is ready for the mail."""
    sent: float = 40.0
    """From the beginning until all of the mail has left us."""
    taken: float = 55.0
    """From the beginning until the relay has said that it has the mail: one that scans takes its time."""


class NotHandedOverError(Exception):
    """The relay cannot have the mail: trying again cannot double it. `step`: how far we were."""

    def __init__(self, words: str, step: Step) -> None:
        super().__init__(words)
        self.step = step


class UnusableError(NotHandedOverError):
    """The relay does not offer what the configuration asks for (STARTTLS, AUTH)."""


class RefusedError(Exception):
    """The relay said no, with a code of 400 to 599: it did not take the mail."""

    def __init__(self, code: int, words: str, step: Step) -> None:
        super().__init__(f"{code} {words}")
        self.code = code
        self.words = words
        self.step = step


class AnswerLostError(Exception):
    """The final dot has left us, and what the relay said to it is not known: it may have the mail."""


class Utf8Needed(Exception):  # noqa: N818 - a property of the relay, not a failure
    """The address has letters that this relay does not carry (no SMTPUTF8)."""


@dataclass
class HandOver:
    """One mail on its way; `dotted` from the moment when the relay may have it."""

    return_path: str
    receiver: str
    mail: bytes
    envelope_id: str = ""
    dotted: bool = False


@dataclass
class _Connection:
    client: aiosmtplib.SMTP
    used_at: float
    mails: int = 0


class Relay:
    """`host_name` is what we call ourselves in EHLO. Safe to use from many tasks; `most` connections at a time."""

    def __init__(self, server: SmtpServer, host_name: str, *, most: int = 8, patience: Patience | None = None) -> None:
        self.server = server
        self.host_name = host_name
        self._patience = patience or Patience()
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(most)

    async def send(self, over: HandOver) -> str:
        """Hand one mail over; returns the relay's words. A relay that can will name its `envelope_id` in reports.

        Raises the errors above. Cancelled in the middle, `over.dotted` tells whether the relay may have it.
        """
        async with self._room:
            began = asyncio.get_running_loop().time()
            kept = self._kept()
            if kept is not None:
                try:
                    return await self._hand_over(kept, over, began, self._patience.kept_answered)
                except NotHandedOverError:  # died of old age; its fellows are as old, and a fresh one tells the truth
                    self._drop_idle()
            return await self._hand_over(await self._connect(), over, began, self._patience.answered)

    async def close(self) -> None:
        while self._idle:
            await _goodbye(self._idle.pop().client)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().client.close()

    def _kept(self) -> _Connection | None:
        """The connection used last, if it still stands; older ones go once they are too old."""
        while self._idle:
            connection = self._idle.pop()
            if connection.client.is_connected and time.monotonic() - connection.used_at < _IDLE_AT_MOST:
                return connection
            connection.client.close()
        return None

    async def _connect(self) -> _Connection:
        server = self.server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password.get_secret_value() if server.password else None,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            local_hostname=self.host_name,
            timeout=self._patience.connected,
        )
        async with _before_the_dot(client, "relay"), asyncio.timeout(self._patience.connected):
            await client.connect()
            if client.is_ehlo_or_helo_needed:  # connect() says EHLO only where STARTTLS or AUTH needs it
                await client.ehlo()
        return _Connection(client, time.monotonic())

    async def _hand_over(self, connection: _Connection, over: HandOver, began: float, first_answer: float) -> str:
        client = connection.client
        foreign = not (over.return_path.isascii() and over.receiver.isascii())
        if foreign and not client.supports_extension("smtputf8"):
            self._keep(connection)
            raise Utf8Needed
        try:
            protocol = await self._ask(client, over, began, foreign=foreign, first_answer=first_answer)
            words = await self._data(client, protocol, over, began)
        except RefusedError as error:
            if client.is_connected:
                await self._clear(connection)
            if error.step == "MAIL" and error.code == 421 and "4.7." not in error.words and connection.mails:
                raise NotHandedOverError(str(error), error.step) from None  # "idle too long": said to the connection
            raise
        self._keep(connection)
        return words

    async def _ask(
        self, client: aiosmtplib.SMTP, over: HandOver, began: float, *, foreign: bool, first_answer: float
    ) -> SMTPProtocol:
        """Until the relay says 354."""
        options = [f"SIZE={len(over.mail)}"] if client.supports_extension("size") else []
        if over.envelope_id and client.supports_extension("dsn"):
            options += ["RET=HDRS", f"ENVID={over.envelope_id}"]
        options += ["SMTPUTF8"] if foreign else []
        encoding, answered = "utf-8" if foreign else "ascii", self._patience.answered
        until = began + self._patience.asked
        async with _before_the_dot(client, "MAIL"), asyncio.timeout_at(until):
            await client.mail(over.return_path, options=options, encoding=encoding, timeout=first_answer)
        async with _before_the_dot(client, "RCPT"), asyncio.timeout_at(until):
            await client.rcpt(over.receiver, encoding=encoding, timeout=answered)
        async with _before_the_dot(client, "DATA"), asyncio.timeout_at(until):
            answer = await client.execute_command(b"DATA", timeout=answered)
            if answer.code != 354 or client.protocol is None:
                raise aiosmtplib.SMTPDataError(answer.code, answer.message)
            return client.protocol

    async def _data(self, client: aiosmtplib.SMTP, protocol: SMTPProtocol, over: HandOver, began: float) -> str:
        answering = asyncio.ensure_future(protocol.read_response())
        answering.add_done_callback(_looked_at)
        try:
            async with _before_the_dot(client, "END"), asyncio.timeout_at(began + self._patience.sent):
                await _write_body(protocol, over.mail, answering)
            async with _after_the_dot(client), asyncio.timeout_at(began + self._patience.taken):
                over.dotted = True
                protocol.write(b".\r\n")
                answer = await answering
                if not 200 <= answer.code < 300:
                    raise aiosmtplib.SMTPDataError(answer.code, answer.message)
                return answer.message
        finally:
            answering.cancel()

    async def _clear(self, connection: _Connection) -> None:
        """After a refusal: a clean envelope for the next mail, or the connection goes."""
        try:
            await connection.client.rset(timeout=self._patience.kept_answered)
        except (aiosmtplib.SMTPException, OSError):
            connection.client.close()
        else:
            self._keep(connection)

    def _keep(self, connection: _Connection) -> None:
        connection.mails += 1
        connection.used_at = time.monotonic()
        if connection.client.is_connected and connection.mails < _MAILS_EACH:
            self._idle.append(connection)
        else:
            connection.client.close()


@asynccontextmanager
async def _before_the_dot(client: aiosmtplib.SMTP, step: Step) -> AsyncIterator[None]:
    """Whatever goes wrong here, the relay has nothing. Only a plain refusal leaves the connection fit for another."""
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        if step in ("relay", "END") or not 400 <= error.code < 600:
            _break_off(client)
        if 400 <= error.code < 600:
            raise RefusedError(error.code, error.message, step) from error
        raise NotHandedOverError(f"an answer that does not belong there: {error.code} {error.message}", step) from error
    except Exception as error:
        _break_off(client)
        plain = type(error) is aiosmtplib.SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported)
        kind = UnusableError if step == "relay" and plain else NotHandedOverError
        raise kind(str(error) or type(error).__name__, step) from error
    except BaseException:  # cancelled in the middle of a dialogue: the next reply would be the wrong one
        _break_off(client)
        raise


@asynccontextmanager
async def _after_the_dot(client: aiosmtplib.SMTP) -> AsyncIterator[None]:
    """Only a whole answer that says no tells us that the relay has not taken it."""
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        if 400 <= error.code < 600:
            if error.code == 421:
                client.close()
            raise RefusedError(error.code, error.message, "END") from error
        client.close()
        raise AnswerLostError(f"{error.code} {error.message}") from error
    except Exception as error:
        client.close()
        raise AnswerLostError(str(error) or type(error).__name__) from error
    except BaseException:
        client.close()
        raise


async def _write_body(
    protocol: SMTPProtocol, mail: bytes, answering: "asyncio.Future[aiosmtplib.SMTPResponse]"
) -> None:
    """All but the final dot, until it has left our buffers. A relay that speaks meanwhile does not want it."""
    body = _DOTS.sub(b"..", _LINE_ENDS.sub(b"\r\n", mail))
    body += b"" if body.endswith(b"\r\n") else b"\r\n"
    for start in range(0, len(body), _CHUNK):
        protocol.write(body[start : start + _CHUNK])
        while _unsent(protocol) and not answering.done():
            await asyncio.wait({answering}, timeout=_LOOK_EVERY)
        await asyncio.sleep(0)  # what the relay said by now is heard
        if answering.done():
            answer = answering.result()
            raise aiosmtplib.SMTPDataError(answer.code, answer.message)
    if protocol.transport is None or protocol.transport.is_closing():
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")


def _looked_at(answering: "asyncio.Future[aiosmtplib.SMTPResponse]") -> None:
    """A connection that ended for another reason ends its answer too, and nobody asks for that."""
    if not answering.cancelled():
        answering.exception()


def _unsent(protocol: SMTPProtocol) -> int:
    return cast(asyncio.WriteTransport, protocol.transport).get_write_buffer_size() if protocol.transport else 0


def _break_off(client: aiosmtplib.SMTP) -> None:
    """Without sending what is still in our buffers."""
    if client.transport is not None:
        cast(asyncio.WriteTransport, client.transport).abort()
    client.close()


async def _goodbye(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit(timeout=2.0)
    except (aiosmtplib.SMTPException, OSError):
        client.close()
