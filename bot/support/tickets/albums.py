"""Albums: Telegram sends one update for each file; they wait for each other and go on together."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.outbound import lanes, outbox
from bot.outbound.stage import Defer
from bot.outbound.telegram_sizes import CAPTION, IN_ALBUMS, LARGEST_ALBUM, units
from bot.support import lines
from bot.tables.support import TicketMessage

_IDLE = timedelta(seconds=1)  # after the last file that came, the album is thought to be whole
_NEARBY = timedelta(minutes=5)
_MOST_BEHIND = 40
Row = Mapping[str, Any]


async def of(session: AsyncSession, line: TicketMessage) -> list[TicketMessage]:
    """The lines of the album that this one is in, oldest first; the line alone when it is in none."""
    album = line.attachment.get("album")
    if not album:
        return [line]
    near = select(TicketMessage).where(
        TicketMessage.ticket_id == line.ticket_id,
        TicketMessage.received_at >= line.received_at - _NEARBY,
        TicketMessage.received_at <= line.received_at + _NEARBY,
    )
    found = await session.scalars(near.order_by(col(TicketMessage.id)))
    return [one for one in found if one.attachment.get("album") == album]


async def leads(session: AsyncSession, line: TicketMessage) -> bool:
    """Whether it is the first of its album: what is asked or shown once is done there."""
    return (await of(session, line))[0].id == line.id


async def together(
    session: AsyncSession, row: Row, line: TicketMessage, now: datetime
) -> Defer | list[tuple[Row, TicketMessage]]:
    """What leaves with this outbox row: the files of its album that wait behind it. Defer while more may come."""
    album = line.attachment.get("album")
    if not album or row["skip_reason"] == outbox.ALONE:
        return []
    found: list[tuple[Row, TicketMessage]] = []
    for one in await lanes.behind(session, row, now, _MOST_BEHIND):
        if one["purpose"] != row["purpose"] or not one["said_id"] or one["skip_reason"] == outbox.ALONE:
            continue
        other = await session.get(TicketMessage, one["said_id"], populate_existing=True)
        if other is not None and other.author == line.author and other.attachment.get("album") == album:
            found.append((one, other))
    newest = max([row["created_at"], *(one["created_at"] for one, _ in found)])
    if len(found) + 1 < LARGEST_ALBUM and newest + _IDLE > now:
        return Defer(newest + _IDLE, "album")
    return found[: LARGEST_ALBUM - 1]


def content(said: Sequence[TicketMessage], *, exactly: bool) -> dict[str, Any] | None:
    """Several lines as one album. `exactly`: with the words as we have them, whatever stands at the original by now.

    None when they cannot be sent so, and go one by one.
    """
    places = [lines.place(line.provider_key) for line in said]
    if not all(places):
        return None
    if not exactly:
        numbers = sorted(place["message_id"] for place in places)
        return {"album": {"chat_id": places[0]["chat_id"], "message_ids": numbers}}
    if any(line.attachment.get("kind") not in IN_ALBUMS or units(line.text) > CAPTION for line in said):
        return None
    return {
        "files": [
            {
                "kind": line.attachment["kind"],
                "file_id": line.attachment["file_id"],
                "caption": line.text,
                "source": place["message_id"],
            }
            for line, place in zip(said, places, strict=True)
        ]
    }
