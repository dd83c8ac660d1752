"""The inbox: raw updates are stored before they are acknowledged, then run in order, one chat at a time each.

aiogram's own polling acknowledges before its handlers end: whatever is in work is lost when the process dies. Here an
update and all it caused commit together, so its effects happen exactly once however often we are killed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due, logs, values, work
from bot.base.database import Database, insert, table
from bot.inbound.telegram.members import NoAnswer
from bot.tables.chat import TelegramChat, TelegramUpdate

log = logs.get(__name__)

KIND = "updates"
TRIES = 5
"""How often a failing update is tried, about a minute in all, before the chat goes on without it."""
_KILLS = 20  # an update that so many claims in a row did not survive ends as failed
_AT_ONCE = 50
_FAIR = 50  # updates of a chat in one go; then others get their turn
_LEASE = timedelta(minutes=2)
_ASK_AGAIN = timedelta(seconds=5)
_KEEP = timedelta(days=7)
_rows = table(TelegramUpdate)
_chats = table(TelegramChat)
_CLAIM = due.Claim(_chats, _AT_ONCE, _LEASE)


class Unreadable(Exception):  # noqa: N818 - says what the update is
    """Not an update as we know them; trying again would not change that."""


class Opened(Protocol):
    """An update ready to run."""

    async def act(self, session: AsyncSession, received_at: datetime, now: datetime) -> bool:
        """Change rows only. False: nobody here wants such an update."""
        ...

    async def finish(self) -> None:
        """What may follow the commit, such as a word to whoever pressed a button. Never raises."""
        ...


class Door(Protocol):
    """How an update is unpacked; may ask Telegram. Raises Unreadable."""

    async def open(self, body: Mapping[str, Any]) -> Opened: ...


async def store(session: AsyncSession, updates: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Keep updates as they came; those known already are ignored. A chat in a pause after a failure stays in it."""
    if not updates:
        return
    rows = [_row(update, now) for update in updates]
    chat = insert(session, _chats)
    # Chats before updates, in one order: whoever finishes a chat waits for this lock and then sees its new updates.
    await session.execute(
        chat.on_conflict_do_update(
            index_elements=[_chats.c.chat_id], set_={"due_at": sa.func.coalesce(_chats.c.due_at, chat.excluded.due_at)}
        ),
        [{"chat_id": chat_id, "due_at": now, "attempts": 0} for chat_id in sorted({row["chat_id"] for row in rows})],
    )
    await session.execute(insert(session, _rows).on_conflict_do_nothing(), rows)
    work.kick(session, KIND)


def _row(update: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    body = values.write_json(update)
    about = {"received_at": now, "status": "new", "attempts": 0}
    return {"update_id": int(update["update_id"]), "chat_id": chat_of(update), "body": body, "rank": "person", **about}


def chat_of(update: Mapping[str, Any]) -> int:
    """The chat whose order an update belongs to; that of the person for updates without one, else 0."""
    for content in update.values():
        if isinstance(content, Mapping):
            message = content.get("message")
            for place in (content.get("chat"), message.get("chat") if isinstance(message, Mapping) else None):
                if isinstance(place, Mapping) and isinstance(place.get("id"), int):
                    return int(place["id"])
            person = content.get("from") or content.get("user")
            if isinstance(person, Mapping) and isinstance(person.get("id"), int):
                return int(person["id"])
    return 0


async def forget(session: AsyncSession, now: datetime) -> int:
    """Delete updates that were dealt with a week ago; failed ones stay. Returns how many."""
    old = _rows.c.status.in_(("done", "ignored")) & (_rows.c.received_at < now - _KEEP)
    result = await session.execute(sa.delete(_rows).where(old))
    return int(result.rowcount)  # type: ignore[attr-defined]


class Inbox:
    """Runs stored updates: chats side by side, the updates of a chat one after another."""

    def __init__(self, database: Database, door: Door, worker: int) -> None:
        self.database = database
        self.door = door
        self.worker = worker

    def kind(self) -> work.Kind:
        return work.Kind(KIND, self.run, self._next_due)

    async def _next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, _chats)

    async def run(self) -> int:
        """Take up to 50 chats that have updates and run these. Returns how many chats were taken."""
        async with self.database.transaction() as session:
            chats = await due.claim(session, _CLAIM, self.worker, clock.now())
        await asyncio.gather(*(self._chat(chat["chat_id"], chat["attempts"]) for chat in chats))
        return len(chats)

    async def _chat(self, chat_id: int, claims: int) -> None:
        async with self.database.reading() as session:
            new = sa.select(_rows).where(_rows.c.chat_id == chat_id, _rows.c.status == "new")
            found = await session.execute(new.order_by(_rows.c.update_id).limit(_FAIR))
            waiting = found.mappings().all()
        for row in waiting:
            try:
                if claims > _KILLS:
                    await self._start_count(chat_id)  # first: a death right after it must not blame the next one
                    raise Unreadable("its worker died again and again")
                await self._one(dict(row))
            except Unreadable as error:
                await self._fail(row["update_id"], row["attempts"], str(error), final=True)
            except NoAnswer as error:
                log.warning("telegram does not say who belongs to a group", update_id=row["update_id"], why=str(error))
                await self._leave(chat_id, clock.now() + _ASK_AGAIN, untried=True)
                return
            except Exception as error:  # one row of a loop: it alone moves away
                log.exception("an update failed", update_id=row["update_id"])
                attempts = row["attempts"] + 1
                await self._fail(row["update_id"], attempts, repr(error), final=attempts >= TRIES)
                if attempts < TRIES:
                    await self._leave(chat_id, due.later(attempts, clock.now()))
                    return
            if claims > 1:
                await self._start_count(chat_id)
            claims = 0
        await self._leave(chat_id, None)

    async def _start_count(self, chat_id: int) -> None:
        """One update is dealt with: deaths from here on are those of the next."""
        async with self.database.transaction() as session:
            ours = sa.update(_chats).where(_chats.c.chat_id == chat_id, _chats.c.lease_by == self.worker)
            await session.execute(ours.values(attempts=0))

    async def _one(self, row: Mapping[str, Any]) -> None:
        opened = await self.door.open(values.read_json(row["body"]))
        mine = sa.update(_rows).where(_rows.c.update_id == row["update_id"])
        async with self.database.transaction() as session:
            # First, so that a second worker (our lease ran out) waits here and then finds nothing to do.
            taken = await session.execute(mine.where(_rows.c.status == "new").values(status="done"))
            if not taken.rowcount:  # type: ignore[attr-defined]
                return
            if not await opened.act(session, row["received_at"], clock.now()):
                await session.execute(mine.values(status="ignored"))
        await opened.finish()

    async def _fail(self, update_id: int, attempts: int, reason: str, *, final: bool) -> None:
        values = {"attempts": attempts, "error": logs.clean(reason)[:500], "status": "failed" if final else "new"}
        change = sa.update(_rows).where(_rows.c.update_id == update_id, _rows.c.status == "new")
        async with self.database.transaction() as session:
            await session.execute(change.values(**values))
        if final:
            log.error("an update was given up", update_id=update_id)

    async def _leave(self, chat_id: int, until: datetime | None, *, untried: bool = False) -> None:
        """Give the chat back: due again `until`, or at once if more updates came while we were at it. `untried`: it
        does not count as a try."""
        async with self.database.transaction() as session:
            await session.execute(sa.select(_chats.c.chat_id).where(_chats.c.chat_id == chat_id).with_for_update())
            values: dict[str, Any] = {"due_at": until, "lease_until": None, "lease_by": None}
            if untried:
                values["attempts"] = 0
            if until is None:
                more = sa.exists().where(_rows.c.chat_id == chat_id, _rows.c.status == "new")
                values["due_at"] = clock.now() if await session.scalar(sa.select(more)) else None
                values["attempts"] = 0
            ours = sa.update(_chats).where(_chats.c.chat_id == chat_id, _chats.c.lease_by == self.worker)
            await session.execute(ours.values(**values))
