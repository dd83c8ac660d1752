"""The menus of the card: a press swaps its keyboard in place, and back."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import ids
from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.staff_room import macro_use
from bot.support.tickets import keyboard, merge_room, merging, staff_card
from bot.tables.support import Ticket

_MERGES = 6

Menu = Callable[[AsyncSession, Desk, Ticket], Awaitable[keyboard.Rows]]


async def _main(session: AsyncSession, desk: Desk, ticket: Ticket) -> keyboard.Rows:
    return keyboard.main(desk, ticket)


async def _more(session: AsyncSession, desk: Desk, ticket: Ticket) -> keyboard.Rows:
    return keyboard.more(desk, ticket)


async def _prio(session: AsyncSession, desk: Desk, ticket: Ticket) -> keyboard.Rows:
    return keyboard.priorities(desk, ticket)


async def _snooze(session: AsyncSession, desk: Desk, ticket: Ticket) -> keyboard.Rows:
    return keyboard.snoozes(desk, ticket)


async def _dept(session: AsyncSession, desk: Desk, ticket: Ticket) -> keyboard.Rows:
    return keyboard.departments(desk, ticket)


async def _macro(session: AsyncSession, desk: Desk, ticket: Ticket) -> keyboard.Rows:
    """The most used ones that this case has every value for."""
    found = await macro_use.fitting(session, desk, ticket)
    choices = [
        keyboard.button(desk, ticket, "macro", macro.name, words=macro.title(desk.staff_language)) for macro in found
    ]
    return [*keyboard.in_rows(choices, 2), [keyboard.menu(desk, ticket, "main", "back")]]


async def _merge(session: AsyncSession, desk: Desk, ticket: Ticket) -> keyboard.Rows:
    """Other tickets of the same customer; any other one by `/merge #NUMBER`."""
    mine = select(Ticket).where(
        Ticket.contact_id == ticket.contact_id,
        Ticket.id != ticket.id,
        Ticket.kind != "drill",
        col(Ticket.merged_into).is_(None),
    )
    others = await session.scalars(mine.order_by(col(Ticket.id).desc()).limit(_MERGES))
    choices = [
        keyboard.button(desk, ticket, "mergewith", str(one.id), words=f"{staff_card.SIGNS[one.status]} #{one.number}")
        for one in others
    ]
    return [*keyboard.in_rows(choices), [keyboard.menu(desk, ticket, "more", "back")]]


MENUS: dict[str, Menu] = {
    "main": _main, "more": _more, "prio": _prio, "snooze": _snooze, "dept": _dept, "macro": _macro, "merge": _merge,
}  # fmt: skip
_EMPTY = {"dept": "staff.menu.no_dept", "macro": "staff.menu.no_macro", "merge": "staff.menu.no_merge"}


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id, populate_existing=True)
    menu = MENUS.get(press.extra)
    if ticket is None or menu is None:
        return press.desk.staff("pressed.gone")
    rows = await menu(session, press.desk, ticket)
    if len(rows) == 1 and press.extra in _EMPTY:  # only the way back: a word in passing says more
        return press.desk.staff(_EMPTY[press.extra])
    content = {"edit": press.message_id, "buttons": rows}
    key = ids.stable("menu", press.chat_id, press.message_id, press.extra, press.now.isoformat())
    await post.to_topic(session, ticket, "notice", content, key, press.now, priority=20)
    return None


async def _merge_with(session: AsyncSession, press: typed.Pressed) -> str | None:
    """As `/merge #NUMBER`: the direction is asked first."""
    ticket = await session.get(Ticket, press.id)
    other = await session.get(Ticket, int(press.extra)) if press.extra.isdecimal() else None
    if ticket is None or other is None:
        return press.desk.staff("pressed.gone")
    no = merging.refused(press.desk, ticket, other, press.now)
    if no is not None:
        return press.desk.staff(f"staff.merge.{no.name}", number=no.number)
    key = f"pressed:{press.chat_id}:{press.message_id}"
    place = press.chat_id, press.message_id
    said = typed.Typed(press.desk, press.staff, f"#{other.number}", *place, key, press.now, ticket)
    await merge_room.ask(session, said, ticket, other)
    return None


BUTTONS: typed.Buttons = {"menu": _pressed, "mergewith": _merge_with}
