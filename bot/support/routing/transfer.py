"""From one department to another: clocks follow, and when its group is another one, the topic moves with all of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import ids
from bot.base.database import insert, table
from bot.outbound import staff_group
from bot.support import lines, post, typed
from bot.support.desk import Desk
from bot.support.routing import departments, leaving, turn
from bot.support.sla import clocks as sla
from bot.tables.chat import FormerTopic, StaffMember, Topic
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketMessage

_TOPICS = table(Topic)
_FORMER = table(FormerTopic)
_OUTBOX = table(Message)
_A_ROW = 2


async def to(
    session: AsyncSession, desk: Desk, ticket: Ticket, department: str, actor: str, now: datetime, *, why: str = ""
) -> bool:
    """Give the ticket to the department. False when it has it already.

    Whoever has it and does not belong there has it no more; a round gives it to the next.
    """
    await session.refresh(ticket, with_for_update=True)
    old = ticket.department
    if old == department:
        return False
    ticket.department = department
    await session.flush()
    data: dict[str, Any] = {"old": old, "new": department, **({"why": why} if why else {})}
    await sla.happened(session, desk, ticket, actor, "department_changed", now, **data)
    groups = await staff_group.of(session, desk.ground.config, department)
    moved = await _leave(session, desk, ticket, department, groups, now)
    staff = await session.get(StaffMember, ticket.assignee_id) if ticket.assignee_id else None
    if staff is not None and not departments.belongs(desk, department, staff, groups):
        await leaving.drop(session, desk, ticket, actor, "department_changed", now)
    text = desk.staff("staff.dept.came", old=departments.title(desk, old), new=departments.title(desk, department))
    key = ids.stable("came", ticket.id, now.isoformat())
    await post.card(session, ticket, f"department:{department}", now)
    await post.to_topic(session, ticket, "notice", {"text": text}, key, now, priority=20 if moved else 30)
    if ticket.assignee_id is None and ticket.status in ("new", "open"):
        await turn.offer(session, desk, ticket, now)
    return True


async def _leave(
    session: AsyncSession, desk: Desk, ticket: Ticket, department: str, groups: tuple[int, ...], now: datetime
) -> bool:
    """Close the topic when it stands in no group of the department, with a word where the ticket went.

    Whatever is queued finds the new one, which begins with the card and what was said.
    """
    row = (await session.execute(sa.select(_TOPICS).where(_TOPICS.c.ticket_id == ticket.id).with_for_update())).first()
    if row is None or row.thread_id is None or row.chat_id in groups or not groups:
        return False
    kept = insert(session, _FORMER).values(
        ticket_id=ticket.id, chat_id=row.chat_id, thread_id=row.thread_id, left_at=now
    )
    await session.execute(kept.on_conflict_do_nothing())
    gone = sa.update(_TOPICS).where(_TOPICS.c.id == row.id)
    await session.execute(gone.values(state="gone", made_by=None, card_message_id=None, changed_at=now))
    # The buttons to call an answer back stand in the old topic: nothing is written over them any more.
    undos = sa.update(_OUTBOX).where(_OUTBOX.c.ticket_id == ticket.id, _OUTBOX.c.key.like("undo:%"))
    await session.execute(undos.values(provider_id=None))
    text = desk.staff("staff.dept.left", number=ticket.number, new=departments.title(desk, department))
    await _to_former(session, row.chat_id, row.thread_id, {"text": text, "topic": "close"}, f"left:{ticket.id}", now)
    return True


async def _to_former(
    session: AsyncSession, chat_id: int, thread_id: int, content: Mapping[str, Any], about: str, now: datetime
) -> None:
    key = ids.stable("former", chat_id, thread_id, about, now.isoformat())
    await post.to_staff(session, chat_id, {"thread_id": thread_id, **content}, key, now)


async def former(session: AsyncSession, chat_id: int, thread_id: int) -> Ticket | None:
    """The ticket that once had this topic and stands in another group now."""
    left = select(Ticket).join(FormerTopic, col(FormerTopic.ticket_id) == col(Ticket.id))
    return (
        await session.scalars(left.where(FormerTopic.chat_id == chat_id, FormerTopic.thread_id == thread_id))
    ).first()


async def said_in_former(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    staff: StaffMember,
    text: str,
    attachment: Mapping[str, Any],
    provider_key: str,
    place: Mapping[str, int],
    now: datetime,
) -> None:
    """Somebody wrote where the ticket is no more: nothing goes to the customer, and the words are offered as a note.

    They are kept with the ticket either way. `place` is `{chat_id, message_id, thread_id}`.
    """
    line = await lines.write(
        session,
        contact_id=ticket.contact_id,
        ticket_id=ticket.id,
        channel=ticket.channel,
        author="note",
        text=text,
        provider_key=provider_key,
        at=now,
        received_at=now,
        attachment=attachment,
        staff_id=staff.id,
    )
    if line is None:
        return
    where = departments.title(desk, ticket.department)
    content: dict[str, Any] = {
        "text": desk.staff("staff.dept.elsewhere", number=ticket.number, where=where),
        "reply_to": place["message_id"],
        "buttons": [[{"text": desk.staff("staff.button.former_note"), "data": f"1:formernote:{line.id}"}]],
    }
    if link := await link_of(session, ticket):
        content["buttons"].append([{"text": desk.staff("staff.button.open_topic"), "url": link}])
    await _to_former(session, place["chat_id"], place["thread_id"], content, f"said:{line.id}", now)


async def link_of(session: AsyncSession, ticket: Ticket) -> str | None:
    """An address that opens the ticket's topic for members of its group."""
    asked = sa.select(_TOPICS.c.chat_id, _TOPICS.c.thread_id).where(
        _TOPICS.c.ticket_id == ticket.id, _TOPICS.c.state.in_(("ready", "bare"))
    )
    row = (await session.execute(asked)).first()
    return link(row[0], row[1]) if row else None


def link(chat_id: int, thread_id: int | None) -> str:
    """`https://t.me/c/ID/THREAD`: only supergroups, whose ids begin with -100, have such addresses."""
    return f"https://t.me/c/{str(chat_id).removeprefix('-100')}/{thread_id or 1}"


async def _note_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    line = await session.get(TicketMessage, press.id)
    ticket = await session.get(Ticket, line.ticket_id) if line is not None and line.ticket_id else None
    if line is None or ticket is None:
        return press.desk.staff("pressed.gone")
    author = await session.get(StaffMember, line.staff_id) if line.staff_id else None
    words = press.desk.staff("staff.dept.note", who=author.name if author else press.staff.name, text=line.text)
    place = lines.place(line.provider_key)
    content = {"copy": place, "lead": words} if line.attachment and place else {"text": words}
    queued = await post.to_topic(session, ticket, "notice", content, f"formernote:{line.id}", press.now, priority=20)
    return press.desk.staff("staff.dept.noted" if queued is not None else "staff.dept.noted_before")


async def _typed(session: AsyncSession, said: typed.Typed) -> str | None:
    """`/dept name`; without a name, or when it is unclear, it asks."""
    found = departments.find(said.desk, said.words) if said.words.strip() else departments.names(said.desk)
    if len(found) == 1 and said.words.strip():
        return await _told(session, said.desk, said.case, said.staff, found[0], said.now)
    if not said.desk.ground.config.support.departments:
        return said.desk.staff("staff.dept.none")
    options = [name for name in found or departments.names(said.desk) if name != said.case.department]
    text, words = "staff.dept.which", said.words.strip()[:40]
    if words and not found:
        text = "staff.dept.unknown" if options else "staff.dept.only"
    elif not options:
        text = "staff.dept.already"
    buttons = [
        {"text": departments.title(said.desk, name), "data": f"1:dept:{said.case.id}:{name or '-'}"} for name in options
    ]
    rows = [buttons[start : start + _A_ROW] for start in range(0, len(buttons), _A_ROW)]
    told = said.desk.staff(text, words=words, name=departments.title(said.desk, said.case.department))
    content = {"text": told, "buttons": rows, "reply_to": said.message_id}
    await post.to_topic(session, said.case, "notice", content, f"dept:{said.provider_key}", said.now, priority=20)
    return None


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id)
    name = departments.MAIN if press.extra == "-" else press.extra
    if ticket is None or name not in departments.names(press.desk):
        return press.desk.staff("pressed.gone")
    return await _told(session, press.desk, ticket, press.staff, name, press.now)


async def _told(
    session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, name: str, now: datetime
) -> str | None:
    if ticket.kind == "drill":
        return desk.staff("staff.dept.drill")
    if await to(session, desk, ticket, name, f"staff:{staff.id}", now):
        return None
    return desk.staff("staff.dept.already", name=departments.title(desk, name))


COMMANDS = (typed.Command("dept", _typed),)
BUTTONS: typed.Buttons = {"dept": _pressed, "formernote": _note_pressed}
