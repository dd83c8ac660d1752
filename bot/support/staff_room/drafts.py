"""Words that the room proposes: shown to a colleague first, sent as they stand or not at all.

What belongs to a macro (a tag, closing) is done once the customer has the words: an answer that was called back, or
never arrived, does nothing else either.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import ids
from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.self_service import disclosing
from bot.support.staff_room import macro_use
from bot.support.tickets import answering
from bot.tables.chat import StaffMember
from bot.tables.shop import Order
from bot.tables.staff_room import Draft
from bot.tables.support import Ticket, TicketMessage

Run = Callable[[AsyncSession, str, typed.Typed], Awaitable[str | None]]
"""Does a command by its name, as `registry.run`."""

_KEY = "draft:"


async def show(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    staff: StaffMember,
    source: str,
    text: str,
    now: datetime,
    *,
    title: str = "",
    actions: Sequence[str] = (),
    edit: int | None = None,
    orders: Sequence[Order] = (),
) -> Draft:
    """Post the preview with its buttons, or put it in place of the message `edit`. The words tell of these `orders`."""
    why = await answering.doubt(session, desk, ticket, staff, now) if ticket.assignee_id is not None else None
    assert ticket.id is not None and staff.id is not None
    draft = Draft(
        ticket_id=ticket.id, staff_id=staff.id, source=source, text=text, actions=list(actions), warned=bool(why),
        orders=[one.id for one in orders if one.id is not None], made_at=now,
    )  # fmt: skip
    session.add(draft)
    await session.flush()
    head = desk.staff("staff.draft.title", title=title) if title else desk.staff("staff.draft.untitled")
    lines = [head, "", text, ""]
    if actions:
        lines.append(desk.staff("staff.draft.then", actions=" · ".join(f"/{action}" for action in actions)))
    lines += [f"⚠️ {why}"] if why else []
    buttons = [
        {"text": desk.staff("staff.button.draft_send"), "data": f"1:draft_send:{draft.id}"},
        {"text": desk.staff("staff.button.draft_edit"), "data": f"1:draft_edit:{draft.id}"},
        {"text": desk.staff("staff.button.draft_drop"), "data": f"1:draft_drop:{draft.id}"},
    ]
    content = {"text": "\n".join(lines).strip(), "buttons": [buttons], **({"edit": edit} if edit else {})}
    key = ids.stable("draft", draft.id, now.isoformat())
    await post.to_topic(session, ticket, "notice", content, key, now, priority=20)
    return draft


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    desk = press.desk
    draft = await session.get(Draft, press.id, with_for_update=True, populate_existing=True)
    ticket = await session.get(Ticket, draft.ticket_id, with_for_update=True, populate_existing=True) if draft else None
    if draft is None or ticket is None or draft.ended_at is not None:
        return desk.staff("pressed.gone")
    if press.verb == "draft_edit":
        return desk.staff("staff.draft.how_to_edit")
    if press.verb == "draft_drop":
        draft.ended_at = press.now
        await _instead(session, ticket, press, desk.staff("staff.draft.dropped"))
        return None
    why = await answering.doubt(session, desk, ticket, press.staff, press.now) if ticket.assignee_id else None
    if why is not None and not draft.warned:
        draft.warned = True
        return desk.staff("staff.draft.press_again", why=why)
    return await _send(session, ticket, draft, press)


async def _send(session: AsyncSession, ticket: Ticket, draft: Draft, press: typed.Pressed) -> str | None:
    desk, now = press.desk, press.now
    line = await answering.answer(session, desk, ticket, press.staff, draft.text, f"{_KEY}{draft.id}", now)
    if line is None:
        return desk.staff("staff.sent_already")
    draft.ended_at, draft.said_id = now, line.id
    told = (await session.scalars(select(Order).where(col(Order.id).in_(draft.orders)))).all() if draft.orders else ()
    await disclosing.write_down_by_staff(session, press.by, ticket.contact_id, ticket.channel, told, now)
    source, _, name = draft.source.partition(":")
    if source == "macro":
        await macro_use.count(session, name, now)
    await _instead(session, ticket, press, desk.staff("staff.draft.sent", who=press.staff.name, text=draft.text))
    return None


async def _instead(session: AsyncSession, ticket: Ticket, press: typed.Pressed, text: str) -> None:
    """Words in place of the preview; its buttons go."""
    key = ids.stable("draft", press.verb, press.id, press.now.isoformat())
    content = {"edit": press.message_id, "text": text}
    await post.to_topic(session, ticket, "notice", content, key, press.now, priority=30)


async def arrived(session: AsyncSession, desk: Desk, line: TicketMessage, run: Run, now: datetime) -> None:
    """The customer has these words: do in order what belongs to them; what comes of it is told in the topic."""
    if not line.provider_key.startswith(_KEY) or line.ticket_id is None or line.staff_id is None:
        return
    draft = (await session.scalars(select(Draft).where(col(Draft.said_id) == line.id).with_for_update())).first()
    staff = await session.get(StaffMember, line.staff_id)
    if draft is None or staff is None or not draft.actions:
        return
    actions, draft.actions = draft.actions, []
    told = []
    for number, action in enumerate(actions):
        name, _, words = action.partition(" ")
        ticket = await session.get(Ticket, line.ticket_id, populate_existing=True)
        key = f"{line.provider_key}:{number}"
        told.append(await run(session, name, typed.Typed(desk, staff, words.strip(), 0, 0, key, now, ticket)))
    ticket = await session.get(Ticket, line.ticket_id)
    if ticket is not None and any(told):
        text = "\n".join(words for words in told if words)
        await post.to_topic(session, ticket, "notice", {"text": text}, f"{line.provider_key}:told", now, priority=40)


BUTTONS: typed.Buttons = {"draft_send": _pressed, "draft_edit": _pressed, "draft_drop": _pressed}
