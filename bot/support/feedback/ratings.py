"""How was it: asked each time a ticket is resolved, answered by a button or a link, and asked again by /csat."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.support import typed
from bot.support.desk import Desk
from bot.support.feedback import comments, low_scores
from bot.support.sla import clocks as sla
from bot.support.tickets import asking, choices
from bot.support.tickets.asking import SCORES
from bot.tables.feedback import Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket

_PURPOSE = "rating"
_CORRECT_WITHIN = timedelta(minutes=10)


def is_open(rating: Rating, now: datetime) -> bool:
    """Not rated yet, or so short a time ago that it may be corrected."""
    return rating.rated_at is None or now - rating.rated_at <= _CORRECT_WITHIN


async def rate(
    session: AsyncSession, desk: Desk, rating: Rating, score: int, now: datetime, *, comment: str = ""
) -> bool:
    """Store the score; pressing again corrects it within ten minutes. False when nothing changes."""
    ticket = await session.get(Ticket, rating.ticket_id, with_for_update=True, populate_existing=True)
    await session.refresh(rating, with_for_update=True)
    if ticket is None or score not in SCORES or not is_open(rating, now):
        return False
    if rating.score == score and comment in ("", rating.comment):
        return False
    changed = rating.score != score
    rating.score, rating.rated_at = score, rating.rated_at or now
    await session.flush()
    if changed:
        await sla.happened(session, desk, ticket, "customer", "rated", now, score=score, cycle=rating.cycle)
        await low_scores.heard(session, desk, ticket, rating, now)
    if comment and comment != rating.comment:
        await comments.keep(session, desk, ticket, rating, comment, now)
    return True


async def pressed(
    session: AsyncSession, desk: Desk, contact: Contact, rating_id: int, score: int, now: datetime
) -> str:
    """A star was pressed. Returns the words for the passing note."""
    rating = await session.get(Rating, rating_id)
    ticket = await session.get(Ticket, rating.ticket_id) if rating else None
    if rating is None or ticket is None or rating.contact_id != contact.id:
        return desk.say(desk.language(contact), "pressed.gone")
    first = rating.score is None
    if await rate(session, desk, rating, score, now) and first:
        await comments.ask(session, desk, contact, ticket, rating, now)
    return desk.say(ticket.language, "rating.stored", score=rating.score)


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


async def _by_hand(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> str:
    await session.refresh(ticket, with_for_update=True)
    refused = await asking.how_was_it(session, desk, ticket, now, by_hand=True)
    return desk.staff(f"staff.csat.{refused or 'asked'}")


async def _csat(session: AsyncSession, said: typed.Typed) -> str:
    return await _by_hand(session, said.desk, said.case, said.now)


async def _csat_pressed(session: AsyncSession, press: typed.Pressed) -> str:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    return await _by_hand(session, press.desk, ticket, press.now)


COMMANDS = (typed.Command("csat", _csat),)
BUTTONS: typed.Buttons = {"csat": _csat_pressed}
