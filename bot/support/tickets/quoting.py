"""What a line answers, shown on the other side: pointed at where that stands there too, else in words.

Only what the other side knows already is ever quoted: a note, or a card of the staff room, never is.
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbound.telegram_sizes import as_shown, quotation
from bot.support.tickets import mirrors
from bot.support.tickets.mirrors import Side
from bot.tables.support import TicketMessage


async def added(
    session: AsyncSession, line: TicketMessage, side: Side | None, content: dict[str, Any]
) -> dict[str, Any]:
    """The content with what the line answers. Looked up as it leaves: what it answers may have left just before."""
    original = await session.get(TicketMessage, line.reply_to_id) if line.reply_to_id else None
    if side is not None and side.name == "customer" and not _known_to(original, line):
        return content
    number = await mirrors.standing(session, original, side) if original is not None and side is not None else None
    if number is not None:
        return {**content, "reply_to": number, **({"quote": line.quote} if line.quote else {})}
    words = line.quote or (original.text if original is not None else "")
    if not words:
        return content
    if "text" in content and "copy" not in content:
        return {**content, "text": f"{as_shown(quotation(words), content)}\n{content['text']}"}
    return {**content, "lead": quotation(words)} if "copy" in content else content


def _known_to(original: TicketMessage | None, answer: TicketMessage) -> bool:
    """Whoever gets the answer knows what it answers: no note, and in a merged ticket nobody else's words."""
    return original is not None and original.author != "note" and original.contact_id == answer.contact_id
