"""Leave a kind of mail, and come back: what the unsubscribe link of one mail does to its address.

Also for somebody who was forgotten in the meantime: their address is gone from the message, and stands suppressed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.ground import Ground
from bot.contacts import topics
from bot.contacts.topics import LEFT
from bot.events import choices
from bot.events.choices import At, How


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

    @property
    def at(self) -> At:
        assert self.address is not None
        return At(self.contact_id, "email", self.address)


async def is_off(session: AsyncSession, ground: Ground, subject: Subject, now: datetime) -> bool:
    if subject.address is None:
        return True
    found = await topics.standing(session, ground.secret, "email", subject.address, now)
    return found.stop(subject.topic) is not None or found.word(subject.topic) == "withdrawn"


async def leave(session: AsyncSession, ground: Ground, subject: Subject, how: How, now: datetime) -> None:
    """No more of this topic to this address. Said again it changes nothing."""
    if subject.address is None:
        return
    known = ground.config.automations.topic_names
    # They got a mail about it, so the shop had a reason to send it, if not a word of theirs.
    more = {"known": known, "assumed": [subject.topic]}
    await choices.choose(session, ground.secret, subject.at, {subject.topic: False}, how, now, **more)


async def leave_all(session: AsyncSession, ground: Ground, subject: Subject, how: How, now: datetime) -> None:
    """No more marketing of any kind to this address."""
    if subject.address is not None:
        await leave(session, ground, subject, how, now)
        known = ground.config.automations.topic_names
        await choices.nothing(session, ground.secret, subject.at, known, how, now)


async def come_back(session: AsyncSession, ground: Ground, subject: Subject, how: How, now: datetime) -> None:
    """Somebody left by mistake: they want this topic again. A bounce or a complaint is not lifted by this."""
    if subject.address is None:
        return
    found = await topics.standing(session, ground.secret, "email", subject.address, now)
    if found.stop(subject.topic) in (None, LEFT) and found.word(subject.topic) == "withdrawn":
        known = ground.config.automations.topic_names
        await choices.choose(session, ground.secret, subject.at, {subject.topic: True}, how, now, known=known)
