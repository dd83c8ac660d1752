"""One chat: whose it is, on which channel, and the place there that nobody else has."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.support import lines, post
from bot.tables.people import Contact
from bot.tables.support import TicketMessage


@dataclass(frozen=True)
class Chat:
    contact_id: int
    channel: str
    place: str


async def of_contact(session: AsyncSession, contact: Contact, channel: str) -> Chat:
    """Where they are written to on that channel."""
    assert contact.id is not None
    kind = post.ADDRESS_KIND.get(channel)
    known = await contacts.address(session, contact.id, kind) if kind else None
    return Chat(contact.id, channel, known.value if known is not None else f"contact:{contact.id}")


async def of_line(session: AsyncSession, contact: Contact, line: TicketMessage) -> Chat:
    """Where that was written."""
    place = lines.place(line.provider_key)
    if not place or contact.id is None:
        return await of_contact(session, contact, line.channel)
    return Chat(contact.id, line.channel, str(place["chat_id"]))
