"""The message of ours that a mail is about: found, and known to have arrived where nobody knew."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.database import table
from bot.outbound.email import addresses
from bot.tables.outbox import Message

CHANNEL = "email"
_ROWS = table(Message)


async def get(session: AsyncSession, message_id: int | None) -> Mapping[str, Any] | None:
    """The outbox row, if it is a mail."""
    if message_id is None:
        return None
    found = await session.execute(sa.select(_ROWS).where(_ROWS.c.id == message_id, _ROWS.c.channel == CHANNEL))
    row = found.mappings().one_or_none()
    return dict(row) if row is not None else None


def answered(to: Sequence[str], thread: Sequence[str], secret: str) -> int | None:
    """The message that a mail answers: by the address that it went to, else by the nearest of ours in its thread."""
    for address in to:
        for known in (addresses.replies, addresses.bounced):  # some programs answer to the return path
            if (found := known(address, secret)) is not None:
                return found
    for name in reversed(thread):
        if (found := addresses.named(name, secret)) is not None:
            return found
    return None


def went_to(row: Mapping[str, Any], address: str) -> bool:
    """Whether the message went to this very address; whoever has several may not be asked at all of them."""
    receiver = str(row["receiver"]).removeprefix(f"{CHANNEL}:").partition("#")[0]
    return contacts.normalise("email", receiver) == contacts.normalise("email", address)


async def has_arrived(session: AsyncSession, row: Mapping[str, Any], now: datetime) -> None:
    """A message whose fate was unknown had left after all: somebody has it."""
    settled = sa.update(_ROWS).where(_ROWS.c.id == row["id"], _ROWS.c.status == "unknown")
    await session.execute(settled.values(status="sent", skip_reason=None, settled_at=now))
