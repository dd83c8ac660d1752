"""A low score: the staff group hears of it with the way back into the ticket, or the ticket is taken up again."""

import html
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import post
from bot.support.desk import Desk
from bot.support.tickets import pointing, relay, staff_card, statuses
from bot.tables.feedback import Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket


def is_low(desk: Desk, rating: Rating) -> bool:
    return rating.score is not None and rating.score <= desk.ground.config.support.low_score


async def heard(session: AsyncSession, desk: Desk, ticket: Ticket, rating: Rating, now: datetime) -> None:
    """Called for every new or corrected score, and for a comment of a low one."""
    if not is_low(desk, rating):
        return
    again = await _taken_up_again(session, desk, ticket, now)
    await _warn(session, desk, ticket, rating, now, again=again)
    if again:
        await _call(session, desk, ticket, rating, now)


async def _taken_up_again(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> bool:
    """Whether this score opened the ticket. A score that comes weeks later only tells."""
    config = desk.ground.config.support
    await session.refresh(ticket, with_for_update=True)
    if config.ratings.low != "reopen" or ticket.spam or ticket.merged_into is not None or ticket.resolved_at is None:
        return False
    if now - ticket.resolved_at > config.reopen_window(ticket.channel):
        return False
    return await statuses.to(session, desk, ticket, "open", "customer", now, why="low_score")


async def _warn(
    session: AsyncSession, desk: Desk, ticket: Ticket, rating: Rating, now: datetime, *, again: bool
) -> None:
    contact = await session.get(Contact, rating.contact_id)
    if contact is None:
        return
    text = desk.staff(
        "staff.low_score", number=ticket.number, score=rating.score, who=staff_card.customer_name(desk, contact)
    )
    if rating.comment:
        text += f"\n“{rating.comment}”"
    content: dict[str, object] = {"text": text}
    if again:
        content["text"] = f"{text}\n{desk.staff('staff.low_score.reopened')}"
    elif ticket.status == "resolved":
        button = {"text": desk.staff("staff.button.reopen"), "data": f"1:reopen:{ticket.id}"}
        content["buttons"] = [[button]]
    key = f"low:{rating.id}:{'comment' if rating.comment else rating.score}"
    await relay.to_group(session, desk, ticket, content, key, now)


async def _call(session: AsyncSession, desk: Desk, ticket: Ticket, rating: Rating, now: datetime) -> None:
    """Ring for whoever has the ticket, in its topic."""
    text = html.escape(desk.staff("staff.low_score.call", score=rating.score), quote=False)
    who = await pointing.at_assignee(session, ticket)
    content = {"text": f"{who} {text}" if who else text, "html": True}
    await post.to_topic(session, ticket, "notice", content, f"low:{rating.id}:call", now, priority=30)
