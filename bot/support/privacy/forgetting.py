"""`/forget`: after a question, everything that names the customer goes, here and in the topics of their tickets."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.database import table
from bot.contacts import audit, belonging
from bot.contacts.elsewhere import Notice
from bot.outbound import staff_group
from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.routing import departments
from bot.support.tickets import choices, statuses
from bot.tables.chat import FormerTopic
from bot.tables.privacy import PrivacyTask
from bot.tables.shop import Order
from bot.tables.support import Ticket


async def _ask(session: AsyncSession, said: typed.Typed) -> str | None:
    contact = await contacts.current(session, said.case.contact_id)
    if contact is None or contact.id is None or contact.status == "erased":
        return said.desk.staff("staff.privacy.forgotten_already")
    whose = await belonging.person(session, contact.id)
    mine = sa.select(sa.func.count()).where(table(Order).c.contact_id.in_(whose.contacts))
    text = said.desk.staff(
        "staff.privacy.forget_ask",
        tickets=len(whose.tickets), messages=len(whose.lines), orders=await session.scalar(mine) or 0,
    )  # fmt: skip
    if browsers := await contacts.count_claimants(session, whose.known):
        text += " " + said.desk.staff("staff.privacy.forget_browsers", browsers=browsers)
    buttons = [choices.button(said.desk, f"forget_{extra}", "forget", said.case.id, extra) for extra in ("yes", "no")]
    await choices.ask(session, said.case, text, buttons, "forget", said.now)
    return None


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    if press.extra == "yes" and not departments.is_lead(press.desk, press.staff):
        return press.desk.staff("group.leads_only", command="/forget")
    if press.extra != "yes":
        await choices.done(session, ticket, press, press.desk.staff("staff.privacy.kept"))
        return None
    contact = await contacts.current(session, ticket.contact_id)
    if contact is None or contact.id is None or contact.status == "erased":
        return press.desk.staff("staff.privacy.forgotten_already")
    browsers = await forget(session, press.desk, contact.id, press.by, press.now)
    await _tell(session, press, ticket, browsers)
    return press.desk.staff("staff.privacy.forgotten")


async def forget(session: AsyncSession, desk: Desk, contact_id: int, by: str, now: datetime) -> contacts.Browsers:
    """Erase the contact, resolve their tickets, and have deleted what stands of them in the staff groups.

    A topic of somebody else that retells their words is made anew: it repeats what is still there. Returns how many
    browsers claim to be them; those that are left are erased by `go_on`.
    """
    whose = await belonging.person(session, contact_id)
    for ticket_id in whose.tickets:
        one = await session.get(Ticket, ticket_id, with_for_update=True, populate_existing=True)
        if one is not None and one.status != "resolved":
            await statuses.to(session, desk, one, "resolved", by, now, why="forgotten")
    done = await contacts.erase(session, desk.ground.secret, contact_id, now, by)
    shown, some = done.shown, done.browsers
    counts = {"tickets": len(whose.tickets), "browsers": some.erased, "browsers_left": some.left}
    await audit.write(session, by, "forget", f"contact:{contact_id}", now, **counts)
    for ticket_id in (*whose.tickets, *shown.tickets):
        if (one := await session.get(Ticket, ticket_id)) is not None:
            mine = ticket_id in whose.tickets
            key = f"forgotten:{ticket_id}:{now.isoformat()}"
            turn = {"topic": "delete" if mine else "again"}
            await post.to_topic(session, one, "notice", turn, key, now, priority=30)
            if not mine:
                await post.card(session, one, "forgotten", now, topic="close" if one.status == "resolved" else None)
    await _delete_former(session, [*whose.tickets, *shown.tickets], now)
    for notice in shown.notices:
        await _delete_notice(session, notice, now)
    return some


async def go_on(session: AsyncSession, desk: Desk, task: PrivacyTask, now: datetime) -> bool:
    """A step of what a forgetting left. True: it is through; whoever asked for it in the staff group is told so."""
    if not await contacts.erase_some(session, desk.ground.secret, task, now):
        task.due_at, task.lease_until, task.lease_by, task.attempts = now, None, None, 0
        return False
    task.status, task.done_at, task.done_by, task.outcome = "done", now, "clock", "forgotten"
    task.due_at, task.lease_until, task.lease_by = None, None, None
    about = f"contact:{task.contact_id}" if task.contact_id is not None else f"request:{task.id}"
    await audit.write(session, task.source, "forget", about, now, browsers=task.asked["erased"])
    if task.source.startswith("staff:"):
        text = desk.staff("staff.privacy.browsers_done", browsers=task.asked["erased"])
        await _tell_group(session, desk, text, f"forgot:browsers:{task.id}", now)
    await session.flush()
    return True


async def _delete_former(session: AsyncSession, tickets: Sequence[int], now: datetime) -> None:
    """The topics that their tickets left for another group still show every word."""
    rows = table(FormerTopic)
    asked = sa.select(rows.c.chat_id, rows.c.thread_id).where(rows.c.ticket_id.in_(tickets))
    for chat_id, thread_id in (await session.execute(asked)).all():
        key = f"forgotten:{chat_id}:{thread_id}:{now.isoformat()}"
        await post.to_staff(session, chat_id, {"thread_id": thread_id, "topic": "delete"}, key, now)


async def _delete_notice(session: AsyncSession, notice: Notice, now: datetime) -> None:
    """A list in General, a card of the board shown in another topic."""
    if not (notice.provider_id or "").isdigit():
        return
    content = {"delete": [int(notice.provider_id or 0)]}
    key = f"forgotten:notice:{notice.id}"
    ticket = await session.get(Ticket, notice.ticket_id) if notice.ticket_id else None
    if ticket is not None:
        await post.to_topic(session, ticket, "notice", content, key, now, priority=30)
    elif notice.receiver.startswith("staff:"):
        await post.to_staff(session, int(notice.receiver.partition(":")[2]), content, key, now)


async def _tell(session: AsyncSession, press: typed.Pressed, ticket: Ticket, browsers: contacts.Browsers) -> None:
    """In General: the topic with the question is on its way out."""
    text = press.desk.staff("staff.privacy.told", number=ticket.number, who=press.staff.name)
    if browsers.left:
        text += " " + press.desk.staff("staff.privacy.browsers_left", browsers=browsers.left)
    await _tell_group(session, press.desk, text, f"forgot:{ticket.id}:{press.now.isoformat()}", press.now)


async def _tell_group(session: AsyncSession, desk: Desk, text: str, key: str, now: datetime) -> None:
    chat_id = await staff_group.current(session, desk.ground.config.telegram.staff_chat_id)
    await post.to_staff(session, chat_id, {"text": text}, key, now)


COMMANDS = (typed.Command("forget", _ask, lead=True),)
BUTTONS: typed.Buttons = {"forget": _pressed}
