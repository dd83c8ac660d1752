"""Who gets a ticket: departments, who is there, whose turn it is.

`place` when a ticket is made, before its history begins; `offer` when its card stands; `heard` when the customer wrote
again; `freed` when one ended or went elsewhere.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support.desk import Desk
from bot.support.routing import departments, rounds
from bot.support.routing.leaving import drop, heard
from bot.support.routing.turn import assign, offer
from bot.tables.people import Contact
from bot.tables.support import Ticket

__all__ = ["assign", "drop", "freed", "heard", "offer", "place"]


async def place(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """Give a new ticket its tier (the customer's trait `tier`) and its department."""
    contact = await session.get(Contact, ticket.contact_id)
    tier = contact.traits.get("tier") if contact is not None else None
    ticket.tier = tier.strip() if isinstance(tier, str) else ""
    ticket.department = departments.choose(desk.ground.config, ticket)
    await session.flush()


def freed(session: AsyncSession, desk: Desk, ticket: Ticket) -> None:
    """The ticket was resolved or sleeps: whoever has it has room again, and the rounds go on after the commit."""
    if ticket.assignee_id is not None:
        rounds.kick(session, desk)
