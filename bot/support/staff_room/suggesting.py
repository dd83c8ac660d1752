"""`/suggest`: what could be answered, from the ready answers and from what colleagues answered before."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import ids, render
from bot.support import answers, post, typed
from bot.support.answers import catalogue, guards
from bot.support.desk import Desk
from bot.support.self_service import chats, disclosing, ready
from bot.support.staff_room import drafts, past_answers
from bot.support.tickets import keyboard
from bot.tables.people import Contact
from bot.tables.shop import Order
from bot.tables.support import Ticket, TicketMessage

_MOST = 3
_WORDS = 3  # so many of the customer's newest messages are looked at


async def offer(session: AsyncSession, said: typed.Typed, ticket: Ticket) -> str | None:
    """One message with up to three buttons; each shows its words before anything is sent."""
    desk, now = said.desk, said.now
    words, contact = await _asked(session, ticket), await session.get(Contact, ticket.contact_id)
    if not words or contact is None:
        return desk.staff("staff.suggest.nothing")
    if any(guards.in_danger(text) for text in words):
        return desk.staff("staff.suggest.danger")
    entries = await _entries(session, desk, ticket, words, now)
    buttons = [
        keyboard.button(desk, ticket, "propose", f"faq.{entry.id}", words=f"📄 {entry.title(desk.staff_language)}")
        for entry in entries[: _MOST - 1]
    ]
    for past in await past_answers.like(session, ticket, words, contact.first_name):
        label = f"💬 {_short(past.text)}"
        buttons.append(keyboard.button(desk, ticket, "propose", f"past.{past.line_id}", words=label))
    if not buttons:
        return desk.staff("staff.suggest.nothing")
    content = {"text": desk.staff("staff.suggest.pick"), "buttons": [[one] for one in buttons[:_MOST]]}
    key = ids.stable("suggest", ticket.id, said.provider_key, now.isoformat())
    await post.to_topic(session, ticket, "notice", content, key, now, priority=20)
    return None


async def _entries(
    session: AsyncSession, desk: Desk, ticket: Ticket, words: Sequence[str], now: datetime
) -> list[answers.Entry]:
    """Ready answers to the newest message that any fits."""
    products = await catalogue.names(session, desk.catalogue, now)
    for text in words:
        match = desk.answers.match(text, ticket.language, products)
        found = [match.entry] if match.entry is not None else list(match.suggestions)
        if fitting := [entry for entry in found if entry.action is None and entry.speaks(ticket.language)]:
            return fitting
    return []


async def _asked(session: AsyncSession, ticket: Ticket) -> list[str]:
    """What the customer wants to know: their messages since we last answered, the newest first."""
    said = select(TicketMessage).where(
        TicketMessage.ticket_id == ticket.id, col(TicketMessage.author).in_(("customer", "staff"))
    )
    newest = (await session.scalars(said.order_by(col(TicketMessage.id).desc()).limit(20))).all()
    last = next((at for at, line in enumerate(newest) if line.author == "staff"), len(newest))
    since = newest[:last] or [line for line in newest if line.author == "customer"]
    return [line.text for line in since if line.text.strip() and not line.held][:_WORDS]


def _short(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= 40 else f"{first[:39]}…"


async def _typed(session: AsyncSession, said: typed.Typed) -> str | None:
    return await offer(session, said, said.case)


async def _button(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    key = f"pressed:{press.chat_id}:{press.message_id}"
    said = typed.Typed(press.desk, press.staff, "", press.chat_id, press.message_id, key, press.now, ticket)
    return await offer(session, said, ticket)


async def _propose(session: AsyncSession, press: typed.Pressed) -> str | None:
    """Show the chosen words in place of the offer."""
    desk = press.desk
    ticket = await session.get(Ticket, press.id)
    contact = await session.get(Contact, ticket.contact_id) if ticket else None
    if ticket is None or contact is None:
        return desk.staff("pressed.gone")
    kind, _, name = press.extra.partition(".")
    found = await _ready(session, desk, ticket, contact, name) if kind == "faq" else None
    if kind == "past" and typed.is_id(name):
        found = await _past(session, ticket, contact, int(name))
    if found is None:
        return desk.staff("staff.suggest.gone")
    title, text, orders = found
    if past_answers.GAP in text:  # somebody must fill it in: there is nothing to send as it stands
        content = {"edit": press.message_id, "text": f"{desk.staff('staff.suggest.gap')}\n\n{text}"}
        key = ids.stable("gap", press.message_id, press.extra, press.now.isoformat())
        await post.to_topic(session, ticket, "notice", content, key, press.now, priority=20)
        return None
    source = f"{kind}:{name}"
    title = title or desk.staff("staff.suggest.past")
    await drafts.show(
        session, desk, ticket, press.staff, source, text, press.now, title=title, edit=press.message_id, orders=orders
    )
    return None


async def _ready(
    session: AsyncSession, desk: Desk, ticket: Ticket, contact: Contact, entry_id: str
) -> tuple[str, str, list[Order]] | None:
    entry = desk.answers.by_id.get(entry_id)
    if entry is None or entry.action is not None:
        return None
    try:
        chat = await chats.of_contact(session, contact, ticket.channel)
        known = ready.values(desk, contact, await disclosing.orders(session, chat), ticket.language, ticket.channel)
        text = answers.say(entry, ticket.language, known)
    except render.TemplateError:
        return None
    return entry.title(desk.staff_language), text, ready.told_of(known["orders"])


async def _past(
    session: AsyncSession, ticket: Ticket, contact: Contact, line_id: int
) -> tuple[str, str, list[Order]] | None:
    """The words again, masked again: nothing of another customer is carried in a button."""
    line = await session.get(TicketMessage, line_id)
    other = await session.get(Contact, line.contact_id) if line else None
    if line is None or other is None or line.author != "staff" or other.status != "active" or line.deleted_at:
        return None
    return "", past_answers.masked(line.text, (other.first_name, other.last_name), contact.first_name), []


COMMANDS = (typed.Command("suggest", _typed),)
BUTTONS: typed.Buttons = {"suggest": _button, "propose": _propose}
