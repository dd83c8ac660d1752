"""`/forget`: after a question, everything that names the customer goes, here and in the topics of their tickets."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.database import table
from bot.contacts import audit, export
from bot.outbound import staff_group
from bot.support import post, typed
from bot.support.routing import departments
from bot.support.tickets import choices, statuses
from bot.tables.chat import FormerTopic
from bot.tables.shop import Order
from bot.tables.support import Ticket


async def _ask(session: AsyncSession, said: typed.Typed) -> str | None:
    contact = await contacts.current(session, said.case.contact_id)
    if contact is None or contact.id is None or contact.status == "erased":
        return said.desk.staff("staff.privacy.forgotten_already")
    whose = await export.person(session, contact.id)
    mine = sa.select(sa.func.count()).where(table(Order).c.contact_id.in_(whose.contacts))
    text = said.desk.staff(
        "staff.privacy.forget_ask",
        tickets=len(whose.tickets), messages=len(whose.lines), orders=await session.scalar(mine) or 0,
    )  # fmt: skip
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
    whose = await export.person(session, contact.id)
    for ticket_id in whose.tickets:
        one = await session.get(Ticket, ticket_id, with_for_update=True, populate_existing=True)
        if one is not None and one.status != "resolved":
            await statuses.to(session, press.desk, one, "resolved", press.by, press.now, why="forgotten")
    await contacts.erase(session, press.desk.ground.secret, contact.id, press.now)
    await audit.write(session, press.by, "forget", f"contact:{contact.id}", press.now, tickets=len(whose.tickets))
    for ticket_id in whose.tickets:
        one = await session.get(Ticket, ticket_id)
        if one is not None:
            key = f"forgotten:{ticket_id}:{press.now.isoformat()}"
            await post.to_topic(session, one, "notice", {"topic": "delete"}, key, press.now, priority=30)
    await _delete_former(session, whose, press)
    await _tell(session, press, ticket)
    return press.desk.staff("staff.privacy.forgotten")


async def _delete_former(session: AsyncSession, whose: export.Person, press: typed.Pressed) -> None:
    """The topics that their tickets left for another group still show every word."""
    rows = table(FormerTopic)
    asked = sa.select(rows.c.chat_id, rows.c.thread_id).where(rows.c.ticket_id.in_(whose.tickets))
    for chat_id, thread_id in (await session.execute(asked)).all():
        key = f"forgotten:{chat_id}:{thread_id}:{press.now.isoformat()}"
        await post.to_staff(session, chat_id, {"thread_id": thread_id, "topic": "delete"}, key, press.now)


async def _tell(session: AsyncSession, press: typed.Pressed, ticket: Ticket) -> None:
    """In General: the topic with the question is on its way out."""
    config = press.desk.ground.config.telegram
    chat_id = await staff_group.current(session, config.staff_chat_id)
    text = press.desk.staff("staff.privacy.told", number=ticket.number, who=press.staff.name)
    await post.to_staff(session, chat_id, {"text": text}, f"forgot:{ticket.id}:{press.now.isoformat()}", press.now)


COMMANDS = (typed.Command("forget", _ask, lead=True),)
BUTTONS: typed.Buttons = {"forget": _pressed}
