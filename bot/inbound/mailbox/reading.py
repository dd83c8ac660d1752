"""One process over all reads the mailbox: what is new is stored, and only then marked or moved there."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bot.base import clock, due, logs
from bot.base.config import ImapServer
from bot.base.config.mailbox import Mailbox
from bot.base.database import Database, insert, table
from bot.inbound.mailbox import store
from bot.inbound.mailbox.imap import Fetch, Imap, ImapError, ImapRefusal, day
from bot.inbound.mailbox.store import Fetched
from bot.tables.settings import Setting

log = logs.get(__name__)

LANE = "mailbox"
_LEASE = timedelta(minutes=2)
_LOOK_EVERY = 30.0  # seconds of IDLE at most: then the lane is renewed
_LOOK_AGAIN = 2.0
"""So many seconds after something was done: some servers never tell of what came before they heard IDLE."""
_PAUSES = (2, 5, 15, 30, 60)
_BEGINNING = 512 * 1024  # bytes of a mail that is too large: its words come first
_UNREAD_OF = timedelta(days=7)
_AT_A_TIME = 20
_REFUSALS = 5
_SETTINGS = table(Setting)


class Reading:
    """`now` and `pauses` are for tests."""

    def __init__(
        self, database: Database, settings: Mailbox, worker: int, *, pauses: Sequence[float] = _PAUSES
    ) -> None:
        server = settings.server
        if server is None:
            raise ValueError("mailbox.imap_url is not set")
        self.database = database
        self.settings = settings
        self.server: ImapServer = server
        self.worker = worker
        self._pauses = pauses
        self._troubles = 0
        self._refused: dict[int, int] = {}

    async def read(self, stop: asyncio.Event) -> None:
        """Runs until `stop`. A mail that was stored and not marked yet is marked at the next start."""
        while not stop.is_set():
            if not await self._hold():
                await _rest(stop, 5)
                continue
            reading = asyncio.create_task(self._connected(stop))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await asyncio.wait({reading}, timeout=5)  # it notices by itself between two questions
                reading.cancel()
            stopped.cancel()
            pause = await self._ended(reading)
            if pause and not stop.is_set():
                await _rest(stop, pause)

    async def _ended(self, reading: "asyncio.Task[None]") -> float:
        """Why the connection ended, for whoever runs this. Returns the seconds to pause."""
        try:
            await reading
        except asyncio.CancelledError:
            return 0
        except ImapError as error:
            if error.refused:
                log.error("the mailbox does not let us in; check mailbox.imap_url", reason=logs.clean(str(error)))
                return 60
            log.warning("the mailbox cannot be read, will try again", reason=logs.clean(str(error))[:200])
        except (sa.exc.DBAPIError, OSError) as error:  # mails wait where they are
            log.warning("no mails are read: database", reason=logs.clean(str(error))[:200])
        else:
            return 0
        self._troubles += 1
        return self._pauses[min(self._troubles, len(self._pauses)) - 1]

    async def _hold(self) -> bool:
        try:
            async with self.database.transaction() as session:
                return await due.hold_lane(session, LANE, self.worker, clock.now(), _LEASE)
        except Exception as error:  # the database is away: mails wait in the mailbox
            log.warning("no mails are read: database", reason=logs.clean(str(error))[:200])
            return False

    async def _connected(self, stop: asyncio.Event) -> None:
        async with Imap.connected(self.server) as imap:
            uid_validity = await imap.select(self.settings.folder)
            since = await self._since(clock.now())
            quiet = False
            while not stop.is_set() and await self._hold():
                count = await self.look(imap, uid_validity, since)
                self._troubles = 0
                waits = min(_LOOK_EVERY, self.settings.poll.total_seconds())
                told = await self._wait(imap, stop, waits if quiet and not count else min(_LOOK_AGAIN, waits))
                quiet = not told

    async def _wait(self, imap: Imap, stop: asyncio.Event, seconds: float) -> bool:
        """Until there may be something new; whether the server told of it. NOOP makes one without IDLE tell."""
        if "IDLE" not in imap.capabilities:
            await _rest(stop, min(self.settings.poll.total_seconds(), _LEASE.total_seconds() / 3))
            await imap.command("NOOP")
            return False
        waiting = asyncio.create_task(imap.idle(seconds))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if waiting.done():
            return waiting.result()
        waiting.cancel()  # we stop: what the server still says matters to nobody
        with suppress(asyncio.CancelledError, ImapError):
            await waiting
        return False

    async def look(self, imap: Imap, uid_validity: int, since: datetime) -> int:
        """Store what is new, then put away whatever is stored. Returns how many mails were new."""
        folder = self.settings.folder
        async with self.database.reading() as session:
            newest = await store.newest(session, folder, uid_validity)
        before = day(since - timedelta(days=1))
        unread = day(since - _UNREAD_OF - timedelta(days=1))
        imap.news = False  # what it tells from here on may have come too late for this look
        # Dates are compared in the zone of the server: ask for a day more, and look closely below.
        found = await imap.search(f"UID {newest + 1}:* OR SINCE {before} (UNSEEN SINCE {unread})")
        fresh = [uid for uid in found if uid > newest]  # `n:*` always gives the last mail
        count = 0
        for start in range(0, len(fresh), _AT_A_TIME):
            heads = await imap.fetch(fresh[start : start + _AT_A_TIME], "UID FLAGS INTERNALDATE RFC822.SIZE")
            for head in heads:
                if _wanted(head, since):
                    count += await self._store(imap, uid_validity, head)
        await self._put_away(imap, uid_validity)
        return count

    async def _store(self, imap: Imap, uid_validity: int, head: Fetch) -> bool:
        """Committed before the mailbox hears of it."""
        cut = head.size > self.settings.largest_bytes
        part = f"BODY.PEEK[]<0.{_BEGINNING}>" if cut else "BODY.PEEK[]"
        at = head.received_at or clock.now()
        try:
            bodies = await imap.fetch([head.uid], f"UID {part}")
        except ImapRefusal:
            if (refusals := self._refused.get(head.uid, 0) + 1) < _REFUSALS:
                self._refused[head.uid] = refusals
                raise
            # One mail that the server cannot read must not keep all others from us: it fails, and stays as it is.
            mail = Fetched(head.uid, b"", head.size, at, cut=True)
        else:
            body = next((one.body for one in bodies if one.uid == head.uid), None)
            if body is None:  # somebody took it away meanwhile
                return False
            mail = Fetched(head.uid, body, max(head.size, len(body)), at, cut)
        async with self.database.transaction() as session:
            return await store.keep(session, self.settings.folder, uid_validity, mail, clock.now())

    async def _put_away(self, imap: Imap, uid_validity: int) -> None:
        """Mark or move what is safely here. Killed in between, it is done at the next look."""
        folder = self.settings.folder
        while True:
            async with self.database.reading() as session:
                uids = await store.to_put_away(session, folder, uid_validity)
            if not uids:
                return
            try:
                if self.settings.done_folder:
                    await imap.move(uids, self.settings.done_folder)
                else:
                    await imap.mark_seen(uids)
            except ImapRefusal as error:  # they are taken all the same: it is tried again at every look
                key = "mailbox.done_folder" if self.settings.done_folder else "mailbox.folder"
                log.error(f"mail that was taken stays where it is; check {key}", reason=logs.clean(str(error))[:200])
                return
            async with self.database.transaction() as session:
                await store.are_put_away(session, folder, uid_validity, uids)

    async def _since(self, now: datetime) -> datetime:
        """When this folder was read for the first time: older mail is taken only if it is unread and of this week."""
        name = f"mailbox:{self.server.user}@{self.server.host}/{self.settings.folder}"
        async with self.database.transaction() as session:
            first = insert(session, _SETTINGS).values(name=name, value=now.isoformat(), changed_at=now)
            await session.execute(first.on_conflict_do_nothing())
            value = await session.scalar(sa.select(_SETTINGS.c.value).where(_SETTINGS.c.name == name))
        return datetime.fromisoformat(str(value)).astimezone(UTC)


def _wanted(head: Fetch, since: datetime) -> bool:
    at = head.received_at or since
    return at >= since or ("\\seen" not in head.flags and at >= since - _UNREAD_OF)


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
