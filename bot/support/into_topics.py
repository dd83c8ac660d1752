"""What goes into the topic of a ticket: the customer's words and the card, looked at before they leave."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.outbound import lanes, outbox
from bot.outbound.stage import Defer, Outcome, Send, Skip
from bot.outbound.telegram_sizes import ICON_STAYS
from bot.support import post
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import mirrors, relay, staff_card
from bot.tables.chat import Topic
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketMessage

LATE = timedelta(seconds=2)
"""Words that reach the topic later than this after they were queued say so in the history."""

_OUTBOX = table(Message)
_TOPICS = table(Topic)
Row = Mapping[str, Any]


class Relays:
    """Words of the customer: a burst of them in one message, what cannot be shown is at least told."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._look(session, row, now) for row in rows}

    async def _look(self, session: AsyncSession, row: Row, now: datetime) -> Send | Skip | Defer:
        word = await relay.leaving(session, self.desk, row, now)
        if not isinstance(word, Send) or await _topic(session, row["ticket_id"]) is not None:
            return word
        ticket = await session.get(Ticket, row["ticket_id"], populate_existing=True)
        head = await staff_card.head(session, self.desk, ticket, now) if ticket else {}
        return Send({**word.payload, **head}, word.values, word.riders)

    async def settled(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        if outcome.receipt is not None:
            await mirrors.keep(session, row, outcome.receipt)
            await relay.counted(session, self.desk, row, outcome.receipt, outcome.at)
            await self._late(session, row, outcome.receipt.accepted_at, outcome.at)
        elif outcome.status == "failed":
            await self._told(session, row, outcome)

    async def _late(self, session: AsyncSession, row: Row, arrived_at: datetime, now: datetime) -> None:
        line = await session.get(TicketMessage, row["said_id"]) if row["said_id"] else None
        ticket = await session.get(Ticket, line.ticket_id) if line and line.ticket_id else None
        if line is None or ticket is None or arrived_at - row["created_at"] <= LATE:
            return
        seconds = round((arrived_at - row["created_at"]).total_seconds(), 1)
        data = {"said": line.id, "seconds": seconds}
        await sla.happened(session, self.desk, ticket, "bot", "relayed", now, at=arrived_at, **data)

    async def _told(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        """A file is replaced by what was written beside it, words by a notice that there are some."""
        copied = row["payload"].get("copy")
        if copied:
            name, words = "staff.not_copied", row["payload"].get("text")
            text = "\n".join(part for part in (self.desk.staff(name), words) if part)
        else:
            text = self.desk.staff("staff.not_relayed", why=outcome.reason)
        await outbox.queue(
            session,
            channel=row["channel"],
            purpose="relay" if copied else "notice",
            receiver=row["receiver"],
            payload={"ticket_id": row["ticket_id"], "text": text, "told": True},
            key=f"{row['key']}:told",
            now=outcome.at,
            priority=lanes.WORDS,
            ticket_id=row["ticket_id"],
            said_id=row["said_id"] if copied else None,
        )


async def _topic(session: AsyncSession, ticket_id: int | None) -> Mapping[str, Any] | None:
    """The topic of a ticket if there is one to write into."""
    ready = sa.select(_TOPICS).where(_TOPICS.c.ticket_id == ticket_id, _TOPICS.c.state.in_(("ready", "bare")))
    found = (await session.execute(ready)).mappings().first()
    return dict(found) if found is not None else None


class Cards:
    """Cards show the rows as they are when they leave, and no oftener than every few seconds: each change of one costs
    a call of the few that a group has."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._look(session, row, now) for row in rows}

    async def _look(self, session: AsyncSession, row: Row, now: datetime) -> Send | Skip | Defer:
        ticket = await session.get(Ticket, row["ticket_id"], populate_existing=True)
        if ticket is None:
            return Skip("gone")
        turn = row["payload"].get("topic")
        topic = await _topic(session, row["ticket_id"])
        fresh = await staff_card.content(session, self.desk, ticket, now)
        if not turn and topic is not None and topic["card_at"] is not None and topic["icon"] in ("", fresh["state"]):
            again = topic["card_at"] + self.desk.ground.config.telegram.card_every
            if again > now:
                return Defer(again, "card_every")
        return Send({"ticket_id": ticket.id, **fresh, **({"topic": turn} if turn else {})})

    async def settled(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        """A card that did not arrive is replaced by the next one; an icon that had to stay is changed later."""
        topic = await _topic(session, row["ticket_id"])
        ticket = await session.get(Ticket, row["ticket_id"]) if row["ticket_id"] else None
        if outcome.receipt is None or ticket is None or topic is None or not topic["icon_at"]:
            return
        head = await staff_card.head(session, self.desk, ticket, outcome.at)
        if head["state"] != topic["icon"]:
            later = topic["icon_at"] + ICON_STAYS
            await post.card(session, ticket, f"icon:{topic['icon_at'].isoformat()}", outcome.at, due_at=later)
