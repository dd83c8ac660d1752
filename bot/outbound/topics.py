"""The forum topic of a ticket: made once, found again, made anew when somebody deleted it.

The row says `creating` and by whom before Telegram is asked, so two workers never make two topics for a ticket; a
worker that died in between is taken over from. Two tickets never share a topic: an answer written there would go to the
wrong customer. A topic that two of them lay claim to is left by both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError
from aiogram.methods import CreateForumTopic
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import clock, due, logs
from bot.base.database import Database, insert, table
from bot.base.ground import Ground
from bot.outbound import staff_group, twins
from bot.outbound.sender import DeliveryError, NotNow
from bot.outbound.telegram_bot import ask, field
from bot.outbound.telegram_errors import says
from bot.tables.chat import FormerTopic, Topic
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

log = logs.get(__name__)
_rows = table(Topic)
_former = table(FormerTopic)
LONGEST_NAME = 128
_RECAP_LINES = 20
_TRIES = 3


@dataclass(frozen=True)
class Found:
    """A topic as it stands. `bare`: made anew, and what was said before is still to be repeated in it."""

    row_id: int
    ticket_id: int
    chat_id: int
    thread_id: int
    bare: bool
    card_message_id: int | None
    card: Mapping[str, Any]
    title: str
    icon: str
    icon_at: datetime | None


class Topics:
    """Rows of `Topic` and the calls that make them true."""

    def __init__(self, database: Database, bot: Bot, ground: Ground, worker: int) -> None:
        self.database = database
        self.bot = bot
        self.ground = ground
        self.worker = worker

    async def group(self, receiver: str) -> int:
        """The staff group of `staff:ID` as it is reached now."""
        async with self.database.reading() as session:
            found = await staff_group.current(session, int(receiver.partition(":")[2]))
        assert found is not None
        return found

    async def _group_of(self, session: AsyncSession, ticket_id: int) -> int:
        """The staff group for the topic of a ticket. Raises DeliveryError while none is configured."""
        found = await staff_group.pick(session, self.ground.config, ticket_id)
        if found is None:
            raise DeliveryError("telegram.staff_chat_id is not set", retry_after=300)
        return found

    async def find(self, ticket_id: int) -> Found | None:
        """The topic if there is one to write into."""
        async with self.database.reading() as session:
            row = (await session.execute(sa.select(_rows).where(_rows.c.ticket_id == ticket_id))).mappings().first()
        return _found(dict(row)) if row and row["state"] in ("ready", "bare") else None

    async def open(self, ticket_id: int, title: str | None, icon: tuple[str, str] | None = None) -> Found:
        """The topic, made if need be; `icon` is a state and the emoji that shows it.

        Raises NotNow while another worker makes it. One worker asks for one at a time.
        """
        if found := await self.find(ticket_id):
            return found
        for _ in range(_TRIES):
            async with self.database.transaction() as session:
                chat_id = await self._group_of(session, ticket_id)
                row = await self._begin(session, ticket_id, chat_id, title)
            if row["state"] in ("ready", "bare"):
                return _found(row)
            thread_id = await self._made(row, chat_id, icon[1] if icon else None)
            # A topic that had a thread or a card before was deleted: its card and words are repeated first.
            again = bool(row["thread_id"] or row["card"])
            values = {
                "state": "bare" if again else "ready",
                "chat_id": chat_id,
                "thread_id": thread_id,
                "card_message_id": None,
                "title": row["name"],
                "icon": icon[0] if icon else "",
                "icon_at": clock.now() if icon else None,
                "made_by": None,
            }
            if await self._taken(row, values):
                log.info("topic made", ticket_id=ticket_id, again=again)
                return _found({**row, **values})
        raise NotNow(60)

    async def _made(self, row: Mapping[str, Any], chat_id: int, icon: str | None) -> int:
        """A new topic; or the one that was asked for before, if its answer was lost."""
        unheard_since, name = row["unheard_since"], row["name"]
        try:
            if unheard_since is not None:
                found = await twins.find_topic(self.bot, self.database, chat_id, name, icon, unheard_since)
                if found is not None:
                    return found
            unheard_since = None
            asked = CreateForumTopic(chat_id=chat_id, name=name, icon_custom_emoji_id=icon)
            return int(field(await ask(self.bot, asked), "message_thread_id"))
        except Exception as error:
            values: dict[str, Any] = {"state": "gone", "changed_at": clock.now()}
            if unheard_since is not None or isinstance(error, TelegramNetworkError):
                values = {"state": "creating"}  # still to be looked for: it may have been made all the same
            elif isinstance(error, TelegramAPIError) and says(error, "not a forum") and row["thread_id"]:
                # Topics may be switched off for a while only: then the old one is there again afterwards.
                values |= {"state": "ready" if row["chat_id"] == chat_id else "gone", "title": row["title"]}
            async with self.database.transaction() as session:
                await session.execute(self._mine(row).values(**values, made_by=None))
            raise

    async def _begin(self, session: AsyncSession, ticket_id: int, chat_id: int, title: str | None) -> dict[str, Any]:
        """The row, with the `name` to ask for, and `unheard_since` if it was asked for before and nobody heard of it.

        Where the row says that the topic stands, it stays until there is another: number and group belong together.
        """
        now = clock.now()
        fresh = {
            "ticket_id": ticket_id,
            "chat_id": chat_id,
            "state": "gone",
            "card": {},
            "title": "",
            "changed_at": now,
        }
        await session.execute(insert(session, _rows).values(fresh).on_conflict_do_nothing())
        found = await session.execute(sa.select(_rows).where(_rows.c.ticket_id == ticket_id).with_for_update())
        row = dict(found.mappings().one())
        if row["state"] in ("ready", "bare"):
            return row
        if row["state"] == "creating" and row["made_by"] != self.worker and await _lives(session, row["made_by"]):
            raise NotNow(5)
        unheard_since = row["changed_at"] if row["state"] == "creating" else None
        # By the same name again: the next card brings the one of now.
        names = (row["title"], title) if unheard_since else (title, row["title"])
        name = (names[0] or names[1] or await _name(session, ticket_id))[:LONGEST_NAME]
        values = {"state": "creating", "made_by": self.worker, "title": name, "changed_at": unheard_since or now}
        await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(**values))
        return {**row, "name": name, "unheard_since": unheard_since}

    async def _taken(self, row: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        """Whether the ticket has this topic now. Not one that another ticket has, or that any left."""
        here = {"chat_id": values["chat_id"], "thread_id": values["thread_id"]}
        left = sa.select(_former.c.id).filter_by(**here)
        async with self.database.transaction() as session:
            if await session.scalar(left) is None:
                try:
                    async with session.begin_nested():
                        change = self._mine(row).values(**values, changed_at=clock.now())
                        if (await session.execute(change)).rowcount:  # type: ignore[attr-defined]
                            return True
                except sa.exc.IntegrityError:
                    log.exception("a topic that another ticket has", ticket_id=row["ticket_id"], **here)
            await self._leave(session, row, here)
        return False

    async def _leave(self, session: AsyncSession, row: Mapping[str, Any], here: Mapping[str, int]) -> None:
        """Give a topic up that is this ticket's only as Telegram says it.

        Whoever writes there is told where the ticket is. If another ticket has it, nobody knows for whom words in
        there are meant: that one gets a new topic too.
        """
        current = sa.select(_rows.c.id).filter_by(id=row["id"], **here)
        if await session.scalar(current) is not None:
            return  # whoever took over from us found what we made
        others = sa.update(_rows).filter_by(**here)
        await session.execute(others.values(state="gone", made_by=None, changed_at=clock.now()))
        kept = insert(session, _former).values(ticket_id=row["ticket_id"], left_at=clock.now(), **here)
        await session.execute(kept.on_conflict_do_nothing())
        again = self._mine(row).values(state="gone", made_by=None, changed_at=clock.now())
        await session.execute(again)
        log.error("a topic is left, so that no answer goes astray", ticket_id=row["ticket_id"], **here)

    def _mine(self, row: Mapping[str, Any]) -> sa.Update:
        """Change the row while it is ours to make the topic; somebody may have taken over from us."""
        mine = _rows.c.state == "creating", _rows.c.made_by == self.worker
        return sa.update(_rows).where(_rows.c.id == row["id"], *mine)

    async def lost(self, found: Found) -> None:
        """Somebody deleted this thread; unless it was replaced already, a new one is made by the next `open`."""
        gone = sa.update(_rows).where(_rows.c.id == found.row_id, _rows.c.thread_id == found.thread_id)
        async with self.database.transaction() as session:
            await session.execute(gone.values(state="gone", changed_at=clock.now()))
        log.warning("topic was deleted", ticket_id=found.ticket_id)

    async def before(self, found: Found, in_chat: object) -> int | None:
        """The other group in which `in_chat` says that messages stand; None when it is the one of the topic."""
        if not isinstance(in_chat, int) or in_chat == found.chat_id:
            return None
        async with self.database.reading() as session:
            chat_id = await staff_group.current(session, in_chat)
        return None if chat_id == found.chat_id else chat_id

    async def deleted(self, found: Found) -> None:
        """We deleted it ourselves, with all that stood there: nothing is repeated in another one."""
        await self._set(found.row_id, state="gone", card_message_id=None, card={}, title="", thread_id=None)

    async def keep_card(self, found: Found, message_id: int, card: Mapping[str, Any]) -> None:
        await self._set(found.row_id, card_message_id=message_id, card=dict(card), card_at=clock.now())

    async def renamed(self, found: Found, title: str) -> None:
        await self._set(found.row_id, title=title)

    async def marked(self, found: Found, icon: str) -> None:
        await self._set(found.row_id, icon=icon, icon_at=clock.now())

    async def repeated(self, found: Found) -> None:
        """What was said before stands in the new topic now."""
        await self._set(found.row_id, state="ready")

    async def _set(self, row_id: int, **values: Any) -> None:
        async with self.database.transaction() as session:
            change = sa.update(_rows).where(_rows.c.id == row_id)
            await session.execute(change.values(**values, changed_at=clock.now()))

    async def recap(self, ticket_id: int) -> str:
        """What was said in the ticket and had already reached the deleted topic."""
        async with self.database.reading() as session:
            said = await session.execute(_said(ticket_id))
            lines = [self._line(*row) for row in reversed(said.all())]
        return "\n".join([self._say("topic.recap"), *lines])

    def _line(self, author: str, text: str, attachment: Mapping[str, Any]) -> str:
        words = text if len(text) <= 300 else text[:299] + "…"
        if attachment:
            words = f"[{attachment.get('kind') or 'file'}] {words}".strip()
        return f"{self._say(f'topic.recap.{author}')}: {words}"

    def _say(self, name: str) -> str:
        return self.ground.texts.say(self.ground.config.shop.language, name)


def _found(row: Mapping[str, Any]) -> Found:
    return Found(
        row["id"],
        row["ticket_id"],
        row["chat_id"],
        row["thread_id"],
        row["state"] == "bare",
        row["card_message_id"],
        row["card"] or {},
        row["title"],
        row["icon"],
        row["icon_at"],
    )


def _said(ticket_id: int) -> sa.Select[Any]:
    """The newest words first, without those that are still on their way to the topic."""
    said, queued = table(TicketMessage), table(Message)
    waiting = sa.exists().where(
        queued.c.said_id == said.c.id, queued.c.channel == "staff_topic", queued.c.due_at.is_not(None)
    )
    words = sa.or_(said.c.text != "", sa.cast(said.c.attachment, sa.Text) != "{}")  # of somebody forgotten: none
    newest = sa.select(said.c.author, said.c.text, said.c.attachment).where(said.c.ticket_id == ticket_id, ~waiting)
    newest = newest.where(words)
    return newest.order_by(said.c.at.desc(), said.c.id.desc()).limit(_RECAP_LINES)


async def _lives(session: AsyncSession, worker: int | None) -> bool:
    return (
        worker is not None
        and await session.scalar(select(due.Worker.id).where(col(due.Worker.id) == worker)) is not None
    )


async def _name(session: AsyncSession, ticket_id: int) -> str:
    """The name of a topic whose first message brought none: number and first name."""
    asked = (
        select(Ticket.number, Contact.first_name)
        .join(Contact, col(Contact.id) == col(Ticket.contact_id))
        .where(col(Ticket.id) == ticket_id)
    )
    row = (await session.execute(asked)).first()
    return f"#{row[0]} {row[1]}".strip() if row else f"#{ticket_id}"
