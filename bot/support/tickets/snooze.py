"""A ticket put aside until a time: it comes back then, or when the customer writes."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.support import hours, post, typed
from bot.support.desk import Desk
from bot.support.tickets import choices, pointing, statuses, times
from bot.tables.support import Ticket

_KEEP = ("keep", "保持")
_SPANS = {"1h": timedelta(hours=1), "3h": timedelta(hours=3), "1d": timedelta(days=1), "7d": timedelta(days=7)}


async def snooze(
    session: AsyncSession, desk: Desk, ticket: Ticket, until: datetime, by: str, now: datetime, *, keep: bool = False
) -> str:
    """Put it aside; `keep`: the customer's words do not bring it back before. Returns words for staff."""
    if ticket.status == "resolved":
        return desk.staff("staff.snooze.resolved", number=ticket.number)
    await statuses.to(session, desk, ticket, "snoozed", by, now, until=until, keep=keep)
    name = "staff.snooze.kept" if keep else "staff.snooze.until"
    return desk.staff(name, number=ticket.number, until=desk.when(until, now))


async def wake(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """Its time has come: ours to do again, and whoever has it is told."""
    if await statuses.to(session, desk, ticket, "open", "clock", now, why="snooze_over"):
        await tell(session, desk, ticket, "over", now)


async def tell(session: AsyncSession, desk: Desk, ticket: Ticket, why: str, now: datetime) -> None:
    """Ring whoever has it: it is back. `why` is over (its time has come) or said (the customer wrote)."""
    who = await pointing.at_assignee(session, ticket)
    text = desk.staff(f"staff.awake.{why}", number=ticket.number)
    content = {"text": f"{who} {text}".strip(), "html": True}
    key = ids.stable("awake", ticket.id, now.isoformat())
    await post.to_topic(session, ticket, "notice", content, key, now, priority=30)


def _parse(desk: Desk, words: str, now: datetime) -> tuple[datetime | None, bool]:
    parts = words.split()
    keep = bool(parts) and parts[-1].lower() in _KEEP
    return times.parse(" ".join(parts[:-1] if keep else parts), now, desk.timezone), keep


async def _typed(session: AsyncSession, said: typed.Typed) -> str | None:
    if not said.words:
        await _ask(session, said.desk, said.case, said.now)
        return None
    until, keep = _parse(said.desk, said.words, said.now)
    if until is None:
        return said.desk.staff("staff.snooze.how")
    return await snooze(session, said.desk, said.case, until, said.by, said.now, keep=keep)


async def _ask(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    buttons = [choices.button(desk, f"snooze.{name}", "snooze", ticket.id, name) for name in (*_SPANS, "morning")]
    await choices.ask(session, ticket, desk.staff("staff.snooze.ask"), buttons, "snooze", now)


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket, desk = await choices.ticket_of(session, press), press.desk
    if ticket is None:
        return desk.staff("pressed.gone")
    if not press.extra:
        await _ask(session, desk, ticket, press.now)
        return None
    until = _morning(desk, press.now) if press.extra == "morning" else None
    until = until or (press.now + _SPANS[press.extra] if press.extra in _SPANS else None)
    if until is None:
        return desk.staff("pressed.gone")
    words = await snooze(session, desk, ticket, until, press.by, press.now)
    await choices.done(session, ticket, press, words)
    return words


def _morning(desk: Desk, now: datetime) -> datetime:
    """When the desk opens tomorrow or later; nine o'clock if it never closes."""
    tomorrow = times.parse("tomorrow", now, desk.timezone)
    assert tomorrow is not None
    if desk.calendar.always_open:
        return tomorrow
    midnight = tomorrow - timedelta(hours=times.MORNING.hour)
    return hours.opens_at(desk.calendar, midnight)


COMMANDS = (typed.Command("snooze", _typed),)
BUTTONS: typed.Buttons = {"snooze": _pressed}
