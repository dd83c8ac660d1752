"""Which orders somebody may see: those that belong to what they proved, whoever else's orders the contact holds.

People are joined by what a shop says of them, and that may be wrong (an account that orders with somebody else's
address). So an address that the shop names on an order opens it to whoever proved that address, and to nobody else.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.tables.people import Identity, Proof
from bot.tables.shop import Order

ORDERS = "orders"
"""The purpose of a code that opens orders."""

_proofs, _identities = table(Proof), table(Identity)


async def named(session: AsyncSession, address: str, limit: int = 20) -> Sequence[Order]:
    """The orders of a normalised mail address, the newest first: see `_of`."""
    return await _newest(session, _of([address]), limit)


async def shown(session: AsyncSession, contact_id: int, channel: str, chat: str, limit: int = 20) -> Sequence[Order]:
    """What a chat of the contact may see, the newest first.

    All of its orders if the shop itself says that the chat is this customer's. Else those on which it names no
    address, and those of the addresses that were proven in this chat.
    """
    mine = col(Order.contact_id) == contact_id
    if not await _is_vouched_for(session, contact_id, channel, chat):
        addresses = list(await proven(session, channel, chat))
        mine = sa.or_(sa.and_(mine, col(Order.email) == ""), *([_of(addresses)] if addresses else []))
    return await _newest(session, mine, limit)


async def proven(session: AsyncSession, channel: str, chat: str) -> Mapping[str, int]:
    """The addresses that a code was returned from in this chat, each with the row of its last proof."""
    theirs = sa.select(_proofs.c.address, sa.func.max(_proofs.c.id)).where(
        _proofs.c.channel == channel, _proofs.c.chat == chat, _proofs.c.purpose == ORDERS,
        _proofs.c.used_at.is_not(None),
    )  # fmt: skip
    return {row[0]: row[1] for row in await session.execute(theirs.group_by(_proofs.c.address))}


def _of(addresses: Sequence[str]) -> sa.ColumnElement[bool]:
    """Orders on which the shop names one of these addresses; where it names none, those of the customer of whom it
    says that the address is theirs."""
    owners = sa.select(_identities.c.contact_id).where(
        _identities.c.kind == "email", _identities.c.value.in_(addresses), _identities.c.rank == "shop"
    )
    return sa.or_(col(Order.email).in_(addresses), sa.and_(col(Order.email) == "", col(Order.contact_id).in_(owners)))


async def _is_vouched_for(session: AsyncSession, contact_id: int, channel: str, chat: str) -> bool:
    said = sa.select(_identities.c.id).where(
        _identities.c.contact_id == contact_id, _identities.c.kind == channel, _identities.c.value == chat,
        _identities.c.rank == "shop",
    )  # fmt: skip
    return await session.scalar(said) is not None


async def _newest(session: AsyncSession, where: sa.ColumnElement[bool], limit: int) -> Sequence[Order]:
    newest = select(Order).where(where).order_by(col(Order.ordered_at).desc(), col(Order.id).desc())
    return (await session.scalars(newest.limit(limit))).all()
