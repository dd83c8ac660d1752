"""`/close`: alone, without a word to the customer, with a macro, or with words that are shown before they leave.

Words behind /close are as often a reason for colleagues as a farewell: nothing leaves that nobody looked at.
"""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import typed
from bot.support.staff_room import drafts, macro_room
from bot.support.tickets import closing, links


async def _close(session: AsyncSession, said: typed.Typed) -> str | None:
    """`/close`, `/close no message`, `/close MACRO`, `/close WORDS`."""
    desk, ticket, words = said.desk, said.case, said.words.strip()
    if not words:
        await closing.close(session, desk, ticket, said.staff, said.now)
        return None
    if words.lower() in closing.SILENT:
        await closing.resolve(session, desk, ticket, said.by, said.now, why="silent")
        return None
    if ticket.status == "resolved":
        return await _closed(session, said)
    if (macro := desk.macros.get(words.lower())) is not None:
        ends = macro if "close" in macro.actions else replace(macro, actions=(*macro.actions, "close"))
        return await macro_room.preview(session, desk, ticket, said.staff, ends, said.now)
    await drafts.show(session, desk, ticket, said.staff, "close:", words, said.now, actions=("close",))
    return None


async def _closed(session: AsyncSession, said: typed.Typed) -> str:
    """The words go nowhere: that is said, and where the rest of a merged ticket is."""
    kept = await links.end_of(session, said.case)
    if kept is not None and kept.id != said.case.id:
        return said.desk.staff("staff.is_merged", number=said.case.number, kept=kept.number)
    return said.desk.staff("staff.is_resolved", number=said.case.number)


COMMANDS = (typed.Command("close", _close),)
