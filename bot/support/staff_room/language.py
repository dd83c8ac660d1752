"""`/lang`: in which language a customer is spoken to."""

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import post, typed
from bot.support.sla import clocks
from bot.tables.people import Contact

_NAMES = {
    "en": "en", "english": "en", "英文": "en", "英语": "en",
    "zh": "zh_CN", "cn": "zh_CN", "zh_cn": "zh_CN", "zh-cn": "zh_CN", "chinese": "zh_CN", "中文": "zh_CN",
}  # fmt: skip


async def _typed(session: AsyncSession, said: typed.Typed) -> str:
    """What the bot says in this ticket, and macros, are in that language from now on; the customer's later ones too."""
    desk, ticket = said.desk, said.case
    language = _NAMES.get(said.words.strip().lower())
    if language is None:
        return desk.staff("staff.lang.how", now=ticket.language)
    await session.refresh(ticket, with_for_update=True)
    old = ticket.language
    if old != language:
        ticket.language = language
        contact = await session.get(Contact, ticket.contact_id)
        if contact is not None:
            contact.language = language
        await session.flush()
        await clocks.happened(session, desk, ticket, said.by, "language_changed", said.now, old=old, new=language)
        await post.card(session, ticket, f"language:{language}", said.now)
    return desk.staff("staff.lang.done", language=language)


COMMANDS = (typed.Command("lang", _typed),)
