"""The history of a ticket as staff read it: one line per change, with its time and who made it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.support.desk import Desk
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket, TicketEvent

_SILENT = ("promised", "withdrawn", "relayed", "retargeted")
_TICKETS = table(Ticket)
_STAFF = table(StaffMember)
_OTHER = ("into", "ticket", "from", "out_of")
_MOST = 40


async def lines(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime, *, most: int = _MOST) -> list[str]:
    """The newest `most` changes, oldest first, in the language of the staff; runs of one kind count in one line."""
    told = select(TicketEvent).where(TicketEvent.ticket_id == ticket.id, col(TicketEvent.name).not_in(_SILENT))
    events = (await session.scalars(told.order_by(col(TicketEvent.at), col(TicketEvent.id)))).all()
    names, numbers = await _names(session, events), await _numbers(session, events)
    rows: list[tuple[str, int]] = []
    last = None
    for event in events:
        if last is not None and (event.name, event.actor) == (last.name, last.actor) and event.name == "said":
            rows[-1] = rows[-1][0], rows[-1][1] + 1
            continue
        who, what = _who(desk, event.actor, names), _what(desk, event, names, numbers)
        rows.append((f"{desk.when(event.at, now)} {who}: {what}", 1))
        last = event
    shown = [text if many == 1 else f"{text} ×{many}" for text, many in rows]
    if not shown:
        return [desk.staff("story.none")]
    if len(shown) > most:
        return [desk.staff("story.earlier", many=len(shown) - most), *shown[-most:]]
    return shown


def _who(desk: Desk, actor: str, names: Mapping[int, str]) -> str:
    kind = actor.partition(":")[0]
    if kind == "staff":
        return names.get(_staff(actor) or 0) or desk.staff("story.who.gone")
    return desk.staff(f"story.who.{kind}") if kind in ("customer", "bot", "clock", "shop") else kind


def _staff(actor: str) -> int | None:
    number = actor.removeprefix("staff:")
    return int(number) if number.isdigit() else None


def _what(desk: Desk, event: TicketEvent, names: Mapping[int, str], numbers: Mapping[int, int]) -> str:
    if f"story.{event.name}" not in desk.ground.texts.names("en"):
        return event.name.replace("_", " ")
    return desk.staff(f"story.{event.name}", **_values(desk, event, names, numbers))


def _values(desk: Desk, event: TicketEvent, names: Mapping[int, str], numbers: Mapping[int, int]) -> dict[str, Any]:
    """What the words of any change may name; what it does not have is a dash."""
    data = event.data
    other: int = next((data[name] for name in _OTHER if isinstance(data.get(name), int)), 0)
    staff = data.get("staff")
    metric = data.get("metric")
    tags = [*(f"+{one}" for one in data.get("added") or ()), *(f"−{one}" for one in data.get("removed") or ())]
    known = ("first_response", "next_response", "resolution", "fixed")
    return {
        "old": _value(desk, event.name, data.get("old")),
        "new": _value(desk, event.name, data.get("new")),
        "tags": " ".join(tags),
        "other": f"#{numbers[other]}" if other in numbers else "–",
        "whom": (names.get(staff) if isinstance(staff, int) else None) or "–",
        "metric": desk.staff(f"story.metric.{metric}") if metric in known else metric or "–",
        "score": data.get("score", "–"),
    }


def _value(desk: Desk, name: str, value: object) -> str:
    prefix = {"status_changed": "staff.card.status", "priority_changed": "staff.priority"}.get(name)
    text = f"{prefix}.{value}"
    return desk.staff(text) if prefix and text in desk.ground.texts.names("en") else str(value or "–")


async def _names(session: AsyncSession, events: Sequence[TicketEvent]) -> dict[int, str]:
    """The colleagues whom the events name."""
    ids = {_staff(event.actor) for event in events}
    ids |= {event.data["staff"] for event in events if isinstance(event.data.get("staff"), int)}
    found = await session.execute(sa.select(_STAFF.c.id, _STAFF.c.name).where(_STAFF.c.id.in_(ids)))
    return {row.id: row.name for row in found}


async def _numbers(session: AsyncSession, events: Sequence[TicketEvent]) -> dict[int, int]:
    """The numbers of other tickets whose ids the events name."""
    ids = {event.data[name] for event in events for name in _OTHER if isinstance(event.data.get(name), int)}
    found = await session.execute(sa.select(_TICKETS.c.id, _TICKETS.c.number).where(_TICKETS.c.id.in_(ids)))
    return {row.id: row.number for row in found}
