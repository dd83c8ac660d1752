"""`/m`: pick a macro, look at it, send it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.support import macros, post, typed
from bot.support.desk import Desk
from bot.support.staff_room import drafts, macro_use, picking
from bot.support.tickets import keyboard
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket


async def _typed(session: AsyncSession, said: typed.Typed) -> str | None:
    desk, ticket = said.desk, said.case
    if not desk.macros:
        return desk.staff("staff.macro.none")
    if not said.words:
        found = await macro_use.fitting(session, desk, ticket, picking.MOST)
        text = desk.staff("staff.macro.pick")
    else:
        hits = picking.search(desk.macros, said.words, await macro_use.used(session))
        if hits.clear:
            return await preview(session, desk, ticket, said.staff, hits.macros[0], said.now)
        found, text = list(hits.macros), desk.staff("staff.macro.which", asked=said.words[:60])
    if not found:
        names = ", ".join(sorted(desk.macros)[:20])
        return desk.staff("staff.macro.unknown", asked=said.words[:60], names=names)
    buttons = [[_button(desk, ticket, macro)] for macro in found]
    content = {"text": text, "buttons": buttons, "reply_to": said.message_id}
    key = ids.stable("macros", ticket.id, said.provider_key)
    await post.to_topic(session, ticket, "notice", content, key, said.now, priority=20)
    return None


def _button(desk: Desk, ticket: Ticket, macro: macros.Macro) -> dict[str, str]:
    return keyboard.button(desk, ticket, "macro", macro.name, words=macro.title(desk.staff_language))


async def preview(
    session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, macro: macros.Macro, now: datetime
) -> str | None:
    """Show it as this customer would get it; what it lacks is said instead."""
    values = await macro_use.values(session, desk, ticket, staff)
    filled = macros.fill(macro, ticket.language, values)
    title = macro.title(desk.staff_language)
    if filled.missing is not None or not filled.text:
        return desk.staff("staff.macro.missing", title=title, what=filled.missing or "text")
    await drafts.show(
        session, desk, ticket, staff, f"macro:{macro.name}", filled.text, now, title=title, actions=macro.actions,
        orders=macro_use.orders_told(values),
    )  # fmt: skip
    return None


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket, macro = await session.get(Ticket, press.id), press.desk.macros.get(press.extra)
    if ticket is None or macro is None:
        return press.desk.staff("pressed.gone")
    return await preview(session, press.desk, ticket, press.staff, macro, press.now)


COMMANDS = (typed.Command("m", _typed),)
BUTTONS: typed.Buttons = {"macro": _pressed}
