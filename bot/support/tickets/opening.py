"""From a conversation to a ticket: find the open one, reopen a fresh one, else open one with its clock and card."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.support import hours, lines, post, routing
from bot.support.answers import guards
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.support.sla import clocks as sla
from bot.support.tickets import choices, floods, links, relay, snooze, staff_card, statuses
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

_TICKETS = table(Ticket)
_LINES = table(TicketMessage)
_FIRST_NUMBER = 1001
_SAME_TALK = timedelta(minutes=30)  # a longer silence begins another matter


async def open_of(session: AsyncSession, contact_id: int, channel: str, quoted: int | None = None) -> Ticket | None:
    """The ticket that the customer is in, held until the end of the transaction.

    Of several (one was split) the one with the line `quoted`, else the one that was spoken in last. Where they once
    had a ticket that was merged, it is the one that has the rest.
    """
    mine = select(Ticket).where(
        Ticket.contact_id == contact_id, Ticket.channel == channel, Ticket.status != "resolved", _known_to_them()
    )
    found = (await session.scalars(mine.order_by(col(Ticket.id)).with_for_update())).all()
    if not found:
        merged = await links.end_of(session, await links.merged_of(session, contact_id, channel), lock=True)
        return merged if merged is not None and merged.status != "resolved" else None
    return found[0] if len(found) == 1 else await _spoken_in(session, found, quoted)


async def _spoken_in(session: AsyncSession, tickets: Sequence[Ticket], quoted: int | None) -> Ticket:
    by_id = {ticket.id: ticket for ticket in tickets}
    if quoted is not None:
        about = await session.scalar(sa.select(_LINES.c.ticket_id).where(_LINES.c.id == quoted))
        if about in by_id:
            return by_id[about]
    said = sa.select(_LINES.c.ticket_id).where(
        _LINES.c.ticket_id.in_(by_id), _LINES.c.author.in_(("customer", "staff"))
    )
    last = await session.scalar(said.order_by(_LINES.c.at.desc(), _LINES.c.id.desc()).limit(1))
    return by_id.get(last, tickets[-1])


def _known_to_them() -> sa.ColumnElement[bool]:
    """A task is among staff, until somebody writes to the customer from it."""
    written = sa.exists().where(_LINES.c.ticket_id == _TICKETS.c.id, _LINES.c.author == "staff")
    return sa.or_(_TICKETS.c.kind != "task", written)


async def last_resolved(session: AsyncSession, contact_id: int, channel: str) -> Ticket | None:
    """The one that was closed last, held until the end of the transaction. A merged one is the one with its rest."""
    mine = select(Ticket).where(
        Ticket.contact_id == contact_id,
        Ticket.channel == channel,
        Ticket.status == "resolved",
        col(Ticket.merged_into).is_(None),
        col(Ticket.spam).is_(False),
        _known_to_them(),
    )
    newest = mine.order_by(col(Ticket.resolved_at).desc(), col(Ticket.id).desc()).limit(1)
    own = (await session.scalars(newest.with_for_update())).first()
    merged = await links.end_of(session, await links.merged_of(session, contact_id, channel), lock=True)
    both = [one for one in (own, merged) if one is not None and one.resolved_at is not None and not one.spam]
    return max(both, key=lambda one: one.resolved_at or one.opened_at, default=None)


def is_fresh(desk: Desk, ticket: Ticket | None, at: datetime) -> bool:
    """Words of `at` belong to it although it is resolved: it was closed a short time before, or only after them."""
    if ticket is None or ticket.resolved_at is None:
        return False
    return at - ticket.resolved_at <= desk.ground.config.support.reopen_window(ticket.channel)


async def thanked(session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage) -> bool:
    """Nothing but thanks, so soon after the end that it belongs to the ticket and not to the bot."""
    if contact.id is None or not guards.only_thanks(line.text):
        return False
    return is_fresh(desk, await last_resolved(session, contact.id, line.channel), line.at)


async def belongs(
    session: AsyncSession, contact_id: int, channel: str, at: datetime, quoted: int | None = None
) -> Ticket | None:
    """The ticket that words of `at` go into without a question: the open one, or one that was closed after them.

    Staff who closed it had not read them: they must not fall to the bot because we were slow.
    """
    ticket = await open_of(session, contact_id, channel, quoted)
    if ticket is None:
        last = await last_resolved(session, contact_id, channel)
        if last is not None and last.resolved_at is not None and at < last.resolved_at:
            return last
    return ticket


async def into(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    ticket: Ticket,
    line: TicketMessage,
    now: datetime,
    *,
    urgent: bool = False,
) -> None:
    """The customer's words into their ticket: shown in the topic, and it is ours to do again.

    `urgent` words are shown however many came before them.
    """
    if line.ticket_id != ticket.id:
        line.ticket_id = ticket.id
    if not urgent and await floods.too_much(session, desk, contact, line):
        await floods.hold(session, desk, contact, ticket, line, now)
    else:
        await relay.to_topic(session, ticket, line, now)
    if ticket.kind == "task":  # they talk about it now
        ticket.kind = "question"
        await session.flush()
        await sla.happened(session, desk, ticket, "customer", "kind_changed", now, old="task", new="question")
    first = await _heard(session, desk, ticket, line, now)
    old = ticket.status
    if old in ("waiting_customer", "waiting_supplier", "resolved") or (old == "snoozed" and not ticket.snooze_keeps):
        at = await statuses.counts_at(session, ticket, line.at, now)
        await statuses.to(session, desk, ticket, "open", "customer", now, at=at, why="said")
        if old == "snoozed":
            await snooze.tell(session, desk, ticket, "said", now)
    elif first:
        await post.card(session, ticket, "said", now)
    await routing.heard(session, desk, ticket, now)


async def _heard(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, now: datetime) -> bool:
    """Keep that the customer waits since this line. True if nothing waited before."""
    first = ticket.waiting_since is None
    await session.flush()
    data: dict[str, Any] = {"reply_to": line.reply_to_id} if line.reply_to_id else {}
    await sla.happened(session, desk, ticket, "customer", "said", now, at=line.at, said=line.id, **data)
    return first


async def hand_over(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    channel: str,
    language: str,
    line: TicketMessage | None,
    why: str,
    now: datetime,
    *,
    urgent: bool = False,
) -> Ticket:
    """Give the customer to the staff. `line` is what they just said (None: they pressed the button).

    `why` is human, complaint, unsure, attachment, order, thanks, flood, reply or danger; it stays in the history.
    `urgent` words are shown however many came before them, and the caller says to the customer what they hear.
    """
    assert contact.id is not None
    at = line.at if line else now
    last = await last_resolved(session, contact.id, channel)
    if last is not None and (is_fresh(desk, last, at) or await floods.too_many_tickets(session, desk, contact, now)):
        await _again(session, desk, contact, channel, last, line, why, at, now, urgent=urgent)
        return last
    ticket = await create(session, contact, channel, language, at)
    await routing.place(session, desk, ticket, now)
    await session.flush()
    talk = await _talk(session, contact.id, channel, now)
    await sla.happened(session, desk, ticket, "customer", "opened", now, at=at, why=why, origin="customer", **talk)
    await post.card(session, ticket, "opened", now)
    if last is not None:
        await links.link(session, desk, ticket, last, "earlier", "bot", now)
        text = desk.staff("staff.earlier_ticket", number=last.number)
        await post.to_topic(session, ticket, "notice", {"text": text}, f"earlier:{ticket.id}", now)
    await _say_earlier(session, desk, contact, channel, ticket, line, now, urgent=urgent)
    if not urgent:
        await _acknowledge(session, desk, contact, ticket, "ticket.opened", now)
    await routing.offer(session, desk, ticket, now)
    return ticket


async def _talk(session: AsyncSession, contact_id: int, channel: str, now: datetime) -> dict[str, Any]:
    """When the talk with the bot that led here began (`first`), and when the bot answered (`bot_answered`)."""
    said: list[TicketMessage] = []
    for line in reversed(await lines.before_ticket(session, contact_id, channel, now)):
        if said and said[-1].at - line.at > _SAME_TALK:
            break
        said.append(line)
    first = next((line.at for line in reversed(said) if line.author == "customer"), None)
    if first is None:
        return {}
    bot = [line.accepted_at or line.at for line in said if line.author == "bot" and line.at >= first]
    return {"first": first.isoformat(), **({"bot_answered": min(bot).isoformat()} if bot else {})}


async def _again(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    channel: str,
    ticket: Ticket,
    line: TicketMessage | None,
    why: str,
    at: datetime,
    now: datetime,
    *,
    urgent: bool,
) -> None:
    """A closed ticket is taken up again by what the customer said, or by their button."""
    at = await statuses.counts_at(session, ticket, at, now)
    await statuses.to(session, desk, ticket, "open", "customer", now, at=at, why=why)
    await _say_earlier(session, desk, contact, channel, ticket, line, now, urgent=urgent)
    if line is not None and guards.only_thanks(line.text):
        verbs = [choices.button(desk, "noreply", "noreply", ticket.id)]
        await choices.ask(session, ticket, desk.staff("staff.only_thanks"), verbs, "thanks", now)
    elif not urgent:
        await _acknowledge(session, desk, contact, ticket, "ticket.reopened", now)
    await routing.heard(session, desk, ticket, now)


async def create(session: AsyncSession, contact: Contact, channel: str, language: str, at: datetime) -> Ticket:
    """The next number is taken by whoever commits it first; the other looks again."""
    highest = sa.select(sa.func.coalesce(sa.func.max(_TICKETS.c.number), _FIRST_NUMBER - 1) + 1).scalar_subquery()
    row = insert(session, _TICKETS).values(
        number=highest,
        contact_id=contact.id,
        channel=channel,
        status="new",
        priority="normal",
        language=language,
        opened_at=at,
    )
    taken = None
    while taken is None:
        taken = await session.scalar(row.on_conflict_do_nothing().returning(_TICKETS.c.id))
    ticket = await session.get(Ticket, taken)
    assert ticket is not None
    return ticket


async def _say_earlier(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    channel: str,
    ticket: Ticket,
    line: TicketMessage | None,
    now: datetime,
    *,
    urgent: bool = False,
) -> None:
    """The talk with the bot as one recap, then the customer's new words as they stand."""
    assert contact.id is not None
    loose = await lines.before_ticket(session, contact.id, channel, now)
    earlier = [one for one in loose if line is None or one.id != line.id]
    for one in loose:
        one.ticket_id = ticket.id
    await session.flush()
    text = recap(desk, contact, earlier) if earlier else ""
    held = line is not None and not urgent and await floods.too_much(session, desk, contact, line)
    if text and (line is None or held):
        key = f"recap:{ticket.id}:{earlier[-1].id}"
        await post.to_topic(session, ticket, "notice", {"text": text}, key, now, priority=10)
    if line is None:
        return
    if held:
        await floods.hold(session, desk, contact, ticket, line, now)
    else:
        await relay.to_topic(session, ticket, line, now, before=text)
    await _heard(session, desk, ticket, line, now)


def recap(desk: Desk, contact: Contact, said: Sequence[TicketMessage]) -> str:
    names = {"customer": staff_card.customer_name(desk, contact), "bot": desk.staff("staff.recap.bot")}
    rows = []
    for one in said:
        text = one.text if len(one.text) <= 300 else one.text[:299] + "…"
        rows.append(f"{names.get(one.author, one.author)}: {text}")
    return "\n".join([desk.staff("staff.recap"), *rows])


async def _acknowledge(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, name: str, now: datetime
) -> None:
    """Tell the customer that people have it, and when they are back if nobody is there now."""
    text = desk.say(ticket.language, name, number=ticket.number)
    opens = hours.opens_at(desk.calendar, now)
    if opens > now:
        text += "\n" + desk.say(ticket.language, "ticket.closed_now", opens=desk.when(opens, now, ticket.language)[:-3])
    await ready.say(
        session, contact, ticket.channel, text, f"opened:{ticket.id}:{now.isoformat()}", now, ticket_id=ticket.id
    )
