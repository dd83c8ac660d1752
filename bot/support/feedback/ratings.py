"""How was it: asked once each time a ticket is resolved, answered by a button or a link, a low score told to staff."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import ids
from bot.support import history
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.support.tickets import relay, staff_card
from bot.support.tickets.asking import SCORES
from bot.tables.feedback import Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket

_PURPOSE = "rating"
_COMMENT_WITHIN = timedelta(minutes=10)


def is_open(rating: Rating, now: datetime) -> bool:
    """Not rated yet, or so short a time ago that it may be corrected."""
    return rating.rated_at is None or now - rating.rated_at <= _COMMENT_WITHIN


async def rate(
    session: AsyncSession, desk: Desk, rating: Rating, score: int, now: datetime, *, comment: str = ""
) -> bool:
    """Store the score; pressing again corrects it within ten minutes. False when nothing changes."""
    if score not in SCORES or not is_open(rating, now):
        return False
    if rating.score == score and comment in ("", rating.comment):
        return False
    rating.score, rating.rated_at, rating.comment = score, rating.rated_at or now, comment or rating.comment
    await history.write(session, rating.ticket_id, now, "customer", "rated", score=score, cycle=rating.cycle)
    await session.flush()
    if score <= desk.ground.config.support.low_score:
        await _warn(session, desk, rating, now)
    return True


async def _warn(session: AsyncSession, desk: Desk, rating: Rating, now: datetime) -> None:
    """Everybody in the staff group hears of a low score, with the way back into the ticket."""
    ticket = await session.get(Ticket, rating.ticket_id)
    contact = await session.get(Contact, rating.contact_id)
    if ticket is None or contact is None:
        return
    text = desk.staff(
        "staff.low_score", number=ticket.number, score=rating.score, who=staff_card.customer_name(desk, contact)
    )
    if rating.comment:
        text += f"\n“{rating.comment}”"
    button = {"text": desk.staff("staff.button.reopen"), "data": f"1:reopen:{ticket.id}"}
    key = f"low:{rating.id}:{'comment' if rating.comment else rating.score}"
    await relay.to_group(session, desk, ticket, {"text": text, "buttons": [[button]]}, key, now)


async def pressed(
    session: AsyncSession, desk: Desk, contact: Contact, rating_id: int, score: int, now: datetime
) -> str:
    """A star was pressed. Returns the words for the passing note."""
    rating = await session.get(Rating, rating_id, with_for_update=True)
    ticket = await session.get(Ticket, rating.ticket_id) if rating else None
    if rating is None or ticket is None or rating.contact_id != contact.id:
        return desk.say(desk.language(contact), "pressed.gone")
    first = rating.score is None
    if await rate(session, desk, rating, score, now) and first:
        text = desk.say(ticket.language, "rating.thanks")
        await ready.say(session, contact, ticket.channel, text, f"rated:{rating.id}", now, ticket_id=ticket.id)
    return desk.say(ticket.language, "rating.stored", score=rating.score)


async def take_comment(session: AsyncSession, desk: Desk, contact: Contact, text: str, now: datetime) -> Ticket | None:
    """Keep `text` as the comment if a rating of the last ten minutes waits for one. Returns its ticket."""
    waiting = select(Rating).where(
        Rating.contact_id == contact.id, Rating.comment == "", col(Rating.rated_at) > now - _COMMENT_WITHIN
    )
    rating = (await session.scalars(waiting.order_by(col(Rating.rated_at).desc()).limit(1))).first()
    ticket = await session.get(Ticket, rating.ticket_id) if rating else None
    if rating is None or ticket is None:
        return None
    rating.comment = text
    await history.write(session, rating.ticket_id, now, "customer", "commented", cycle=rating.cycle)
    await session.flush()
    if rating.score is not None and rating.score <= desk.ground.config.support.low_score:
        await _warn(session, desk, rating, now)
    said = desk.say(ticket.language, "rating.commented")
    await ready.say(session, contact, ticket.channel, said, f"commented:{rating.id}", now, ticket_id=ticket.id)
    return ticket


def link(desk: Desk, rating_id: int, score: int | None = None) -> str:
    """The page of a rating; a score in the link only pre-selects, the page stores."""
    address = f"{desk.ground.config.web.url}/r/{ids.sign(_PURPOSE, rating_id, desk.ground.secret)}"
    return address if score is None else f"{address}?score={score}"


async def by_token(session: AsyncSession, desk: Desk, token: str) -> tuple[Rating, Ticket] | None:
    """The rating of a link made by `link`, with its ticket; None for a token that we did not make."""
    rating_id = ids.unsign(_PURPOSE, token, desk.ground.secret)
    rating = await session.get(Rating, rating_id) if rating_id is not None else None
    ticket = await session.get(Ticket, rating.ticket_id) if rating else None
    return (rating, ticket) if rating and ticket else None
