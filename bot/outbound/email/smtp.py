"""Kept connections to one relay: several at a time, each checked before reuse, never silently in plain text."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

import aiosmtplib

from bot.base.config import SmtpServer

_CONNECT_WITHIN = 15.0
_ANSWER_WITHIN = 20.0
_TAKEN_WITHIN = 45.0  # after the final dot: a relay that scans takes its time; below the outbox's lease of 60 s
_IDLE_AT_MOST = 25.0  # seconds; most relays hang up after 30 to 300
_MAILS_EACH = 100


class NotHandedOverError(Exception):
    """The relay could not be reached or hung up before it had the mail: trying again cannot double it."""


class AnswerLostError(Exception):
    """The relay vanished after the mail was on its way: it may have it."""


class Utf8Needed(Exception):  # noqa: N818 - a property of the relay, not a failure
    """The address has letters that this relay does not carry (no SMTPUTF8)."""


@dataclass
class _Connection:
    client: aiosmtplib.SMTP
    used_at: float
    mails: int = 0


class Relay:
    """`host_name` is what we call ourselves in EHLO. Safe to use from many tasks; `most` connections at a time."""

    def __init__(self, server: SmtpServer, host_name: str, *, most: int = 8) -> None:
        self.server = server
        self.host_name = host_name
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(most)

    async def send(self, return_path: str, receiver: str, mail: bytes, *, envelope_id: str = "") -> str:
        """Hand one mail over; returns the relay's words. A relay that can will name `envelope_id` in its reports.

        Raises the errors above, or aiosmtplib's with a code.
        """
        async with self._room:
            while True:
                connection = self._kept()
                fresh = connection is None
                connection = connection or await self._connect()
                try:
                    return await self._hand_over(connection, return_path, receiver, mail, envelope_id)
                except NotHandedOverError:
                    connection.client.close()
                    if fresh:  # a kept connection may have died of old age: then, and only then, try another
                        raise

    async def close(self) -> None:
        while self._idle:
            await _goodbye(self._idle.pop().client)

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
            timeout=_CONNECT_WITHIN,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:  # connect() says EHLO only where STARTTLS or AUTH needs it
                await client.ehlo()
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPConnectError, aiosmtplib.SMTPTimeoutError) as error:
            client.close()
            raise NotHandedOverError(str(error)) from error
        except OSError as error:  # a certificate that is not the relay's, no route
            client.close()
            raise NotHandedOverError(str(error)) from error
        except BaseException:
            client.close()
            raise
        return _Connection(client, time.monotonic())

    async def _hand_over(
        self, connection: _Connection, return_path: str, receiver: str, mail: bytes, envelope_id: str
    ) -> str:
        client = connection.client
        foreign = not (return_path.isascii() and receiver.isascii())
        if foreign and not client.supports_extension("smtputf8"):
            self._keep(connection)
            raise Utf8Needed
        options = [f"SIZE={len(mail)}"] if client.supports_extension("size") else []
        if envelope_id and client.supports_extension("dsn"):
            options += ["RET=HDRS", f"ENVID={envelope_id}"]
        encoding = "utf-8" if foreign else "ascii"
        try:
            await client.mail(
                return_path, options=[*options, *(["SMTPUTF8"] if foreign else [])], encoding=encoding,
                timeout=_ANSWER_WITHIN,
            )  # fmt: skip
            await client.rcpt(receiver, encoding=encoding, timeout=_ANSWER_WITHIN)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            raise NotHandedOverError(str(error)) from error
        except aiosmtplib.SMTPResponseException:
            await self._clear(connection)
            raise
        except BaseException:  # cancelled in the middle of a dialogue: the next reply would be the wrong one
            client.close()
            raise
        return await self._data(connection, mail)

    async def _data(self, connection: _Connection, mail: bytes) -> str:
        try:
            response = await connection.client.data(mail, timeout=_TAKEN_WITHIN)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            raise AnswerLostError(str(error)) from error
        except aiosmtplib.SMTPResponseException:
            await self._clear(connection)
            raise
        except BaseException:
            connection.client.close()
            raise
        self._keep(connection)
        return response.message

    async def _clear(self, connection: _Connection) -> None:
        """After a refusal: a clean envelope for the next mail, or the connection goes."""
        try:
            await connection.client.rset(timeout=_ANSWER_WITHIN)
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


async def _goodbye(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit(timeout=2.0)
    except (aiosmtplib.SMTPException, OSError):
        client.close()
