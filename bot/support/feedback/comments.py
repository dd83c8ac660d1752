"""The words beside a score: asked for with a question of their own, taken only as an answer to it, shown to staff."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support import lines, post
from bot.support.answers import catalogue, guards, ranking
from bot.support.desk import Desk
from bot.support.escalation import danger
from bot.support.feedback import low_scores
from bot.support.self_service import ready
from bot.support.sla import clocks as sla
from bot.tables.feedback import Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketEvent, TicketMessage

_ASKED = "comment"  # marks the bot's line that asks
_WITHIN = timedelta(minutes=30)
_QUOTED_WITHIN = timedelta(days=7)
_MOST = 5
_EVENTS = table(TicketEvent)


async def ask(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, rating: Rating, now: datetime
) -> None:
    """What was behind the score? A button says that there is nothing to add."""
    name = "low" if low_scores.is_low(desk, rating) else "good"
    text = desk.say(ticket.language, f"rating.comment.{name}")
    button = {"text": desk.say(ticket.language, "rating.comment.none"), "data": f"1:nocomment:{rating.id}"}
    await ready.say(
        session, contact, ticket.channel, text, f"rated:{rating.id}", now, [[button]], ticket_id=ticket.id, kind=_ASKED
    )


async def nothing(session: AsyncSession, desk: Desk, contact: Contact, rating_id: int, now: datetime) -> str | None:
    """They have nothing to add: what they write next is not a comment."""
    rating = await session.get(Rating, rating_id)
    ticket = await session.get(Ticket, rating.ticket_id) if rating else None
    if rating is None or ticket is None or rating.contact_id != contact.id:
        return desk.say(desk.language(contact), "pressed.gone")
    words = desk.say(ticket.language, "rating.comment.fine")
    await ready.say(session, contact, ticket.channel, words, f"nocomment:{rating.id}", now, ticket_id=ticket.id)
    return None


async def take(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, now: datetime, *, ticket: Ticket | None
) -> bool:
    """Keep the line as the comment that we asked for. True when it needs no other answer.

    Words that look like a new question are not a comment. Anger is one, and goes on to the staff all the same; so
    do words that stand in the open `ticket` already.
    """
    found = await _waiting(session, contact, line, now)
    if found is None or not line.text.strip():
        return False
    rating, about, quoted = found
    if not quoted and await _is_a_question(session, desk, about, line.text, now):
        return False
    if ticket is None:
        line.ticket_id = about.id
    await keep(session, desk, about, rating, line.text, now, shown=ticket is not None and ticket.id == about.id)
    if ticket is not None:
        return False
    asked = ranking.normalise(line.text)
    if guards.is_angry(line.text, asked) or guards.wants_human(line.text):
        line.ticket_id = None  # it opens the ticket again, and stands in it from there
        return False
    words = desk.say(about.language, "rating.commented")
    await ready.say(session, contact, about.channel, words, f"commented:{rating.id}", now, ticket_id=about.id)
    return True


async def keep(
    session: AsyncSession, desk: Desk, ticket: Ticket, rating: Rating, text: str, now: datetime, *, shown: bool = False
) -> None:
    """Store the comment and show it: in the topic unless it is `shown` there, that of a low score to everybody too.

    Whoever has the link may correct it, a few times: each is a message to the staff.
    """
    if await _times(session, ticket, rating) >= _MOST:
        return
    rating.comment = text
    await session.flush()
    await sla.happened(session, desk, ticket, "customer", "commented", now, cycle=rating.cycle)
    if not shown:
        words = desk.staff("staff.comment", score=rating.score, text=text)
        key = f"comment:{rating.id}:{now.isoformat()}"
        await post.to_topic(session, ticket, "notice", {"text": words}, key, now, priority=60)
    contact = await session.get_one(Contact, rating.contact_id)
    if guards.in_danger(text) and not await danger.rang_lately(session, contact, now):
        await danger.warn_staff(session, desk, ticket, f"rating:{rating.id}:{now.isoformat()}", now)
    await low_scores.heard(session, desk, ticket, rating, now)


async def _times(session: AsyncSession, ticket: Ticket, rating: Rating) -> int:
    """How often there was a comment beside this score."""
    said = sa.select(sa.func.count()).where(
        _EVENTS.c.ticket_id == ticket.id, _EVENTS.c.name == "commented", _EVENTS.c.at >= rating.rated_at
    )
    return await session.scalar(said) or 0


async def _waiting(
    session: AsyncSession, contact: Contact, line: TicketMessage, now: datetime
) -> tuple[Rating, Ticket, bool] | None:
    """The rating whose question this line may answer: the last thing that the bot said, or what the line quotes."""
    assert contact.id is not None
    question = await session.get(TicketMessage, line.reply_to_id) if line.reply_to_id else None
    quoted = question is not None and question.attachment.get("bot") == _ASKED
    if not quoted:
        question = await lines.last_of(session, contact.id, "bot")
    if question is None or question.contact_id != contact.id or question.attachment.get("bot") != _ASKED:
        return None
    if now - question.at > (_QUOTED_WITHIN if quoted else _WITHIN):
        return None
    rating = await session.get(Rating, int(question.provider_key.rpartition(":")[2]))
    if rating is None:
        return None
    ticket = await session.get_one(Ticket, rating.ticket_id, with_for_update=True)
    await session.refresh(rating, with_for_update=True)
    if rating.comment:
        return None
    return rating, ticket, quoted


async def _is_a_question(session: AsyncSession, desk: Desk, ticket: Ticket, text: str, now: datetime) -> bool:
    if "?" in text or "？" in text or guards.wants_human(text):
        return True
    found = desk.answers.match(text, ticket.language, await catalogue.names(session, desk.catalogue, now))
    return found.kind == "answer"
