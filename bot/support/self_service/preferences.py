"""What somebody hears from us, said in a chat: STOP and START alone in a message, and the choice by buttons.

Only the exact word counts: "stop my order please" is a question like any other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.contacts import consent, topics
from bot.contacts.consent import ANSWERS
from bot.events import choices
from bot.events.choices import At, How
from bot.support import by_mail, post
from bot.support.answers import ranking
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.tables.people import Contact
from bot.tables.support import TicketMessage

# Not "cancel", "end" and "quit", as text messages have it: who writes that to a shop means an order.
_STOP = frozenset({"stop", "stop all", "stopall", "unsubscribe", "/stop", "退订", "取消订阅", "停止", "td"})
_START = frozenset({"start", "unstop", "resubscribe", "恢复", "恢复订阅", "重新订阅"})
_CHOOSE = frozenset({"preferences", "/preferences", "偏好", "偏好设置", "订阅设置"})
_AROUND = " \t\r\n.!?…\"'“”‘’。！？「」"
_CHANNELS = ("telegram", "email")
_KEY = "prefs"

_STOP_SOURCE, _START_SOURCE, _BUTTON = "stop_word", "start_word", "button"


async def took(session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, now: datetime) -> bool:
    """Whether the message was one of these words. It is answered then, but not to somebody who was blocked."""
    if line.channel not in _CHANNELS or line.attachment:
        return False
    word = " ".join(line.text.casefold().strip(_AROUND).split())
    language = "zh_CN" if ranking.is_cjk(line.text) else desk.language(contact)
    if word in _STOP:
        if not (where := await _theirs(session, contact, line)):
            return False  # a mail of whoever: a person reads it
        for at in where:
            await choices.nothing(session, desk.ground.secret, at, _topics(desk), How(_STOP_SOURCE), now)
        shop = desk.ground.config.shop.name
        await _say(session, contact, line, desk.say(language, "chat.stopped", shop=shop), now)
    elif line.channel != "telegram" and (word in _CHOOSE or word in _START):
        return False  # whoever wrote that mail: the link would be theirs
    elif word in _START:
        await _start(session, desk, contact, line, language, now)
    elif word in _CHOOSE:
        await _offer(session, desk, contact, line, desk.say(language, "chat.preferences"), language, now)
    else:
        return False
    return True


async def pressed(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    topic: str,
    wanted: str,
    channel: str,
    message_id: int,
    language: str,
    now: datetime,
) -> str:
    """A topic switched on or off for this chat. The buttons of that message show how it stands then."""
    settings = desk.ground.config.automations
    where = await _addresses(session, contact, channel)
    if topic not in settings.shown_topics or not where:
        return desk.say(language, "pressed.gone")
    how = How(_BUTTON, text_version=f"chat.preferences:{language}")
    for at in where:
        known = settings.topic_names
        await choices.choose(session, desk.ground.secret, at, {topic: wanted == "on"}, how, now, known=known)
    (shown,) = topics.shown(desk.ground, language, [topic])
    if message_id and contact.id is not None:
        buttons = await _buttons(session, desk, contact, channel, language, now)
        content: dict[str, Any] = {"edit": message_id, "text": desk.say(language, "chat.preferences")}
        key = f"{_KEY}:{contact.id}:{message_id}:{topic}:{now.isoformat()}"
        content["buttons"] = [list(row) for row in buttons]
        await post.to_customer(session, contact.id, channel, "auto_answer", content, key, now)
    return desk.say(language, f"chat.preferences.{wanted}", topic=shown.title)


def _topics(desk: Desk) -> Sequence[str]:
    return desk.ground.config.automations.topic_names


async def _theirs(session: AsyncSession, contact: Contact, line: TicketMessage) -> list[At]:
    """Where a STOP holds: for their chat, or for the very address from which a mail of ours was answered."""
    known = await _addresses(session, contact, line.channel)
    if line.channel != by_mail.CHANNEL:
        return known
    mail = await by_mail.of_line(session, line)
    return [at for at in known if mail is not None and mail.rank == "person" and at.address == mail.sender]


async def _start(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, language: str, now: datetime
) -> None:
    """Only what they took back by STOP comes back; what they had never asked for does not."""
    secret, known = desk.ground.secret, desk.ground.config.automations.topic_names
    back: list[str] = []
    for at in await _addresses(session, contact, line.channel):
        stopped = await _stopped(session, secret, at)
        wanted = dict.fromkeys(stopped, True)
        how = How(_START_SOURCE)
        back += await choices.choose(session, secret, at, wanted, how, now, known=known)
    if not back:
        text = desk.say(language, "chat.nothing_to_start")
        await _offer(session, desk, contact, line, text, language, now)
        return
    titles = [topic.title for topic in topics.shown(desk.ground, language) if topic.name in back]
    between = "、" if language.startswith("zh") else ", "
    await _say(session, contact, line, desk.say(language, "chat.started", topics=between.join(titles)), now)


async def _stopped(session: AsyncSession, secret: str, at: At) -> list[str]:
    """Topics whose last word is a STOP that took a yes back."""
    last: dict[str, tuple[str, str]] = {}
    before: dict[str, str] = {}
    for said in await consent.history(session, secret, at.channel, at.address):
        if said.action in ANSWERS:
            before[said.topic] = last.get(said.topic, ("", ""))[0]
            last[said.topic] = (said.action, said.source)
    return [topic for topic, said in last.items() if said == ("withdrawn", _STOP_SOURCE) and before[topic] == "granted"]


async def _addresses(session: AsyncSession, contact: Contact, channel: str) -> list[At]:
    assert contact.id is not None
    known = await contacts.identities(session, contact.id)
    return [At(contact.id, channel, one.value) for one in known if one.kind == channel]


async def _offer(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, text: str, language: str, now: datetime
) -> None:
    buttons = await _buttons(session, desk, contact, line.channel, language, now)
    await _say(session, contact, line, text, now, buttons)


async def _buttons(
    session: AsyncSession, desk: Desk, contact: Contact, channel: str, language: str, now: datetime
) -> list[Sequence[dict[str, str]]]:
    """One for each topic, and the page where everything else is chosen."""
    assert contact.id is not None
    where = await _addresses(session, contact, channel)
    found = [await topics.standing(session, desk.ground.secret, at.channel, at.address, now) for at in where]
    rows: list[Sequence[dict[str, str]]] = []
    for topic in topics.shown(desk.ground, language):
        on = any(one.gets(topic.name) for one in found)
        press = f"1:{_KEY}:{topic.name}:{'off' if on else 'on'}"
        rows.append([{"text": f"{'✅' if on else '◻️'} {topic.title}", "data": press}])
    page = {"text": desk.say(language, "chat.preferences.link"), "url": topics.page(desk.ground, contact.id)}
    return [*rows, [page]]


async def _say(
    session: AsyncSession,
    contact: Contact,
    line: TicketMessage,
    text: str,
    now: datetime,
    buttons: post.Buttons = (),
) -> None:
    if contact.blocked_at is None:
        await ready.say(
            session, contact, line.channel, text, f"{_KEY}:{line.id}", now, buttons, ticket_id=line.ticket_id
        )
