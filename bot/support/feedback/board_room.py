"""The board in the staff group: /board, /idea, /tell and the buttons below a card."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.support import post, typed
from bot.support.answers import ranking
from bot.support.desk import Desk
from bot.support.feedback import board, showing, telling
from bot.tables.feedback import Improvement

_LANGUAGES = {"en": "en", "zh": "zh_CN", "zh_cn": "zh_CN", "zh-cn": "zh_CN"}
_LONGEST_WORDS = 1500

_Change = Callable[[AsyncSession, typed.Typed, Improvement, str], Awaitable[str | None]]


async def _board(session: AsyncSession, said: typed.Typed) -> str:
    return await showing.listed(session, said.desk, said.words.strip().lower())


async def _idea(session: AsyncSession, said: typed.Typed) -> str | None:
    """`12`, `12 planned`, `merge 12 7`, `unmerge 12`, `note 12 words`, `title 12 words`."""
    first, _, rest = said.words.strip().partition(" ")
    change = _CHANGES.get(first.lower())
    number, words = (first, rest) if change is None else _split(rest)
    if not typed.is_number(number.lstrip("#💡")):
        return said.desk.staff("staff.idea.how")
    card = await board.find(session, int(number.lstrip("#💡")), hold=True)
    if card is None:
        return said.desk.staff("staff.idea.unknown", number=number)
    return await (change or _status)(session, said, card, words.strip())


def _split(text: str) -> tuple[str, str]:
    first, _, rest = text.strip().partition(" ")
    return first, rest


async def _status(session: AsyncSession, said: typed.Typed, card: Improvement, words: str) -> str | None:
    status = words.lower().replace(" ", "_")
    if words and status not in board.STATUSES:
        return said.desk.staff("staff.idea.how")
    if status in board.ENDS:
        content = await _propose(session, said.desk, card, status, said.by, said.now)
    else:
        if status:
            await board.move(session, card, status, said.by, said.now)
        content = await showing.card(session, said.desk, card)
    await _answer(session, said, content)
    return None


async def _merge(session: AsyncSession, said: typed.Typed, card: Improvement, words: str) -> str:
    number = words.lstrip("#💡")
    into = await board.find(session, int(number), hold=True) if typed.is_number(number) else None
    if into is None:
        return said.desk.staff("staff.idea.unknown", number=number)
    if not await board.join(session, card, into, said.by, said.now):
        return said.desk.staff("staff.idea.not_merged")
    return said.desk.staff("staff.idea.merged", number=card.number, into=into.number)


async def _unmerge(session: AsyncSession, said: typed.Typed, card: Improvement, _words: str) -> str:
    if not await board.part(session, card, said.by, said.now):
        return said.desk.staff("staff.idea.not_merged")
    return said.desk.staff("staff.idea.parted", number=card.number)


async def _note(session: AsyncSession, said: typed.Typed, card: Improvement, words: str) -> str:
    if not words:
        return said.desk.staff("staff.idea.how")
    await board.note(session, card, words, said.by, said.now)
    return said.desk.staff("staff.idea.note_kept", number=card.number)


async def _title(session: AsyncSession, said: typed.Typed, card: Improvement, words: str) -> str:
    if not words:
        return said.desk.staff("staff.idea.how")
    await board.retitle(session, card, words, said.by, said.now)
    return said.desk.staff("staff.idea.titled", number=card.number, title=card.title)


_CHANGES: dict[str, _Change] = {"merge": _merge, "unmerge": _unmerge, "note": _note, "title": _title}


async def _tell(session: AsyncSession, said: typed.Typed) -> str | None:
    """`/tell 12 words`, `/tell 12 zh words`: what customers of that language will read. Nothing leaves yet."""
    desk = said.desk
    number, words = _split(said.words)
    number = number.lstrip("#💡")
    card = await board.find(session, int(number), hold=True) if typed.is_number(number) else None
    first, rest = _split(words)
    language = _LANGUAGES.get(first.lower())
    text = (rest if language else words).strip()[:_LONGEST_WORDS]
    if card is None or not text:
        return desk.staff("staff.tell.how")
    if card.merged_into is not None:
        return desk.staff("staff.idea.not_merged")
    language = language or ("zh_CN" if ranking.is_cjk(text) else "en")
    card.outcome = {**card.outcome, language: text}
    await board.wrote(session, card, said.by, "words", said.now, language=language)
    status = await showing.proposed(session, card)
    if status is None:
        await _answer(session, said, await showing.card(session, desk, card))
    else:
        await _answer(session, said, await showing.preview_of(session, desk, card, status, said.now))
    return None


async def _propose(
    session: AsyncSession, desk: Desk, card: Improvement, status: str, by: str, now: datetime
) -> dict[str, Any]:
    """Nothing is moved or told before somebody has seen what customers will read."""
    if card.merged_into is not None:
        return await showing.card(session, desk, card)
    if card.status != status:
        await board.wrote(session, card, by, "proposed", now, status=status)
    return await showing.preview_of(session, desk, card, status, now)


async def _answer(session: AsyncSession, said: typed.Typed, content: dict[str, Any]) -> None:
    key = ids.stable("board", said.provider_key, said.now.isoformat())
    if said.ticket is not None:
        await post.to_topic(session, said.ticket, "notice", content, key, said.now, priority=30)
    else:
        await post.to_staff(session, said.chat_id, content, key, said.now)


async def _instead(session: AsyncSession, press: typed.Pressed, content: dict[str, Any]) -> None:
    """In place of the message whose button was pressed, wherever in the group it stands."""
    key = ids.stable("board", press.chat_id, press.message_id, press.verb, press.id, press.extra, press.now.isoformat())
    await post.to_staff(session, press.chat_id, {"edit": press.message_id, **content}, key, press.now)


async def _show_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    card = await board.held(session, press.id)
    if card is None:
        return press.desk.staff("pressed.gone")
    await _instead(session, press, await showing.card(session, press.desk, card))
    return None


async def _to_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    card = await board.held(session, press.id)
    if card is None or press.extra not in board.STATUSES:
        return press.desk.staff("pressed.gone")
    if press.extra in board.ENDS:
        content = await _propose(session, press.desk, card, press.extra, press.by, press.now)
    else:
        await board.move(session, card, press.extra, press.by, press.now)
        content = await showing.card(session, press.desk, card)
    await _instead(session, press, content)
    return None


async def _end_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    """Shipped or declined, and told; `idea_quiet` moves the card alone."""
    card = await board.held(session, press.id)
    if card is None or card.merged_into is not None or press.extra not in board.ENDS:
        return press.desk.staff("pressed.gone")
    await board.move(session, card, press.extra, press.by, press.now)
    plan = None
    if press.verb == "idea_end":
        plan = await telling.tell(session, press.desk, card, press.by, press.now)
    await _instead(session, press, {"text": showing.done(press.desk, card, plan)})
    return None


async def _join_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    """The new card is the same as an older one."""
    desk = press.desk
    first, second = sorted((press.id, int(press.extra))) if press.extra.isdecimal() else (0, 0)
    held = {card_id: await board.held(session, card_id) for card_id in (first, second)}  # always in this order
    card, into = held.get(press.id), held.get(int(press.extra or 0)) if press.extra.isdecimal() else None
    if card is None or into is None or not await board.join(session, card, into, press.by, press.now):
        return desk.staff("pressed.gone")
    words = desk.staff("staff.idea.joined", number=into.number, title=into.title)
    await _instead(session, press, {"text": words})
    return None


async def _new_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    card = await board.held(session, press.id)
    if card is None:
        return press.desk.staff("pressed.gone")
    words = press.desk.staff(f"staff.idea.noted.{card.kind}", number=card.number, title=card.title)
    await _instead(session, press, {"text": words})
    return None


COMMANDS = (
    typed.Command("board", _board, "anywhere"),
    typed.Command("idea", _idea, "anywhere"),
    typed.Command("tell", _tell, "anywhere"),
)
BUTTONS: typed.Buttons = {
    "idea": _show_pressed,
    "idea_to": _to_pressed,
    "idea_end": _end_pressed,
    "idea_quiet": _end_pressed,
    "idea_join": _join_pressed,
    "idea_new": _new_pressed,
}
