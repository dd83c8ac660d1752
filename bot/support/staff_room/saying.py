"""Answers to a command that need more than plain words: said where it was typed."""

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import post, typed


async def html(session: AsyncSession, said: typed.Typed, text: str) -> None:
    """`text` is HTML as Telegram reads it."""
    content = {"html": True, "text": text, "reply_to": said.message_id}
    key = f"said:{said.provider_key}"
    if said.ticket is not None:
        await post.to_topic(session, said.ticket, "notice", content, key, said.now, priority=30)
    else:
        await post.to_staff(session, said.chat_id, content, key, said.now)
