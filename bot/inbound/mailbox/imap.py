"""IMAP as far as a reader of one mailbox needs it (RFC 3501, IDLE, MOVE): one connection, one command at a time.

Every answer is waited for so long and no longer; what does not fit the grammar ends the connection, never the program.
"""

import asyncio
import base64
import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot.base.config import ImapServer

_CONNECT_WITHIN = 20.0
_ANSWER_WITHIN = 60.0
_LONGEST_LINE = 1_000_000  # an answer to SEARCH may name many mails
_LARGEST_LITERAL = 110 * 1024 * 1024
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_NEW = re.compile(rb"\* \d+ (?:EXISTS|RECENT)\b", re.I)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ImapError(Exception):
    """The server said no, hung up, kept silent, or spoke something else. `refused`: it does not let us in."""

    def __init__(self, words: str, *, refused: bool = False) -> None:
        super().__init__(words)
        self.refused = refused


class ImapRefusal(ImapError):  # noqa: N818 - an answer, not a failure
    """The server said no to one command; the connection still stands."""


Answer = list[list[bytes]]
"""Untagged answers: each the pieces of one, lines and literals in turn."""


class Imap:
    """Use as `async with Imap.connected(server) as imap`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: ImapServer) -> None:
        self._reader = reader
        self._writer = writer
        self._server = server
        self._count = 0
        self.capabilities: frozenset[str] = frozenset()
        self.news = False
        """Whether it told of new mail in the answer to anything: it will not say so again. Whoever looks clears it."""

    @classmethod
    def connected(cls, server: ImapServer) -> "_Connecting":
        return _Connecting(server)

    @classmethod
    async def open(cls, server: ImapServer) -> "Imap":
        """Connected, encrypted as the configuration says, and logged in. Raises ImapError."""
        context = ssl.create_default_context() if server.tls != "none" else None
        try:
            async with asyncio.timeout(_CONNECT_WITHIN):
                reader, writer = await asyncio.open_connection(
                    server.host, server.port, limit=_LONGEST_LINE, ssl=context if server.tls == "implicit" else None
                )
        except (OSError, TimeoutError) as error:
            raise ImapError(f"no connection: {error or type(error).__name__}") from error
        imap = cls(reader, writer, server)
        try:
            greeting = (await imap._line())[0]
            if not greeting.startswith((b"* OK", b"* PREAUTH")):
                raise ImapError(f"no greeting: {_shown(greeting)}")
            if server.tls == "starttls" and context is not None:
                await imap.command("STARTTLS")
                async with asyncio.timeout(_CONNECT_WITHIN):
                    await writer.start_tls(context, server_hostname=server.host)
            await imap._log_in()
        except (OSError, TimeoutError) as error:
            imap.hang_up()
            raise ImapError(f"no encrypted connection: {error or type(error).__name__}") from error
        except BaseException:
            imap.hang_up()
            raise
        return imap

    async def _log_in(self) -> None:
        user, password = self._server.user, self._server.password.get_secret_value()
        await self._ask_capabilities()
        try:
            if "AUTH=PLAIN" in self.capabilities:
                word = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
                await self.command("AUTHENTICATE PLAIN", say_then=word)
            else:
                await self.command(f"LOGIN {quoted(user)} {quoted(password)}")
        except ImapRefusal as error:
            raise ImapError(f"not let in: {error}", refused=True) from error
        await self._ask_capabilities()

    async def _ask_capabilities(self) -> None:
        for answer in await self.command("CAPABILITY"):
            if answer[0].upper().startswith(b"* CAPABILITY"):
                self.capabilities = frozenset(answer[0].decode("ascii", "replace").upper().split()[2:])

    async def select(self, folder: str) -> int:
        """Open the folder for changes. Returns its UIDVALIDITY."""
        for answer in await self.command(f"SELECT {quoted(mailbox_name(folder))}"):
            if found := re.search(rb"\[UIDVALIDITY (\d+)\]", answer[0], re.I):
                return int(found[1])
        raise ImapError("the folder has no UIDVALIDITY")

    async def search(self, words: str) -> list[int]:
        """The UIDs that fit, in order."""
        found: list[int] = []
        for answer in await self.command(f"UID SEARCH {words}"):
            if answer[0].upper().startswith(b"* SEARCH"):
                found += [int(one) for one in answer[0].split()[2:] if one.isdigit()]
        return sorted(set(found))

    async def fetch(self, uids: Sequence[int], what: str) -> list["Fetch"]:
        """What the server tells of these mails; of one that is gone, nothing."""
        if not uids:
            return []
        answers = await self.command(f"UID FETCH {','.join(map(str, uids))} ({what})")
        found = [one for one in (Fetch.read(answer) for answer in answers) if one is not None]
        return sorted(found, key=lambda one: one.uid)

    async def mark_seen(self, uids: Sequence[int]) -> None:
        if uids:
            await self.command(f"UID STORE {','.join(map(str, uids))} +FLAGS.SILENT (\\Seen)")

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Into another folder, which is made if it is not there. Nothing else is ever removed."""
        if not uids:
            return
        listed, name = ",".join(map(str, uids)), quoted(mailbox_name(folder))
        try:
            await self._move(listed, name)
        except ImapRefusal as error:
            if "TRYCREATE" not in str(error).upper() and "NONEXISTENT" not in str(error).upper():
                raise
            await self.command(f"CREATE {name}")
            await self._move(listed, name)

    async def _move(self, listed: str, name: str) -> None:
        if "MOVE" in self.capabilities:
            await self.command(f"UID MOVE {listed} {name}")
            return
        await self.command(f"UID COPY {listed} {name}")
        await self.command(f"UID STORE {listed} +FLAGS.SILENT (\\Seen \\Deleted)")
        if "UIDPLUS" in self.capabilities:  # without it, EXPUNGE would remove what others marked, too
            await self.command(f"UID EXPUNGE {listed}")

    async def idle(self, seconds: float) -> bool:
        """Wait until the server tells of something new, or told of it before. False when it was silent for so long."""
        if self.news:
            return True
        tag = self._say("IDLE")
        told = False
        while not (line := (await self._line())[0]).startswith(b"+"):
            if line.startswith(tag):
                raise ImapRefusal(_shown(line))
            told = told or bool(_NEW.match(line))
        try:
            async with asyncio.timeout(seconds):
                while not told:
                    told = bool(_NEW.match(await self._read_line()))
        except TimeoutError:
            pass
        self._writer.write(b"DONE\r\n")
        await self._until(tag)
        return told

    async def command(self, words: str, *, say_then: str = "") -> Answer:
        """Say it and collect what comes back. Raises ImapError with the server's words when it refuses."""
        tag = self._say(words)
        return await self._until(tag, say_then)

    def _say(self, words: str) -> bytes:
        self._count += 1
        tag = f"a{self._count}"
        self._writer.write(f"{tag} {words}\r\n".encode())
        return tag.encode()

    async def _until(self, tag: bytes, say_then: str = "") -> Answer:
        answers: Answer = []
        while True:
            pieces = await self._line()
            line = pieces[0]
            if line.startswith(b"+"):
                self._writer.write(f"{say_then}\r\n".encode() if say_then else b"*\r\n")
                say_then = ""
            elif line.startswith(b"* BYE"):
                raise ImapError(f"it hung up: {_shown(line)}")
            elif line.startswith(tag + b" "):
                if not line[len(tag) + 1 :].upper().startswith(b"OK"):
                    raise ImapRefusal(_shown(line[len(tag) + 1 :]))
                return [*answers, pieces]
            else:
                self.news = self.news or bool(_NEW.match(line))
                answers.append(pieces)

    async def _line(self) -> list[bytes]:
        """One answer: lines, and the literals between them."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                await self._writer.drain()
                pieces = [await self._read_line()]
                while literal := _LITERAL.search(pieces[-1]):
                    size = int(literal[1])
                    if size > _LARGEST_LITERAL:
                        raise ImapError(f"more than asked for: {size} bytes")
                    pieces.append(await self._reader.readexactly(size))
                    pieces.append(await self._read_line())
                return pieces
        except TimeoutError as error:
            raise ImapError("no answer in time") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ImapError(f"the connection broke: {error or type(error).__name__}") from error

    async def _read_line(self) -> bytes:
        try:
            line = await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as error:
            raise ImapError("a line without end") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ImapError(f"the connection broke: {type(error).__name__}") from error
        return line

    async def log_out(self) -> None:
        try:
            async with asyncio.timeout(3):
                await self.command("LOGOUT")
        except (ImapError, TimeoutError):  # its BYE is one, too
            pass
        finally:
            self.hang_up()

    def hang_up(self) -> None:
        self._writer.close()


class _Connecting:
    def __init__(self, server: ImapServer) -> None:
        self._server = server
        self._imap: Imap | None = None

    async def __aenter__(self) -> Imap:
        self._imap = await Imap.open(self._server)
        return self._imap

    async def __aexit__(self, kind: type[BaseException] | None, *_about: object) -> None:
        assert self._imap is not None
        if kind is None:
            await self._imap.log_out()
        else:
            self._imap.hang_up()


class Fetch:
    """What FETCH told of one mail."""

    def __init__(self, uid: int, flags: frozenset[str], size: int, received_at: datetime | None, body: bytes) -> None:
        self.uid = uid
        self.flags = flags
        self.size = size
        self.received_at = received_at
        self.body = body

    @classmethod
    def read(cls, pieces: Sequence[bytes]) -> "Fetch | None":
        """None if this is another kind of answer. A body may come as a literal or, if short, as a quoted string."""
        words = b" ".join(pieces[::2])
        if not re.match(rb"\* \d+ FETCH ", words, re.I) or not (uid := re.search(rb"\bUID (\d+)", words, re.I)):
            return None
        flags = re.search(rb"FLAGS \(([^)]*)\)", words, re.I)
        size = re.search(rb"RFC822\.SIZE (\d+)", words, re.I)
        at = re.search(rb'INTERNALDATE "([^"]+)"', words, re.I)
        body = pieces[1] if len(pieces) > 1 else b""
        if len(pieces) == 1 and (short := re.search(rb'BODY\[\](?:<\d+>)? "((?:[^"\\]|\\.)*)"', words, re.I)):
            body = re.sub(rb"\\(.)", rb"\1", short[1])
        return cls(
            int(uid[1]),
            frozenset(flags[1].decode("ascii", "replace").lower().split()) if flags else frozenset(),
            int(size[1]) if size else len(body),
            moment(at[1].decode("ascii", "replace")) if at else None,
            body,
        )


def moment(text: str) -> datetime | None:
    """An INTERNALDATE (` 4-Mar-2026 12:00:00 +0100`) as an instant, whatever the language of this machine."""
    found = re.fullmatch(r"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d:\d\d:\d\d) ([+-]\d{4})", text)
    if not found or found[2].title() not in _MONTHS:
        return None
    month = _MONTHS.index(found[2].title()) + 1
    try:
        return datetime.strptime(
            f"{found[3]}-{month:02}-{int(found[1]):02} {found[4]} {found[5]}", "%Y-%m-%d %H:%M:%S %z"
        ).astimezone(UTC)
    except ValueError:
        return None


def day(at: datetime) -> str:
    """A date as SEARCH wants it."""
    return f"{at.day}-{_MONTHS[at.month - 1]}-{at.year}"


def quoted(text: str) -> str:
    """Raises ValueError for what no quoted string may hold."""
    if re.search(r"[\r\n\0]", text):
        raise ValueError("a line break in a word for the mail server")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mailbox_name(name: str) -> str:
    """The name of a folder in the UTF-7 of IMAP (RFC 3501, 5.1.3)."""

    def shifted(found: re.Match[str]) -> str:
        if found[0] == "&":
            return "&-"
        raw = base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        return f"&{raw}-"

    return re.sub(r"&|[^\x20-\x7e]+", shifted, name)


def _shown(line: Any) -> str:
    return bytes(line).decode("utf-8", "replace").strip()[:200]
