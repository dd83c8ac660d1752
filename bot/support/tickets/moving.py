"""Lines that go from one ticket to another, and how they are told again in its topic."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support.desk import Desk
from bot.support.tickets import staff_card
from bot.tables.chat import StaffMember
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

_TOLD = 30
_LONGEST = 300


async def lines_of(session: AsyncSession, ticket: Ticket) -> list[TicketMessage]:
    """Everything said in it, in the order of time."""
    said = select(TicketMessage).where(TicketMessage.ticket_id == ticket.id)
    return list((await session.scalars(said.order_by(col(TicketMessage.at), col(TicketMessage.id)))).all())


async def move(session: AsyncSession, lines: Sequence[int], old: Ticket, new: Ticket) -> list[int]:
    """Those of the lines that are in `old` go to `new`. Returns their ids."""
    assert new.id is not None
    there = select(TicketMessage).where(col(TicketMessage.id).in_(lines), TicketMessage.ticket_id == old.id)
    moved = (await session.scalars(there.order_by(col(TicketMessage.id)))).all()
    for line in moved:
        line.ticket_id = new.id
    await session.flush()
    return [line.id for line in moved if line.id is not None]


async def recap(session: AsyncSession, desk: Desk, title: str, lines: Sequence[TicketMessage]) -> str:
    """What was said, one line each, the newest that fit, below the title. Words that are held are not told."""
    told = [line for line in lines if not line.held]
    names = await _names(session, desk, told)
    rows = [title]
    if len(told) > _TOLD:
        rows.append("…")
    return "\n".join([*rows, *(_row(desk, names, line) for line in told[-_TOLD:])])


def _row(desk: Desk, names: dict[str, str], line: TicketMessage) -> str:
    text = line.text if len(line.text) <= _LONGEST else line.text[: _LONGEST - 1] + "…"
    if line.attachment.get("kind"):
        text = f"[{line.attachment['kind']}] {text}".strip()
    mark = "📝 " if line.author == "note" else ""
    who = names.get(f"{line.author}:{line.staff_id or line.contact_id}", names["bot"])
    return f"{mark}{who}: {text}"


async def _names(session: AsyncSession, desk: Desk, lines: Sequence[TicketMessage]) -> dict[str, str]:
    """Who said it, by `customer:ID`, `staff:ID`, `note:ID`."""
    names = {"bot": desk.staff("staff.recap.bot")}
    for line in lines:
        key = f"{line.author}:{line.staff_id or line.contact_id}"
        if key in names or line.author == "bot":
            continue
        if line.author == "customer":
            contact = await session.get(Contact, line.contact_id)
            names[key] = staff_card.customer_name(desk, contact) if contact else ""
        else:
            staff = await session.get(StaffMember, line.staff_id) if line.staff_id else None
            names[key] = staff.name if staff else ""
    return names
