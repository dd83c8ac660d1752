"""The log of who looked into or changed what touches people: exports, erasures, blocks, orders shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.tables.people import Contact
from bot.tables.staff_room import AuditEntry
from bot.tables.support import Ticket


async def write(session: AsyncSession, actor: str, action: str, subject: str, now: datetime, **data: Any) -> None:
    """`actor` is `staff:ID`, `operator` (the command line), `customer` or `clock`; `subject` such as `contact:7`.

    No names. An order that was shown (`order_shown`) says which row, on which channel, to which contact (`seen_by`) and
    by which proof: `code:7` (a row of the codes), `chat` or `mail` (what the shop itself says of whose they are), or
    `staff` (a colleague sent a macro or a proposed answer with it).
    """
    session.add(AuditEntry(at=now, actor=actor, action=action, subject=subject, data=data))
    await session.flush()


async def about(session: AsyncSession, contact_id: int) -> Sequence[AuditEntry]:
    """Everything that is noted about a contact, whoever was merged into it and their tickets, the oldest first."""
    contacts, tickets = table(Contact), table(Ticket)
    whole = sa.or_(contacts.c.id == contact_id, contacts.c.merged_into == contact_id)
    people = (await session.scalars(sa.select(contacts.c.id).where(whole))).all()
    theirs = (await session.scalars(sa.select(tickets.c.id).where(tickets.c.contact_id.in_(people)))).all()
    subjects = [*(f"contact:{one}" for one in people), *(f"ticket:{one}" for one in theirs)]
    noted = select(AuditEntry).where(col(AuditEntry.subject).in_(subjects))
    return (await session.scalars(noted.order_by(col(AuditEntry.at), col(AuditEntry.id)))).all()
