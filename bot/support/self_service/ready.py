"""What the bot says by itself: ready answers, suggestions, greetings. None of it counts as an answer of ours."""

from _collections_abc import dict_items, dict_values
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import babel.dates
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs, render
from bot.support import answers, by_mail, lines, post
from bot.support.desk import Desk
from bot.support.self_service import chats, disclosing, order_status
from bot.tables.people import Contact
from bot.tables.shop import Order

log = logs.get(__name__)

HUMAN = "1:human"
_MOST = 5  # orders that an answer may use
_MONDAY = date(2024, 1, 1)


class Facts(dict[str, Any]):
    """What a template sees of an order. It knows whether the template looked: what it decides by is told, too."""

    seen = False

    def __init__(self, facts: Mapping[str, Any], order: Order) -> None:
        super().__init__(facts)
        self.order = order

    def __getitem__(self, name: str) -> Any:
        self.seen = True
        return super().__getitem__(name)

    def items(self) -> "dict_items[str, Any]":
        self.seen = True
        return super().items()

    def values(self) -> "dict_values[str, Any]":
        self.seen = True
        return super().values()


def human_button(desk: Desk, language: str) -> dict[str, str]:
    return {"text": desk.say(language, "answer.human"), "data": HUMAN}


def values(desk: Desk, contact: Contact, orders: Sequence[Order], language: str, channel: str) -> dict[str, Any]:
    """What an answer template may use: plain strings, lists and dicts. `orders` are those that may be told there."""
    shop = desk.ground.config.shop
    ask = desk.say(language, "answer.ask.mail" if channel == by_mail.CHANNEL else "answer.ask")
    return {
        "ask": ask,
        "Ask": ask[:1].upper() + ask[1:],
        "first_name": contact.first_name,
        "shop": {"name": shop.name, "url": shop.url},
        "orders": [Facts(order_status.facts_of(order), order) for order in orders[:_MOST]],
        "hours": opening_lines(desk, language),
        "language": language,
        "timezone": contact.timezone or shop.timezone,
        "product": "",
    }


def told_of(facts: Iterable[Facts]) -> list[Order]:
    """The orders that a template told of, each once."""
    return list({one.order.id: one.order for one in facts if one.seen}.values())


def opening_lines(desk: Desk, language: str) -> list[str]:
    """`Monday - Friday 09:00-17:00` per run of like days; empty when the desk never closes."""
    if desk.calendar.always_open:
        return []
    runs: list[tuple[int, int, Sequence[tuple[int, int]]]] = []
    for day, windows in enumerate(desk.calendar.week):
        if runs and runs[-1][2] == windows:
            runs[-1] = runs[-1][0], day, windows
        else:
            runs.append((day, day, windows))
    return [_run(desk, language, *run) for run in runs if run[2]]


def _run(desk: Desk, language: str, first: int, last: int, windows: Sequence[tuple[int, int]]) -> str:
    names = [_weekday(day, language) for day in dict.fromkeys((first, last))]
    spans = ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in windows)
    return f"{' - '.join(names)} {spans} ({desk.calendar.tz.key})"


def _weekday(day: int, language: str) -> str:
    return str(babel.dates.format_date(_MONDAY + timedelta(days=day), "EEEE", locale=language))


def _clock(minutes: int) -> str:
    rest = minutes if minutes <= 1440 else minutes - 1440
    return f"{rest // 60:02}:{rest % 60:02}"


async def answer(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    channel: str,
    entry: answers.Entry,
    language: str,
    key: str,
    now: datetime,
) -> bool:
    """Send the ready answer with its two buttons. False when its template fails for this shopper."""
    chat = await chats.of_contact(session, contact, channel)
    orders = await disclosing.orders(session, chat)
    known = values(desk, contact, orders, language, channel)
    if channel == by_mail.CHANNEL and not await by_mail.is_theirs(session, contact.id or 0):
        known["first_name"] = ""  # whoever wrote may only say that they are this customer
    try:
        text = answers.say(entry, language, known)
    except render.TemplateError as error:
        log.error("ready answer cannot be rendered", entry=entry.id, reason=logs.clean(str(error)))
        return False
    await disclosing.write_down(session, chat, told_of(known["orders"]), now)
    if channel == by_mail.CHANNEL:
        await say(session, contact, channel, with_a_person(desk, text, language), key, now)
        return True
    helped = {"text": desk.say(language, "answer.helped"), "data": f"1:helped:{entry.id}"}
    await say(session, contact, channel, text, key, now, [[helped, human_button(desk, language)]])
    return True


def with_a_person(desk: Desk, text: str, language: str) -> str:
    """In a mail there is no button: whoever answers it has a person."""
    return f"{text}\n\n{desk.say(language, 'mail.person')}\n{desk.ground.config.shop.name}"


async def suggest(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    channel: str,
    match: answers.Match,
    language: str,
    key: str,
    now: datetime,
) -> None:
    """Up to three questions that it may have been, and always a person."""
    rows = [[{"text": entry.title(language), "data": f"1:faq:{entry.id}"}] for entry in match.suggestions]
    text = desk.say(language, "answer.suggest")
    await say(session, contact, channel, text, key, now, [*rows, [human_button(desk, language)]], kind="suggestions")


async def say(
    session: AsyncSession,
    contact: Contact,
    channel: str,
    text: str,
    key: str,
    now: datetime,
    buttons: post.Buttons = (),
    *,
    ticket_id: int | None = None,
    kind: str = "",
) -> None:
    """Words of the bot: a line of the conversation and a message to the customer. `kind` marks the line for later."""
    assert contact.id is not None
    line = await lines.write(
        session,
        contact_id=contact.id,
        ticket_id=ticket_id,
        channel=channel,
        author="bot",
        text=text,
        provider_key=f"bot:{key}",
        at=now,
        received_at=now,
        attachment={"bot": kind} if kind else {},
    )
    if line is None:
        return
    content = {"text": text, "buttons": [list(row) for row in buttons]} if buttons else {"text": text}
    await post.to_customer(
        session, contact.id, channel, "auto_answer", content, key, now, said_id=line.id, ticket_id=ticket_id
    )
