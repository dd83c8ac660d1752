"""A small IMAP server in this process, with a memory and with faults: for tests of who reads a mailbox."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class Held:
    """One mail in a folder."""

    uid: int
    raw: bytes
    at: datetime
    flags: set[str] = field(default_factory=set)


@dataclass
class Mailbox:
    """`refuse` maps the beginning of a command to the answer that it gets each time; `drop_after` hangs up after one
    (the answer is sent first unless it begins with `!`), once. `comes_with` maps the beginning of a command to the mail
    that comes while it is answered, once; of new mail is told in the next answer, but of what came before IDLE never if
    `forgetful`."""

    folders: dict[str, list[Held]] = field(default_factory=lambda: {"INBOX": []})
    uid_validity: int = 1
    capabilities: str = "IMAP4rev1 IDLE MOVE UIDPLUS"
    refuse: dict[str, str] = field(default_factory=dict)
    drop_after: list[str] = field(default_factory=list)
    comes_with: dict[str, bytes] = field(default_factory=dict)
    forgetful: bool = False
    said: list[str] = field(default_factory=list)
    port: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    next_uid: int = 1

    @property
    def url(self) -> str:
        return f"imap://ada:secret@127.0.0.1:{self.port}?tls=none"

    def add(self, raw: bytes, at: datetime | None = None, folder: str = "INBOX", *, seen: bool = False) -> Held:
        held = Held(self.next_uid, raw, at or datetime.now(UTC).replace(microsecond=0), {"\\Seen"} if seen else set())
        self.next_uid += 1
        self.folders[folder].append(held)
        self.changed.set()
        return held

    @property
    def inbox(self) -> list[Held]:
        return self.folders["INBOX"]


@asynccontextmanager
async def serving(certificate: ssl.SSLContext | None = None, *, implicit: bool = False) -> AsyncIterator[Mailbox]:
    """With a `certificate` STARTTLS is offered, or everything is encrypted from the first byte (`implicit`)."""
    mailbox = Mailbox()
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await _Talk(mailbox, reader, writer, certificate).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            talks.discard(task)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=certificate if implicit else None)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


class _Talk:
    def __init__(
        self,
        mailbox: Mailbox,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        certificate: ssl.SSLContext | None,
    ) -> None:
        self.mailbox, self.reader, self.writer, self.certificate = mailbox, reader, writer, certificate
        self.folder = "INBOX"
        self.told = 0

    async def run(self) -> None:
        self._say("* OK ready")
        while line := await self.reader.readline():
            tag, _, words = line.decode().strip().partition(" ")
            self.mailbox.said.append(words)
            dropped = next((one for one in self.mailbox.drop_after if words.startswith(one.lstrip("!"))), None)
            if dropped and dropped.startswith("!"):
                self.mailbox.drop_after.remove(dropped)
                return
            refused = next((answer for start, answer in self.mailbox.refuse.items() if words.startswith(start)), None)
            coming = next((start for start in self.mailbox.comes_with if words.startswith(start)), None)
            if coming:
                self.mailbox.add(self.mailbox.comes_with.pop(coming))
            answer = refused or await self._answer(words)
            if words.startswith("UID ") and not refused:
                self._tell()
            if dropped:
                self.mailbox.drop_after.remove(dropped)
                return
            self._say(f"{tag} {answer}")
            await self.writer.drain()
            if words == "STARTTLS" and self.certificate is not None:
                await self.writer.start_tls(self.certificate)
            if words == "LOGOUT":
                return

    def _say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")

    async def _answer(self, words: str) -> str:
        verb = words.removeprefix("UID ").split(" ")[0].upper()
        match verb:
            case "CAPABILITY":
                self._say(f"* CAPABILITY {self.mailbox.capabilities}")
            case "LOGIN":
                return "OK in" if words == 'LOGIN "ada" "secret"' else "NO [AUTHENTICATIONFAILED] wrong"
            case "SELECT":
                return self._select(words)
            case "SEARCH":
                first = int(re.findall(r"UID (\d+):", words)[0])
                found = [one.uid for one in self._held() if one.uid >= first] or [one.uid for one in self._held()[-1:]]
                self._say(f"* SEARCH {' '.join(map(str, found))}".rstrip())
            case "FETCH":
                for one in self._named(words):
                    self._fetch(one, words)
            case "STORE":
                for one in self._named(words):
                    one.flags |= set(re.findall(r"\\\w+", words))
            case "MOVE" | "COPY":
                return self._move(words, keep=verb == "COPY")
            case "EXPUNGE":
                named = self._named(words)
                self.mailbox.folders[self.folder] = [
                    one for one in self._held() if one not in named or "\\Deleted" not in one.flags
                ]
            case "CREATE":
                self.mailbox.folders[words.split('"')[1]] = []
            case "IDLE":
                return await self._idle()
            case "LOGOUT":
                self._say("* BYE")
        return "OK done"

    def _tell(self) -> None:
        if len(self._held()) > self.told:
            self._say(f"* {len(self._held())} EXISTS")
        self.told = len(self._held())

    def _held(self) -> list[Held]:
        return self.mailbox.folders[self.folder]

    def _named(self, words: str) -> list[Held]:
        wanted = {int(one) for one in re.findall(r"^UID \w+ ([\d,]+)", words)[0].split(",")}
        return [one for one in self._held() if one.uid in wanted]

    def _select(self, words: str) -> str:
        self.folder = words.split('"')[1]
        if self.folder not in self.mailbox.folders:
            return "NO [NONEXISTENT] no such folder"
        self.told = 0
        self._tell()
        self._say(f"* OK [UIDVALIDITY {self.mailbox.uid_validity}] valid")
        return "OK [READ-WRITE] open"

    def _fetch(self, one: Held, words: str) -> None:
        number = self._held().index(one) + 1
        if "BODY" not in words:
            at = one.at.strftime("%d-%b-%Y %H:%M:%S +0000")
            flags = " ".join(sorted(one.flags))
            self._say(
                f'* {number} FETCH (UID {one.uid} FLAGS ({flags}) INTERNALDATE "{at}" RFC822.SIZE {len(one.raw)})'
            )
            return
        part = re.search(r"<0\.(\d+)>", words)
        body = one.raw[: int(part[1])] if part else one.raw
        name = "BODY[]<0>" if part else "BODY[]"
        self.writer.write(f"* {number} FETCH (UID {one.uid} {name} {{{len(body)}}}\r\n".encode() + body + b")\r\n")

    def _move(self, words: str, *, keep: bool) -> str:
        target = words.split('"')[1]
        if target not in self.mailbox.folders:
            return "NO [TRYCREATE] no such folder"
        for one in self._named(words):
            self.mailbox.folders[target].append(Held(one.uid, one.raw, one.at, set(one.flags)))
            if not keep:
                self._held().remove(one)
        return "OK moved"

    async def _idle(self) -> str:
        self._say("+ idling")
        await self.writer.drain()
        if self.mailbox.forgetful:
            self.told = len(self._held())
        done = asyncio.create_task(self.reader.readline())
        while not done.done():
            self.mailbox.changed.clear()
            self._tell()
            await self.writer.drain()
            changed = asyncio.create_task(self.mailbox.changed.wait())
            await asyncio.wait({done, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
        return "OK idled"
