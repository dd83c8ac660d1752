"""Telling customers what became of their wish: each once, where they asked, in their language, by day, if they like.

Staff's notes, titles and the words of other customers are never in it: only what the end of the card says (`outcome`)
and the reader's own words.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import quiet, work
from bot.base.database import table
from bot.contacts import zones
from bot.outbound import outbox
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.support import post
from bot.support.desk import Desk
from bot.support.feedback import board, told_by_mail
from bot.support.self_service import ready
from bot.tables.feedback import Improvement, Voice
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity
from bot.tables.support import TicketMessage

PURPOSE = "told"
TOPIC = "feedback"
"""The topic in the consent ledger under which somebody says that they want to hear no such things."""

_OUTBOX = table(Message)
_QUOTED = 140
_CHANGED = "changed"


@dataclass(frozen=True)
class Way:
    """How a customer is reached: the channel and the address."""

    channel: str
    address: Identity


@dataclass
class Plan:
    """Who will hear of it, by language; who will not, by reason; who was told before (or is about to be)."""

    will: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    before: int = 0


async def plan(session: AsyncSession, desk: Desk, card: Improvement, now: datetime) -> Plan:
    """What `tell` would do now."""
    made = Plan()
    for voice in await board.voices(session, card):
        if voice.told in ("told", "queued", "unknown"):
            made.before += 1
            continue
        _contact, way = await _reach(session, desk, voice, now)
        if isinstance(way, Way):
            made.will[voice.language] += 1
        else:
            made.refused[way] += 1
    return made


async def tell(session: AsyncSession, desk: Desk, card: Improvement, by: str, now: datetime) -> Plan:
    """Queue a message for everybody who has not been told yet. The card is shipped or declined, and held."""
    assert card.status in board.ENDS and card.merged_into is None
    made = Plan()
    for voice in await board.voices(session, card):
        if voice.told in ("told", "queued", "unknown"):
            made.before += 1
            continue
        contact, way = await _reach(session, desk, voice, now)
        if not isinstance(way, Way) or contact is None:
            voice.told, voice.why = "refused", str(way)
            made.refused[voice.why] += 1
        elif await _queue(session, desk, card, voice, contact, way, now):
            voice.told, voice.why = "queued", ""
            made.will[voice.language] += 1
        else:
            made.before += 1
    await session.flush()
    await board.wrote(session, card, by, "told", now, will=sum(made.will.values()), refused=dict(made.refused))
    return made


async def _queue(
    session: AsyncSession, desk: Desk, card: Improvement, voice: Voice, contact: Contact, way: Way, now: datetime
) -> bool:
    """The words are put together when it leaves. A lane of its own: what waits for the morning holds no answer up."""
    key = f"told:{card.id}:{voice.contact_id}"
    place = {"chat_id": int(way.address.value)} if way.channel == "telegram" else {"to": way.address.value}
    receiver = f"{way.channel}:{way.address.value}#told" if way.channel == "telegram" else way.address.value
    values: dict[str, Any] = {
        "channel": way.channel, "receiver": receiver, "payload": {**place, "voice_id": voice.id},
        "due_at": _by_day(desk, contact, key, now) or now,
    }  # fmt: skip
    queued = await outbox.queue(
        session, purpose=PURPOSE, key=key, now=now, priority=70, once=True, contact_id=contact.id, **values
    )
    if queued is not None:
        return True
    # It was stopped because the card had moved on; now it is at its end again.
    stopped = sa.and_(_OUTBOX.c.key == key, _OUTBOX.c.status == "skipped", _OUTBOX.c.skip_reason == _CHANGED)
    again = (
        sa.update(_OUTBOX)
        .where(stopped)
        .values(**values, status="planned", skip_reason=None, settled_at=None, attempts=0)
    )
    work.kick(session, f"messages:{way.channel}")
    return await session.scalar(again.returning(_OUTBOX.c.id)) is not None


def _by_day(desk: Desk, contact: Contact, key: str, now: datetime) -> datetime | None:
    """When the customer's night is over, None by day."""
    zone = zones.local(desk.ground.config, contact.model_dump()).zone
    return quiet.until(desk.ground.config.automations.quiet_hours, now, zone, key)


async def _reach(session: AsyncSession, desk: Desk, voice: Voice, now: datetime) -> tuple[Contact | None, Way | str]:
    """The person behind the voice and the way to them, or in one word why there is none."""
    contact = await contacts.current(session, voice.contact_id)
    if contact is None or contact.id is None or contact.status != "active":
        return contact, "erased"
    if contact.blocked_at is not None:
        return contact, "blocked"
    known = await contacts.identities(session, contact.id)
    secret = desk.ground.secret
    for one in known:
        if one.kind in ("telegram", "email"):
            said = await contacts.allowed(session, secret, one.kind, one.value, TOPIC)
            if said is not None and said.action == "withdrawn":
                return contact, "opted_out"
    suppressed = False
    for channel, kind in _ways(desk, voice):
        usable = (one for one in known if one.kind == kind and one.unreachable_at is None and one.proven)
        address = next(usable, None)
        if address is None:
            continue
        if await contacts.suppressed(session, secret, channel, address.value, TOPIC, now) is None:
            return contact, Way(channel, address)
        suppressed = True
    return contact, "suppressed" if suppressed else "unreachable"


def _ways(desk: Desk, voice: Voice) -> list[tuple[str, str]]:
    """Channels with the kind of their addresses: where they asked first, then mail."""
    own = post.ADDRESS_KIND.get(voice.channel)
    mail = [("email", "email")] if desk.ground.config.mail.server is not None else []
    return ([(voice.channel, own)] if own else []) + mail


def words(desk: Desk, card: Improvement, language: str) -> str:
    """What everybody of that language reads about the end of the card; ours where the shop wrote none."""
    return card.outcome.get(language) or desk.say(language, f"told.{card.status}")


async def _own_words(session: AsyncSession, voice: Voice) -> str:
    """What they asked, in their own words and short; empty when we have none of theirs."""
    line = await session.get(TicketMessage, voice.said_id) if voice.said_id else None
    if line is None or line.author != "customer" or line.contact_id != voice.contact_id or line.deleted_at is not None:
        return ""
    text = " ".join(line.text.split())
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"


async def look(session: AsyncSession, desk: Desk, row: Mapping[str, Any], now: datetime) -> Send | Skip | Defer:
    """Right before it leaves: is the card still at its end, do they still want it, is it day where they live?"""
    voice = await session.get(Voice, row["payload"].get("voice_id") or 0, populate_existing=True)
    card = await session.get(Improvement, voice.improvement_id, populate_existing=True) if voice else None
    if voice is None or card is None or voice.told != "queued":
        return Skip("gone")
    if card.status not in board.ENDS or card.merged_into is not None or f"told:{card.id}:" not in row["key"]:
        return Skip(_CHANGED)
    contact, way = await _reach(session, desk, voice, now)
    if not isinstance(way, Way) or contact is None:
        return Skip(str(way))
    if (
        way.channel != row["channel"]
        or str(row["payload"].get("chat_id", row["payload"].get("to"))) != way.address.value
    ):
        return Skip("unreachable")
    until = _by_day(desk, contact, row["key"], now)
    if until is not None:
        return Defer(until, "quiet_hours")
    said = await _own_words(session, voice)
    if row["channel"] == "email":
        return told_by_mail.written(desk, row, contact, voice.language, said, words(desk, card, voice.language))
    return Send({"chat_id": int(way.address.value), **_message(desk, contact, voice, said, card)})


def _message(desk: Desk, contact: Contact, voice: Voice, said: str, card: Improvement) -> dict[str, Any]:
    language = voice.language
    hello = desk.say(language, "told.hello", name=contact.first_name) if contact.first_name else ""
    asked = desk.say(language, "told.asked", words=said) if said else desk.say(language, "told.asked_something")
    text = "\n".join(part for part in (hello, asked, words(desk, card, language)) if part)
    off = {"text": desk.say(language, "told.off"), "data": f"1:tell:{voice.id}:off"}
    return {"text": text, "buttons": [[off]]}


async def settled(session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
    """Told, or not: the voice says so. One that was stopped because the card moved on may be told later."""
    voice = await session.get(Voice, row["payload"].get("voice_id") or 0, with_for_update=True, populate_existing=True)
    if voice is None or voice.told != "queued":
        return
    if outcome.status == "sent":
        voice.told, voice.told_at = "told", outcome.receipt.accepted_at if outcome.receipt else outcome.at
    elif outcome.status == "unknown":
        voice.told, voice.told_at = "unknown", outcome.at
    elif outcome.reason == _CHANGED:
        voice.told = ""
    else:
        voice.told, voice.why = "refused", outcome.reason
    await session.flush()


async def pressed(
    session: AsyncSession, desk: Desk, contact: Contact, voice_id: int, wanted: str, channel: str, now: datetime
) -> str | None:
    """ "Do not tell me such things", and back. Holds for every way to them."""
    voice = await session.get(Voice, voice_id)
    own = await contacts.current(session, voice.contact_id) if voice else None
    if voice is None or own is None or own.id != contact.id or contact.id is None:
        return desk.say(desk.language(contact), "pressed.gone")
    write = contacts.withdraw if wanted == "off" else contacts.allow
    for one in await contacts.identities(session, contact.id):
        if one.kind in ("telegram", "email") and one.proven:
            words = f"told.{wanted}"
            await write(
                session, desk.ground.secret, contact.id, one.kind, one.value, TOPIC, "button", now, text_version=words
            )
    text = desk.say(voice.language, f"told.is_{wanted}")
    back = {"text": desk.say(voice.language, "told.on"), "data": f"1:tell:{voice.id}:on"}
    key = f"tell:{voice.id}:{wanted}:{now.isoformat()}"
    await ready.say(session, contact, channel, text, key, now, [[back]] if wanted == "off" else ())
    return None
