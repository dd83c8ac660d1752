"""A question to the customer (stars, is it fixed) right before it leaves: is it still one?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbound.outbox import Send, Skip
from bot.support.tickets import asking
from bot.tables.feedback import Confirmation, Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket


async def look(session: AsyncSession, row: Mapping[str, Any], _now: datetime) -> Send | Skip:
    """A question that waited for the morning is not put any more when the ticket was taken up again meanwhile."""
    about = row["payload"].get("asks") or {}
    ticket = await session.get(Ticket, row["ticket_id"], populate_existing=True) if row["ticket_id"] else None
    contact = await session.get(Contact, ticket.contact_id, populate_existing=True) if ticket else None
    why = "gone" if ticket is None else asking.never(ticket, contact)
    if why is None and ticket is not None and ticket.status != "resolved" and not about.get("by_hand"):
        why = "reopened"
    if why is None:
        why = await _answered(session, about)
    if why is None:
        return Send({name: value for name, value in row["payload"].items() if name != "asks"})
    await _withdraw(session, about)
    return Skip(why)


async def _answered(session: AsyncSession, about: Mapping[str, Any]) -> str | None:
    if "rating" in about:
        rating = await session.get(Rating, about["rating"], populate_existing=True)
        return None if rating is not None and rating.score is None else "rated"
    if "fixed" in about:
        asked = await session.get(Confirmation, about["fixed"], populate_existing=True)
        return None if asked is not None and asked.answer == "" else "answered"
    return None


async def _withdraw(session: AsyncSession, about: Mapping[str, Any]) -> None:
    """It was never put: the next time that the ticket is resolved does not count this one."""
    if "rating" in about:
        rating = await session.get(Rating, about["rating"])
        if rating is not None and rating.score is None:
            rating.withdrawn = True
    elif "fixed" in about:
        asked = await session.get(Confirmation, about["fixed"])
        if asked is not None and asked.answer == "":
            asked.answer = "reopened"
    await session.flush()
