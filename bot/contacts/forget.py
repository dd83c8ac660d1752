"""Forget a person: what names them goes, what was counted stays, and the hash remembers not to write to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.base.database import table
from bot.contacts import consent, wanted, wishes
from bot.tables.audiences import SegmentMember
from bot.tables.automations import Click, Enrolment, Refusal
from bot.tables.chat import FormerTopic, TelegramUpdate, Topic
from bot.tables.events import Event, RejectedEvent, WebhookDelivery
from bot.tables.feedback import Rating, SurveyAnswer
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, ContactTag, DeviceUser, Identity, OptIn, Proof, Suppression
from bot.tables.shop import Cart, Order
from bot.tables.staff_room import Draft
from bot.tables.support import MessageRevision, Ticket, TicketMessage

_NO_MAIL: dict[str, Any] = {"raw": b"", "sender": "", "subject": "", "thread": [], "error": None}
_GONE: dict[str, Any] = {"due_at": None, "lease_until": None, "lease_by": None}


async def erase(session: AsyncSession, secret: str, contact_id: int, now: datetime) -> None:
    """Erase the contact and whoever was merged into it (GDPR Art. 17). Its rows stay, without a word that names it.

    Open enrolments end as `erased`, mail not handed over yet is dropped (a worker that holds it finds it gone). Hashes
    of its ids stay as suppressions, so that neither a late event nor an import brings the person back.
    """
    contacts, known = table(Contact), table(Identity)
    whole = sa.or_(contacts.c.id == contact_id, contacts.c.merged_into == contact_id)
    people = list((await session.scalars(sa.select(contacts.c.id).where(whole))).all())
    pairs = (await session.execute(sa.select(known.c.kind, known.c.value).where(known.c.contact_id.in_(people)))).all()
    for kind, value in pairs:
        for channel in (kind, "sms", "whatsapp") if kind == "phone" else (kind,):
            await consent.suppress(session, secret, channel, value, "erased", now)
    await _forget_profile(session, people, [(kind, value) for kind, value in pairs])
    await _stop(session, people, now)
    await wishes.forget(session, people)
    await wanted.forget(session, people)
    await _blank(session, people)
    await _forget_raw(session, [(kind, value) for kind, value in pairs])
    await _forget_topics(session, people)
    for person in people:
        await session.refresh(await session.get_one(Contact, person))


async def was_erased(
    session: AsyncSession, secret: str, identities: Sequence[tuple[str, str]], since: datetime
) -> bool:
    """Whether one of these `(kind, normalised value)` belonged to somebody who was forgotten at or after `since`."""
    rows = table(Suppression)
    hashes = [ids.hash_address(value, secret) for _, value in identities]
    gone = sa.select(rows.c.channel, rows.c.address_hash).where(
        rows.c.address_hash.in_(hashes), rows.c.topic == "", rows.c.reason == "erased", rows.c.created_at >= since
    )
    found = {(channel, hashed) for channel, hashed in await session.execute(gone)}
    return any((kind, hashed) in found for (kind, _), hashed in zip(identities, hashes, strict=True))


async def _forget_profile(session: AsyncSession, people: Sequence[int], pairs: Sequence[tuple[str, str]]) -> None:
    contacts, known, ledger, devices = table(Contact), table(Identity), table(Consent), table(DeviceUser)
    proofs, tags, sign_ups = table(Proof), table(ContactTag), table(OptIn)
    empty: dict[str, Any] = {
        "first_name": "", "last_name": "", "language": None, "timezone": None, "country": None, "birthday": None,
        "birthday_known_at": None, "traits": {}, "status": "erased",
    }  # fmt: skip
    await session.execute(sa.update(contacts).where(contacts.c.id.in_(people)).values(**empty))
    await session.execute(sa.delete(known).where(known.c.contact_id.in_(people)))
    await session.execute(sa.delete(tags).where(tags.c.contact_id.in_(people)))
    nameless = sa.update(ledger).where(ledger.c.contact_id.in_(people))
    await session.execute(nameless.values(contact_id=None, ip=None, user_agent=None))
    values = [value for kind, value in pairs if kind in ("user_id", "anonymous_id")]
    mine = sa.or_(devices.c.user_id.in_(values), devices.c.anonymous_id.in_(values))
    await session.execute(sa.delete(devices).where(mine))
    addresses = [value for kind, value in pairs if kind == "email"]
    theirs = sa.or_(proofs.c.contact_id.in_(people), proofs.c.address.in_(addresses))
    await session.execute(sa.delete(proofs).where(theirs))
    asked = sa.or_(sign_ups.c.contact_id.in_(people), sign_ups.c.address.in_(addresses))
    await session.execute(sa.delete(sign_ups).where(asked))


async def _stop(session: AsyncSession, people: Sequence[int], now: datetime) -> None:
    enrolments, messages = table(Enrolment), table(Message)
    members = table(SegmentMember)
    await session.execute(sa.delete(members).where(members.c.contact_id.in_(people)))
    refusals = table(Refusal)
    await session.execute(sa.delete(refusals).where(refusals.c.contact_id.in_(people)))
    mine = sa.update(enrolments).where(enrolments.c.contact_id.in_(people))
    ended = {"status": "exited", "exit_reason": "erased", "ended_at": now, **_GONE}
    await session.execute(mine.where(enrolments.c.status == "active").values(**ended))
    await session.execute(mine.values(context={}))
    # A row that is handed over stays handed: its end is still to be written down.
    waiting = messages.c.status.in_(("planned", "deferred", "claimed"))
    ours = messages.c.contact_id.in_(people)
    dropped = {"status": "skipped", "skip_reason": "erased", "settled_at": now, **_GONE}
    await session.execute(sa.update(messages).where(ours, waiting).values(**dropped))
    await session.execute(sa.update(messages).where(ours).values(payload={}, receiver="erased", error=None))
    theirs = messages.c.ticket_id.in_(sa.select(table(Ticket).c.id).where(table(Ticket).c.contact_id.in_(people)))
    await session.execute(sa.update(messages).where(theirs, waiting).values(**dropped))
    await session.execute(sa.update(messages).where(theirs).values(payload={}, error=None))


async def _blank(session: AsyncSession, people: Sequence[int]) -> None:
    """What was said, sent and visited, without the words."""
    events, orders, carts, said = table(Event), table(Order), table(Cart), table(TicketMessage)
    ratings, clicks, mails = table(Rating), table(Click), table(ReceivedMail)
    surveys = table(SurveyAnswer)
    for update, values in (
        (sa.update(events).where(events.c.contact_id.in_(people)), {"body": {}, "error": None}),
        (sa.update(orders).where(orders.c.contact_id.in_(people)), {"tracking_number": "", "tracking_url": ""}),
        (sa.update(carts).where(carts.c.contact_id.in_(people)), {"url": ""}),
        (sa.update(said).where(said.c.contact_id.in_(people)), {"text": "", "attachment": {}, "quote": ""}),
        (sa.update(ratings).where(ratings.c.contact_id.in_(people)), {"comment": ""}),
        (sa.update(surveys).where(surveys.c.contact_id.in_(people)), {"comment": ""}),
        (sa.update(clicks).where(clicks.c.contact_id.in_(people)), {"url": ""}),
        (sa.update(mails).where(mails.c.contact_id.in_(people)), _NO_MAIL),
    ):
        await session.execute(update.values(**values))
    await _blank_topics(session, people)


async def _blank_topics(session: AsyncSession, people: Sequence[int]) -> None:
    """Earlier wordings, words that were never sent, and the card and name of the topic as they were last shown."""
    tickets, said, topics = table(Ticket), table(TicketMessage), table(Topic)
    revisions, drafts = table(MessageRevision), table(Draft)
    theirs = sa.select(tickets.c.id).where(tickets.c.contact_id.in_(people))
    lines = sa.select(said.c.id).where(said.c.contact_id.in_(people))
    await session.execute(sa.delete(revisions).where(revisions.c.said_id.in_(lines)))
    await session.execute(sa.delete(drafts).where(drafts.c.ticket_id.in_(theirs)))
    await session.execute(sa.update(tickets).where(tickets.c.contact_id.in_(people)).values(tags=[]))
    await session.execute(sa.update(topics).where(topics.c.ticket_id.in_(theirs)).values(card={}, title=""))


async def _forget_raw(session: AsyncSession, pairs: Sequence[tuple[str, str]]) -> None:
    """Raw copies: what the shop delivered, what Telegram delivered, what was refused. A search, but a rare one."""
    deliveries, refused, updates = table(WebhookDelivery), table(RejectedEvent), table(TelegramUpdate)
    done = deliveries.c.status != "new"
    for kind, value in pairs:
        if kind == "telegram":
            ours = updates.c.chat_id == int(value), updates.c.status != "new"
            await session.execute(sa.update(updates).where(*ours).values(body=""))
        if len(value) >= 5:  # shorter ids are parts of too many other words
            mine = sa.func.lower(deliveries.c.body).contains(value.lower(), autoescape=True)
            await session.execute(sa.update(deliveries).where(done, mine).values(body=""))
            theirs = sa.func.lower(refused.c.body).contains(value.lower(), autoescape=True)
            await session.execute(sa.delete(refused).where(theirs))


async def _forget_topics(session: AsyncSession, people: Sequence[int]) -> None:
    """Raw copies of what staff wrote in the topics of their tickets: answers bring the words that they answer along."""
    updates, tickets = table(TelegramUpdate), table(Ticket)
    theirs = sa.select(tickets.c.id).where(tickets.c.contact_id.in_(people))
    for topics in (table(Topic), table(FormerTopic)):
        asked = sa.select(topics.c.chat_id, topics.c.thread_id)
        asked = asked.where(topics.c.ticket_id.in_(theirs), topics.c.thread_id.is_not(None))
        for chat_id, thread_id in (await session.execute(asked)).all():
            named = [updates.c.body.contains(f'"message_thread_id":{thread_id}{end}') for end in (",", "}")]
            there = updates.c.chat_id == chat_id, updates.c.status != "new", sa.or_(*named)
            await session.execute(sa.update(updates).where(*there).values(body=""))
