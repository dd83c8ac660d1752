"""A desk at work, for tests: a customer, two colleagues, senders with memory, and a clock that the test moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import make
import sqlalchemy as sa
from conftest import NOON
from sqlmodel import col, select

from bot.base import paths
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.outbound.outbox import Outcome
from bot.outbound.sender import Receipt
from bot.support import answers, conversation, hours
from bot.support.desk import Desk
from bot.support.escalation.timers import Timers
from bot.support.routing.rounds import Rounds
from bot.support.staff_room import registry, speaking
from bot.support.stages import stages
from bot.support.tickets import answering, claiming, closing, staff_card
from bot.support.tickets.waking import Waking
from bot.support.typed import Pressed
from bot.tables.chat import StaffMember
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import SlaTimer, Ticket

GROUP = -100500
_ROWS = table(Message)


@cache
def _index() -> answers.Index:
    """The shipped answers: read once, they never change."""
    return answers.load([paths.templates()])


def desk(ground: Ground, now: datetime = NOON) -> Desk:
    """As `Desk.build`, but the shipped answers are read once."""
    calendars = hours.calendars(ground.config, now)
    return Desk(ground, _index(), calendars[""], calendars=calendars)


def seconds(amount: float) -> datetime:
    return NOON + timedelta(seconds=amount)


@dataclass
class Stage:
    """`customer_*` and `staff_*` are what the doors do; `arrive`, `refuse` are what the outbox tells of an answer.

    Staff write in the topic of the ticket with the number `topic`, of the newest one while it is None.
    """

    database: Database
    desk: Desk
    contact: Contact
    anna: StaffMember
    ben: StaffMember
    number: int = 0
    topic: int | None = None

    @classmethod
    async def set(cls, database: Database, texts: Texts, **sections: Any) -> "Stage":
        sections.setdefault("telegram", {"staff_chat_id": GROUP})
        made = desk(make.ground(texts, **sections))
        async with database.transaction() as session:
            contact = await make.telegram_contact(session)
            anna, ben = await make.staff(session), await make.staff(session, "Ben", 902)
        return cls(database, made, contact, anna, ben)

    async def customer_says(
        self, text: str, at: datetime = NOON, *, number: int | None = None, seen: datetime | None = None, **more: Any
    ) -> None:
        """`seen` is when we came to it, if that was later than `at`."""
        self.number += 1
        said = conversation.Said(
            contact_id=self.contact.id or 0,
            channel="telegram",
            text=text,
            provider_key=f"telegram:501:{number or self.number}",
            at=at,
            received_at=seen or at,
            source={"chat_id": 501, "message_id": number or self.number},
            **more,
        )
        async with self.database.transaction() as session:
            await conversation.customer_said(session, self.desk, said, seen or at)

    async def customer_presses(self, data: str, at: datetime = NOON, message_id: int = 0) -> str | None:
        async with self.database.transaction() as session:
            return await conversation.customer_pressed(
                session, self.desk, self.contact.id or 0, data, at, message_id=message_id
            )

    async def staff_says(
        self, text: str, at: datetime = NOON, *, who: StaffMember | None = None, number: int | None = None
    ) -> None:
        self.number += 1
        place = {"chat_id": GROUP, "message_id": number or self.number}
        async with self.database.transaction() as session:
            ticket = await self._ticket(session)
            key = f"telegram:{GROUP}:{place['message_id']}"
            await answering.staff_said(session, self.desk, ticket, who or self.anna, text, {}, key, place, at, at)

    async def staff_writes(
        self,
        text: str,
        at: datetime = NOON,
        *,
        who: StaffMember | None = None,
        reply_to: int | None = None,
        attachment: Mapping[str, Any] | None = None,
        general: bool = False,
    ) -> str | None:
        """Whatever a colleague types, as the door hands it over: an answer, a note or a command. Returns the reply."""
        self.number += 1
        said = speaking.Wrote(
            text,
            f"telegram:{GROUP}:{self.number}",
            {"chat_id": GROUP, "message_id": self.number},
            at,
            attachment or {},
            f"telegram:{GROUP}:{reply_to}" if reply_to else None,
        )
        async with self.database.transaction() as session:
            if general:
                return await speaking.command(session, self.desk, None, who or self.anna, said, at)
            return await speaking.wrote(session, self.desk, await self._ticket(session), who or self.anna, said, at)

    async def staff_notes(self, text: str, at: datetime = NOON) -> None:
        self.number += 1
        place = {"chat_id": GROUP, "message_id": self.number}
        async with self.database.transaction() as session:
            ticket = await self._ticket(session)
            key = f"telegram:{GROUP}:{self.number}"
            await answering.note(session, self.desk, ticket, self.anna, text, key, place, at)

    async def staff_presses(self, data: str, at: datetime = NOON, who: StaffMember | None = None) -> str | None:
        async with self.database.transaction() as session:
            pressed = Pressed(self.desk, who or self.anna, "", 0, "", GROUP, 77, at)
            return await registry.press(session, data, pressed)

    async def staff_takes(self, at: datetime = NOON, who: StaffMember | None = None) -> str:
        async with self.database.transaction() as session:
            return await claiming.take(session, self.desk, await self._ticket(session), who or self.anna, at)

    async def staff_closes(self, at: datetime = NOON) -> None:
        async with self.database.transaction() as session:
            await closing.close(session, self.desk, await self._ticket(session), self.anna, at)

    async def arrive(self, accepted_at: datetime) -> None:
        """The channel took the waiting answers at that time."""
        await self._settle(lambda _row: Outcome("sent", accepted_at, receipt=Receipt(accepted_at, "8")))

    async def refuse(self, at: datetime, reason: str = "blocked") -> None:
        await self._settle(lambda _row: Outcome("failed", at, reason))

    async def _settle(self, outcome: Any) -> None:
        async with self.database.transaction() as session:
            waiting = sa.select(_ROWS).where(_ROWS.c.purpose == "answer", _ROWS.c.due_at.is_not(None))
            for row in (await session.execute(waiting.order_by(_ROWS.c.id))).mappings().all():
                await session.execute(sa.update(_ROWS).where(_ROWS.c.id == row["id"]).values(due_at=None))
                await stages(self.desk)["answer"].settled(session, row, outcome(row))

    async def tickets_run(self, at: datetime, worker: int = 1) -> int:
        """The loop looks at tickets whose time has come."""
        return await Waking(self.database, self.desk, worker).run(at)

    async def rounds_run(self, at: datetime) -> int:
        """The loop ends absences and gives what waits."""
        return await Rounds(self.database, self.desk).run(at)

    async def timers_run(self, at: datetime) -> int:
        return await Timers(self.database, self.desk, 1).run(at)

    async def timer(self) -> SlaTimer | None:
        async with self.database.reading() as session:
            return (await session.scalars(select(SlaTimer).order_by(col(SlaTimer.id).desc()).limit(1))).first()

    async def ticket(self) -> Ticket:
        async with self.database.reading() as session:
            return await self._ticket(session)

    async def tickets(self) -> list[Ticket]:
        async with self.database.reading() as session:
            return list((await session.scalars(select(Ticket).order_by(col(Ticket.id)))).all())

    async def _ticket(self, session: Any) -> Ticket:
        asked = select(Ticket).order_by(col(Ticket.id).desc()).limit(1)
        found = (await session.scalars(asked.where(Ticket.number == self.topic) if self.topic else asked)).first()
        assert found is not None, "there is no ticket"
        return found

    async def queued(self, *purposes: str) -> list[Mapping[str, Any]]:
        """Outbox rows of these purposes in the order in which they were written; cards as they would leave now."""
        async with self.database.reading() as session:
            query = sa.select(_ROWS).where(_ROWS.c.purpose.in_(purposes)).order_by(_ROWS.c.id)
            rows = [dict(row) for row in (await session.execute(query)).mappings()]
            for row in rows:
                if row["purpose"] == "card" and (ticket := await session.get(Ticket, row["ticket_id"])):
                    shown = await staff_card.content(session, self.desk, ticket, row["created_at"])
                    row["payload"] = {**row["payload"], **shown}
            return rows

    async def texts(self, *purposes: str) -> list[str]:
        return [str(row["payload"].get("text", "")) for row in await self.queued(*purposes)]
