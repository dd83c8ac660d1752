"""What a customer says and presses: into the open ticket, else a ready answer, suggestions, or the staff."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.shops import unconfirmed
from bot.support import answers, by_mail, lines, typed
from bot.support.answers import catalogue, guards, ranking
from bot.support.desk import Desk
from bot.support.escalation import danger
from bot.support.feedback import comments, complaints, ratings, telling
from bot.support.newcomers import waiting
from bot.support.self_service import chats, disclosing, order_status, preferences, proof, ready
from bot.support.sla import clocks as sla
from bot.support.tickets import blocking, edits, floods, opening
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

_STILL_ASKING = timedelta(minutes=30)
_HEARD, _NOT_YET = 5, timedelta(days=1)
"""How many orders of pages are looked at; after a day without the shop's word a person must look."""


@dataclass(frozen=True)
class Said:
    """One thing that a customer said, as the door unpacked it.

    `attachment` is `{kind, file_id, name}` or empty, `provider_key` the name of the original (`telegram:CHAT:MESSAGE`),
    `at` the provider's time of it, `source` where to copy it from. `reply_to_id` is the line that it answers, `quote`
    the words that it takes up, `subject` what their first mail says that it is about. `to_a_person`: it answers
    something of ours that only a person can go on with.
    """

    contact_id: int
    channel: str
    text: str
    provider_key: str
    at: datetime
    received_at: datetime
    attachment: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, int] = field(default_factory=dict)
    reply_to_id: int | None = None
    quote: str = ""
    to_a_person: bool = False
    subject: str = ""


async def customer_said(session: AsyncSession, desk: Desk, said: Said, now: datetime) -> None:
    """Store it once and answer it. A replay of the same original changes nothing."""
    contact = await _hold(session, said.contact_id)
    at = sla.counted_at(said.at, said.received_at)
    ticket = await opening.belongs(session, _id(contact), said.channel, at, said.reply_to_id)
    line = await lines.write(
        session,
        contact_id=_id(contact),
        ticket_id=ticket.id if ticket else None,
        channel=said.channel,
        author="customer",
        text=said.text,
        provider_key=said.provider_key,
        at=at,
        received_at=said.received_at,
        attachment=said.attachment,
        reply_to_id=said.reply_to_id,
        quote=said.quote,
    )
    if line is None:
        return
    if guards.in_danger(f"{said.subject}\n{said.text}"):
        await _in_danger(session, desk, contact, ticket, line, now)
        return
    chose = await preferences.took(session, desk, contact, line, now)  # also of somebody who was blocked
    if await _keeps_out(session, desk, contact, ticket, line, now):
        return
    if ticket is not None:
        await comments.take(session, desk, contact, line, now, ticket=ticket)
        await opening.into(session, desk, contact, ticket, line, now)
    elif chose:
        return
    elif await floods.too_much(session, desk, contact, line):
        language = await _language(session, desk, contact, said.text)
        await _to_staff(session, desk, contact, line, language, "flood", now)
    elif said.subject and guards.wants_human(said.subject):
        language = await _language(session, desk, contact, said.text)
        await _to_staff(session, desk, contact, line, language, "human", now)
    elif said.to_a_person:
        if await _answered_by_order(session, desk, contact, line, now):
            return
        language = await _language(session, desk, contact, said.text)
        await _to_staff(session, desk, contact, line, language, "reply", now)
    elif said.attachment or not said.text.strip():
        language = await _language(session, desk, contact, said.text)
        await _to_staff(session, desk, contact, line, language, "attachment", now)
    elif not (
        (said.channel != by_mail.CHANNEL and await proof.took(session, desk, contact, line, now))
        or await comments.take(session, desk, contact, line, now, ticket=None)
    ):
        await _reply(session, desk, contact, line, now)


async def customer_changed(session: AsyncSession, desk: Desk, edited: edits.Edited, now: datetime) -> None:
    """They changed what they had written. Danger that stands there now is heard like danger that is said."""
    line = await edits.customer_edited(session, desk, edited, now)
    if line is None or not guards.in_danger(line.text):
        return
    contact = await _hold(session, line.contact_id)
    ticket = await opening.belongs(session, _id(contact), line.channel, edited.at)
    if line.ticket_id is None or line.held:
        await _in_danger(session, desk, contact, ticket, line, now)
    elif ticket is not None and not await danger.rang_lately(session, contact, now):
        language = await _language(session, desk, contact, line.text)
        await danger.alarm(session, desk, contact, ticket, language, f"{line.id}:{edited.update_id}", now)


async def _in_danger(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket | None, line: TicketMessage, now: datetime
) -> None:
    """To people at once, and never to a machine; in a storm of invented senders into the one alarm about them."""
    language = await _language(session, desk, contact, line.text)
    if ticket is None and await waiting.waits_in_danger(session, desk, contact, line, language, now):
        return
    urgent = not await danger.rang_lately(session, contact, now)
    line.held = False
    if ticket is None:
        channel = line.channel
        ticket = await opening.hand_over(session, desk, contact, channel, language, line, "danger", now, urgent=urgent)
        await waiting.joined(session, desk, contact, ticket, now)
    else:
        await opening.into(session, desk, contact, ticket, line, now, urgent=urgent)
    if urgent:
        await danger.alarm(session, desk, contact, ticket, language, str(line.id), now)


async def _keeps_out(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket | None, line: TicketMessage, now: datetime
) -> bool:
    """Nobody hears whom staff blocked, unless they told of danger a moment ago and go on about it."""
    if ticket is not None and contact.blocked_at is not None and await danger.was_told_lately(session, contact, now):
        return False
    return await blocking.keeps_out(session, desk, contact, ticket, line, now)


async def _hold(session: AsyncSession, contact_id: int) -> Contact:
    """The contact, held until the end of the transaction: two messages at once never open two tickets."""
    contact = await contacts.current(session, contact_id)
    assert contact is not None
    # Not FOR UPDATE: whoever holds their ticket and writes a line of theirs would wait for us, and we for the ticket.
    await session.execute(select(Contact.id).where(col(Contact.id) == contact.id).with_for_update(key_share=True))
    return contact


def _id(contact: Contact) -> int:
    assert contact.id is not None
    return contact.id


async def _reply(session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, now: datetime) -> None:
    language = await _language(session, desk, contact, line.text)
    if await opening.thanked(session, desk, contact, line):
        await _to_staff(session, desk, contact, line, language, "thanks", now)
        return
    mailed = line.channel == by_mail.CHANNEL
    if mailed and not await by_mail.may_answer(session, line, desk.ground.config.mailbox.answers_per_hour, now):
        await _to_staff(session, desk, contact, line, language, "unsure", now)
        return
    if order_status.is_only_a_number(line.text):
        await _order(session, desk, contact, line, language, now)
        return
    match = desk.answers.match(line.text, language, await catalogue.names(session, desk.catalogue, now))
    key = f"said:{line.id}"
    if match.kind == "answer" and match.entry is not None:
        if match.entry.action == "order_status":
            await _order(session, desk, contact, line, language, now)
            return
        if await ready.answer(session, desk, contact, line.channel, match.entry, language, key, now):
            return
    elif match.kind == "suggest" and not mailed and not await _asks_again(session, desk, contact, line, now):
        await ready.suggest(session, desk, contact, line.channel, match, language, key, now)
        return
    await _to_staff(session, desk, contact, line, language, match.why or "unsure", now)


async def _to_staff(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, language: str, why: str, now: datetime
) -> None:
    """A ticket, unless it is the mail of an unknown sender in a rush of such: then it waits."""
    if not await waiting.waits(session, desk, contact, line, language, why, now):
        ticket = await opening.hand_over(session, desk, contact, line.channel, language, line, why, now)
        await waiting.joined(session, desk, contact, ticket, now)


async def _asks_again(session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, now: datetime) -> bool:
    """Suggestions were just shown and did not fit, or a ticket was just closed: a person is better than a guess."""
    last = await lines.last_of(session, _id(contact), "bot")
    if last and last.attachment.get("bot") == "suggestions" and now - last.at <= _STILL_ASKING:
        return True
    return opening.is_fresh(desk, await opening.last_resolved(session, _id(contact), line.channel), line.at)


async def _order(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, language: str, now: datetime
) -> None:
    if line.channel == by_mail.CHANNEL:
        await _order_by_mail(session, desk, contact, line, language, now)
        return
    chat = await chats.of_line(session, contact, line)
    mine = await disclosing.orders(session, chat)
    reply = order_status.reply(desk, contact, mine, line.text, language, now)
    if reply.kind in ("ask", "unproven"):
        heard = await unconfirmed.of_contact(session, _id(contact), _HEARD, since=now - _NOT_YET)
        reply = order_status.heard_of(desk, contact, heard, line.text, language) or reply
    if await proof.offered(session, desk, contact, chat, reply, language, f"said:{line.id}", now):
        return
    if reply.kind == "unproven":
        await _to_staff(session, desk, contact, line, language, "order", now)
        return
    human = ready.human_button(desk, language)
    first = {"text": desk.say(language, "answer.helped"), "data": "1:helped:order_status"}
    if reply.kind == "confirm":
        first = {"text": desk.say(language, "answer.yes"), "data": f"1:order:{reply.orders[0].id}"}
    await disclosing.write_down(session, chat, reply.orders, now)
    buttons = [[human]] if reply.kind == "ask" else [[first, human]]
    await ready.say(session, contact, line.channel, reply.text, f"said:{line.id}", now, buttons)


async def _order_by_mail(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, language: str, now: datetime
) -> None:
    if not await _told_by_mail(session, desk, contact, line, language, now):
        await _to_staff(session, desk, contact, line, language, "order", now)


async def _told_by_mail(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, language: str, now: datetime
) -> bool:
    """Told only to whoever reads the mailbox that the shop names, and only what is certain: a mail has no buttons."""
    chat = await chats.of_line(session, contact, line)
    reply = order_status.reply(desk, contact, await disclosing.orders(session, chat), line.text, language, now)
    if reply.kind != "told":
        return False
    await disclosing.write_down(session, chat, reply.orders, now)
    text = ready.with_a_person(desk, reply.text, language)
    await ready.say(session, contact, line.channel, text, f"said:{line.id}", now)
    return True


async def _answered_by_order(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, now: datetime
) -> bool:
    """An answer to a mail of ours that only asks where an order is: told, as their answer shows whose mailbox it is."""
    most = desk.ground.config.mailbox.answers_per_hour
    if line.channel != by_mail.CHANNEL or not await by_mail.may_answer(session, line, most, now):
        return False
    language = await _language(session, desk, contact, line.text)
    match = desk.answers.match(line.text, language, await catalogue.names(session, desk.catalogue, now))
    asks = match.kind == "answer" and match.entry is not None and match.entry.action == "order_status"
    if not asks and not order_status.is_only_a_number(line.text):
        return False
    return await _told_by_mail(session, desk, contact, line, language, now)


async def _language(session: AsyncSession, desk: Desk, contact: Contact, text: str) -> str:
    """Chinese signs are answered in Chinese, Latin sentences never; else the contact's own or the shop's language."""
    if not text:
        last = await lines.last_of(session, _id(contact), "customer")
        text = last.text if last else ""
    known = desk.language(contact)
    if ranking.is_cjk(text):
        return "zh_CN"
    return "en" if known == "zh_CN" and len(ranking.tokens(text)) >= 3 else known


async def greet(session: AsyncSession, desk: Desk, contact_id: int, channel: str, now: datetime) -> None:
    """The first words to somebody who opened the chat. Starts no clock."""
    contact = await _hold(session, contact_id)
    if contact.blocked_at is not None:
        return
    language = desk.language(contact)
    order = desk.answers.by_id.get("order_status")
    rows = [[{"text": order.title(language), "data": "1:faq:order_status"}]] if order else []
    text = desk.say(language, "greet", shop=desk.ground.config.shop.name)
    key = f"greet:{contact.id}:{now.isoformat()}"
    await ready.say(session, contact, channel, text, key, now, [*rows, [ready.human_button(desk, language)]])


async def customer_pressed(
    session: AsyncSession,
    desk: Desk,
    contact_id: int,
    data: str,
    now: datetime,
    channel: str = "telegram",
    message_id: int = 0,
) -> str | None:
    """A button of ours was pressed, at the message `message_id`. Returns words to show in passing, or None."""
    contact = await _hold(session, contact_id)
    if contact.blocked_at is not None:
        return None
    language = await _language(session, desk, contact, "")
    match data.split(":"):
        case ["1", "faq", entry_id] if entry_id in desk.answers.by_id:
            await _pressed_entry(session, desk, contact, channel, desk.answers.by_id[entry_id], language, now)
        case ["1", "order", row_id] if typed.is_id(row_id):
            await _pressed_order(session, desk, contact, channel, int(row_id), language, now)
        case ["1", "human"]:
            return await _pressed_human(session, desk, contact, channel, language, now)
        case ["1", "proof", "again"]:
            if await opening.open_of(session, _id(contact), channel) is not None:
                return desk.say(language, "ticket.already")
            await proof.again(session, desk, contact, channel, now)
        case ["1", "helped", _entry]:
            return desk.say(language, "answer.glad")
        case ["1", "rate", rating_id, score] if typed.is_id(rating_id) and typed.is_id(score):
            return await ratings.pressed(session, desk, contact, int(rating_id), int(score), now)
        case ["1", "nocomment", rating_id] if typed.is_id(rating_id):
            return await comments.nothing(session, desk, contact, int(rating_id), now)
        case ["1", "fixed", asked_id, ("yes" | "no") as said] if typed.is_id(asked_id):
            return await complaints.answered(session, desk, contact, int(asked_id), said, now)
        case ["1", "tell", voice_id, ("off" | "on") as wanted] if typed.is_id(voice_id):
            return await telling.pressed(session, desk, contact, int(voice_id), wanted, channel, now)
        case ["1", "prefs", topic, ("on" | "off") as wanted]:
            return await preferences.pressed(session, desk, contact, topic, wanted, channel, message_id, language, now)
        case _:
            return desk.say(language, "pressed.gone")
    return None


async def _pressed_entry(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    channel: str,
    entry: answers.Entry,
    language: str,
    now: datetime,
) -> None:
    key = f"faq:{contact.id}:{entry.id}:{now.isoformat()}"
    if entry.action == "human":
        await _pressed_human(session, desk, contact, channel, language, now)
    elif entry.action == "order_status":
        chat = await chats.of_contact(session, contact, channel)
        reply = order_status.reply(desk, contact, await disclosing.orders(session, chat), "", language, now)
        if not await proof.offered(session, desk, contact, chat, reply, language, key, now):
            await disclosing.write_down(session, chat, reply.orders, now)
            await ready.say(session, contact, channel, reply.text, key, now, [[ready.human_button(desk, language)]])
    elif not await ready.answer(session, desk, contact, channel, entry, language, key, now):
        await _pressed_human(session, desk, contact, channel, language, now)


async def _pressed_order(
    session: AsyncSession, desk: Desk, contact: Contact, channel: str, row_id: int, language: str, now: datetime
) -> None:
    chat = await chats.of_contact(session, contact, channel)
    order = next((one for one in await disclosing.orders(session, chat) if one.id == row_id), None)
    if order is None:
        await _pressed_human(session, desk, contact, channel, language, now)
        return
    text = order_status.told(desk, contact, [order], language, now)
    await disclosing.write_down(session, chat, [order], now)
    key = f"order:{contact.id}:{row_id}:{now.isoformat()}"
    await ready.say(session, contact, channel, text, key, now, [[ready.human_button(desk, language)]])


async def _pressed_human(
    session: AsyncSession, desk: Desk, contact: Contact, channel: str, language: str, now: datetime
) -> str | None:
    if await opening.open_of(session, _id(contact), channel) is not None:
        return desk.say(language, "ticket.already")
    await opening.hand_over(session, desk, contact, channel, language, None, "human", now)
    return None
