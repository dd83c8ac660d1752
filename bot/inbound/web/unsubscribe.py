"""Leave a kind of mail, and come back: what the unsubscribe link of one mail does to its address.

Also for somebody who was forgotten in the meantime: their address is gone from the message, and stands suppressed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts, events
from bot.events import NewEvent

_REASON = "unsubscribed"


@dataclass(frozen=True)
class Proof:
    """How somebody said it: `source` is one_click (RFC 8058) or unsubscribe_page."""

    source: str
    ip: str | None
    user_agent: str | None


@dataclass(frozen=True)
class Subject:
    """The address and topic that an unsubscribe link is about; `address` None if nobody knows it any more."""

    message_id: int
    contact_id: int | None
    address: str | None
    topic: str

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> "Subject":
        list_id = str(message["payload"].get("list_id") or "")
        address = contacts.normalise("email", message["receiver"])
        return cls(message["id"], message["contact_id"], address, list_id.partition(".")[0] or "marketing")


async def is_off(session: AsyncSession, secret: str, subject: Subject, now: datetime) -> bool:
    if subject.address is None:
        return True
    return await contacts.suppressed(session, secret, "email", subject.address, subject.topic, now) is not None


async def leave(session: AsyncSession, secret: str, subject: Subject, proof: Proof, now: datetime) -> None:
    """No more of this topic to this address. Said again it changes nothing."""
    if subject.address is None or await is_off(session, secret, subject, now):
        return
    said = (session, secret, subject.contact_id, "email", subject.address, subject.topic, proof.source, now)
    await contacts.withdraw(*said, ip=proof.ip, user_agent=proof.user_agent)
    await contacts.suppress(session, secret, "email", subject.address, _REASON, now, topic=subject.topic)
    await _tell(session, subject, "Unsubscribed", now)


async def come_back(session: AsyncSession, secret: str, subject: Subject, proof: Proof, now: datetime) -> None:
    """Somebody left by mistake: they want this topic again. A bounce or a complaint is not lifted by this."""
    if subject.address is None:
        return
    reason = await contacts.suppressed(session, secret, "email", subject.address, subject.topic, now)
    if reason != _REASON:
        return
    said = (session, secret, subject.contact_id, "email", subject.address, subject.topic, proof.source, now)
    await contacts.allow(*said, ip=proof.ip, user_agent=proof.user_agent, text_version="unsubscribe.undo")
    await _tell(session, subject, "Subscribed", now)


async def _tell(session: AsyncSession, subject: Subject, name: str, now: datetime) -> None:
    key = f"{name.lower()}:{subject.message_id}:{now.isoformat()}"
    properties = {"channel": "email", "topic": subject.topic}
    event = NewEvent("aftercart", key, "track", name, now, now, {"properties": properties}, subject.contact_id)
    await events.record(session, event)
