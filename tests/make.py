"""Builders for tests: rows with sensible values, so that a test names only what it is about."""

from collections.abc import Iterable
from typing import Any

from conftest import NOON
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config import Config
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.tables.chat import StaffMember
from bot.tables.people import Contact, Identity
from bot.tables.shop import Order
from bot.tables.support import Ticket


def ground(texts: Texts, **sections: Any) -> Ground:
    """The ground with these sections of the configuration: `telegram={"staff_chat_id": -100}`."""
    return Ground(Config.model_validate(sections), texts, "a secret of the tests")


async def contact(session: AsyncSession, **fields: Any) -> Contact:
    made = Contact(**{"first_name": "Ada", "language": "en", "created_at": NOON, **fields})
    session.add(made)
    await session.flush()
    return made


async def ticket(session: AsyncSession, number: int = 1042, **fields: Any) -> Ticket:
    """A ticket of `contact_id`, or of a contact made for it."""
    if "contact_id" not in fields:
        fields["contact_id"] = (await contact(session)).id
    return (await tickets(session, [number], **fields))[0]


async def tickets(session: AsyncSession, numbers: Iterable[int], **fields: Any) -> list[Ticket]:
    """Tickets of `contact_id`, written at once."""
    plain = {"channel": "telegram", "opened_at": NOON, **fields}
    made = [Ticket(**{"number": number, **plain}) for number in numbers]
    session.add_all(made)
    await session.flush()
    return made


async def telegram_contact(session: AsyncSession, chat_id: int = 501, **fields: Any) -> Contact:
    """A contact who writes from the Telegram chat of that id."""
    made = await contact(session, **fields)
    session.add(Identity(contact_id=made.id, kind="telegram", value=str(chat_id), proven=True, created_at=NOON))
    await session.flush()
    return made


async def staff(session: AsyncSession, name: str = "Anna", telegram_id: int = 901) -> StaffMember:
    made = StaffMember(telegram_id=telegram_id, name=name, first_seen_at=NOON)
    session.add(made)
    await session.flush()
    return made


async def order(session: AsyncSession, number: str = "#1001", **fields: Any) -> Order:
    made = Order(**{"order_id": f"id-{number}", "number": number, "status": "paid", "ordered_at": NOON,
                    "changed_at": NOON, "currency": "EUR", **fields})  # fmt: skip
    session.add(made)
    await session.flush()
    return made
