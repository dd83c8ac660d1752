"""Small changes of a ticket by staff: what it waits for, how urgent it is, its tags, that no answer is needed."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import choices, closing, statuses
from bot.tables.support import PRIORITIES, Ticket, TicketEvent

_EVENTS = table(TicketEvent)
_WAITS = {
    "supplier": "waiting_supplier", "供应商": "waiting_supplier",
    "customer": "waiting_customer", "顾客": "waiting_customer",
}  # fmt: skip
_TAG = re.compile(r"[\w-]{1,40}")
_MOST_TAGS = 20


async def prioritise(
    session: AsyncSession, desk: Desk, ticket: Ticket, priority: str, by: str, now: datetime, *, why: str = ""
) -> bool:
    """False when it has it already, or the word is no priority."""
    await statuses.hold(session, ticket)
    old = ticket.priority
    if priority not in PRIORITIES or old == priority:
        return False
    ticket.priority = priority
    await session.flush()
    data: dict[str, Any] = {"why": why} if why else {}
    await sla.happened(session, desk, ticket, by, "priority_changed", now, old=old, new=priority, **data)
    await post.card(session, ticket, f"priority:{priority}", now)
    return True


async def tag(
    session: AsyncSession, desk: Desk, ticket: Ticket, add: Sequence[str], remove: Sequence[str], by: str, now: datetime
) -> bool:
    """False when nothing changes. Tags are small letters, digits, `-` and `_`."""
    await statuses.hold(session, ticket)
    added = [one for one in dict.fromkeys(add) if one not in ticket.tags and one not in remove]
    removed = [one for one in dict.fromkeys(remove) if one in ticket.tags]
    added = added[: max(0, _MOST_TAGS - len(ticket.tags) + len(removed))]
    if not added and not removed:
        return False
    ticket.tags = [one for one in ticket.tags if one not in removed] + added
    await session.flush()
    await sla.happened(session, desk, ticket, by, "tags_changed", now, added=added, removed=removed)
    await post.card(session, ticket, "tags", now)
    return True


async def no_reply(session: AsyncSession, desk: Desk, ticket: Ticket, by: str, now: datetime) -> bool:
    """The customer's last words want no answer: the clock stops, and nobody waits for us.

    A ticket that only these words had opened again is closed again, and the customer hears nothing. False when it is
    closed already.
    """
    await statuses.hold(session, ticket)
    if ticket.status == "resolved":
        return False
    again = await _opened_again_by_customer(session, ticket)
    await sla.happened(session, desk, ticket, by, "no_reply_needed", now)
    if again:
        await closing.resolve(session, desk, ticket, by, now, why="no_reply_needed")
    elif ticket.status in statuses.OURS:
        await statuses.to(session, desk, ticket, "waiting_customer", by, now, why="no_reply_needed")
    else:
        await post.card(session, ticket, "no_reply", now)
    return True


async def _opened_again_by_customer(session: AsyncSession, ticket: Ticket) -> bool:
    """Since it was closed only the customer has done something."""
    turned = sa.select(_EVENTS.c.actor, _EVENTS.c.name, _EVENTS.c.data).where(
        _EVENTS.c.ticket_id == ticket.id, _EVENTS.c.name.in_(("status_changed", "answered"))
    )
    last = (await session.execute(turned.order_by(_EVENTS.c.id.desc()).limit(1))).first()
    return last is not None and last.actor == "customer" and last.data.get("old") == "resolved"


async def _wait(session: AsyncSession, said: typed.Typed) -> str | None:
    desk, ticket = said.desk, said.case
    if ticket.status == "resolved":
        return desk.staff("staff.is_resolved", number=ticket.number)
    status = _WAITS.get(said.words.lower())
    if status is None:
        await _ask_wait(session, desk, ticket, said.now)
    else:
        await statuses.to(session, desk, ticket, status, said.by, said.now)
    return None


async def _ask_wait(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    buttons = [choices.button(desk, f"wait.{whom}", "wait", ticket.id, whom) for whom in ("customer", "supplier")]
    await choices.ask(session, ticket, desk.staff("staff.wait.ask"), buttons, "wait", now)


async def _wait_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket, desk = await choices.ticket_of(session, press), press.desk
    if ticket is None or (press.extra and press.extra not in _WAITS):
        return desk.staff("pressed.gone")
    if ticket.status == "resolved":
        return desk.staff("staff.is_resolved", number=ticket.number)
    if not press.extra:
        await _ask_wait(session, desk, ticket, press.now)
        return None
    await statuses.to(session, desk, ticket, _WAITS[press.extra], press.by, press.now)
    words = desk.staff(f"staff.wait.{press.extra}", who=press.staff.name)
    await choices.done(session, ticket, press, words)
    return words


async def _prio(session: AsyncSession, said: typed.Typed) -> str | None:
    word = said.words.lower()
    if word not in PRIORITIES:
        await _ask_prio(session, said.desk, said.case, said.now, word)
        return None
    await prioritise(session, said.desk, said.case, word, said.by, said.now)
    return said.desk.staff("staff.prio.set", priority=said.desk.staff(f"staff.priority.{word}"), who=said.staff.name)


async def _ask_prio(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime, unknown: str = "") -> None:
    buttons = [{"text": desk.staff(f"staff.priority.{one}"), "data": f"1:prio:{ticket.id}:{one}"} for one in PRIORITIES]
    text = desk.staff("staff.prio.unknown", words=unknown[:40]) if unknown else desk.staff("staff.prio.ask")
    await choices.ask(session, ticket, text, buttons, "prio", now)


async def _prio_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket, desk = await choices.ticket_of(session, press), press.desk
    if ticket is None or (press.extra and press.extra not in PRIORITIES):
        return desk.staff("pressed.gone")
    if not press.extra:
        await _ask_prio(session, desk, ticket, press.now)
        return None
    await prioritise(session, desk, ticket, press.extra, press.by, press.now)
    words = desk.staff("staff.prio.set", priority=desk.staff(f"staff.priority.{press.extra}"), who=press.staff.name)
    await choices.done(session, ticket, press, words)
    return words


async def _tag(session: AsyncSession, said: typed.Typed) -> str | None:
    words = [word.lower().lstrip("#") for word in said.words.replace(",", " ").split()]
    add = [word for word in words if not word.startswith("-")]
    remove = [word.removeprefix("-").lstrip("#") for word in words if word.startswith("-")]
    if not words or not all(_TAG.fullmatch(word) for word in (*add, *remove)):
        return said.desk.staff("staff.tag.how")
    await tag(session, said.desk, said.case, add, remove, said.by, said.now)
    shown = " ".join(f"#{one}" for one in said.case.tags)
    return said.desk.staff("staff.tag.now", tags=shown) if shown else said.desk.staff("staff.tag.none")


async def _no_reply(session: AsyncSession, said: typed.Typed) -> str | None:
    if await no_reply(session, said.desk, said.case, said.by, said.now):
        return said.desk.staff("staff.no_reply", who=said.staff.name)
    return said.desk.staff("staff.is_resolved", number=said.case.number)


async def _no_reply_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket, desk = await choices.ticket_of(session, press), press.desk
    if ticket is None:
        return desk.staff("pressed.gone")
    if not await no_reply(session, desk, ticket, press.by, press.now):
        return desk.staff("staff.is_resolved", number=ticket.number)
    words = desk.staff("staff.no_reply", who=press.staff.name)
    await choices.done(session, ticket, press, words)
    return words


COMMANDS = (
    typed.Command("wait", _wait),
    typed.Command("prio", _prio),
    typed.Command("tag", _tag),
    typed.Command("noreply", _no_reply),
)
BUTTONS: typed.Buttons = {"wait": _wait_pressed, "prio": _prio_pressed, "noreply": _no_reply_pressed}
