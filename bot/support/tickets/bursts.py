"""Short lines that a customer writes in a row: those that still wait when the first of them leaves go along in one
message. Nobody waits for more to come: the first line of a quiet customer leaves at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbound import lanes, outbox
from bot.outbound.telegram_sizes import TEXT, units
from bot.support.by_mail import CHANNEL
from bot.tables.support import TicketMessage

_TOGETHER = timedelta(seconds=2)
_JAMMED = timedelta(seconds=5)
"""What has waited so long goes together however far apart it was written: the group has no calls to give away."""

_MOST = 30
Row = Mapping[str, Any]


async def together(
    session: AsyncSession, row: Row, line: TicketMessage, now: datetime
) -> list[tuple[Row, TicketMessage]]:
    """The lines that leave with this one."""
    if not _plain(row, line):
        return []
    found: list[tuple[Row, TicketMessage]] = []
    lost = _lost(row)
    size, last = units(line.text), row["created_at"]
    for one in await lanes.behind(session, row, now, _MOST):
        other = await session.get(TicketMessage, one["said_id"], populate_existing=True) if one["said_id"] else None
        size += units(other.text) + 1 if other else 0
        if other is None or not _plain(one, other) or one["purpose"] != row["purpose"] or size > TEXT:
            break
        if _lost(one) != lost:
            break  # what may have arrived together is looked for as it left
        if not lost and one["created_at"] - last > _TOGETHER and now - one["created_at"] < _JAMMED:
            break
        found.append((one, other))
        last = one["created_at"]
    return found


def text(said: Sequence[TicketMessage]) -> str:
    return "\n".join(line.text for line in said)


def _plain(row: Row, line: TicketMessage) -> bool:
    """Nothing but words of the customer in a chat, and nothing that stands before or beside them."""
    special = any(row["payload"].get(key) for key in ("copy", "told", "before"))
    alone = row["skip_reason"] == outbox.ALONE
    beside = line.attachment or line.reply_to_id or line.quote
    return line.author == "customer" and line.channel != CHANNEL and not (beside or line.held or special or alone)


def _lost(row: Row) -> bool:
    """Nobody knows whether it arrived."""
    return bool(row["status"] == "claimed" or row["skip_reason"] == outbox.UNCERTAIN)
