"""Tasks that a flow asks of people: a ticket for staff about a customer who asked nothing and is told nothing.

No promise runs for it, nobody is asked how it was. Staff may write to the customer from its topic; once the customer
says something there it is a ticket like any other.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import logs
from bot.events import Happened
from bot.support import post, routing
from bot.support.desk import Desk
from bot.support.routing import departments
from bot.support.sla import clocks as sla
from bot.support.tickets import opening
from bot.tables.people import Contact
from bot.tables.support import PRIORITIES, Ticket

log = logs.get(__name__)

EVENT = "Task Requested"
SOURCE = "aftercart"
"""Only we may ask: an event of that name from outside is a shopper's browser, for all we know."""

KIND = "task"


class Tasks:
    """The handler of events that asks for tickets."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def __call__(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        if happened.name != EVENT or happened.source != SOURCE or happened.contact_id is None:
            return
        contact = await session.get(Contact, happened.contact_id)
        if contact is None or contact.status != "active" or contact.blocked_at is not None:
            log.info("a task about somebody whom we leave alone was dropped", event_id=happened.id)
            return
        await ask(session, self.desk, contact, happened, now)


async def ask(session: AsyncSession, desk: Desk, contact: Contact, happened: Happened, now: datetime) -> Ticket:
    """The ticket, with its card and the words of the flow in the topic of its department's group."""
    said = happened.properties
    text = str(said.get("text") or "").strip()
    language = desk.language(contact)
    ticket = await opening.create(session, contact, await _channel(session, contact), language, now)
    ticket.kind = KIND
    ticket.priority = str(said.get("priority")) if said.get("priority") in PRIORITIES else "normal"
    await routing.place(session, desk, ticket, now)
    if (wanted := str(said.get("department") or "")) and departments.named(desk, wanted) is not None:
        ticket.department = wanted
    await session.flush()
    flow, step = (str(said.get(name) or "") for name in ("flow", "step"))
    await sla.happened(
        session, desk, ticket, "bot", "opened", now, why=KIND, origin="flow", text=text, flow=flow, step=step
    )
    await post.card(session, ticket, "opened", now)
    words = desk.staff("staff.task", text=text, flow=flow)
    await post.to_topic(session, ticket, "notice", {"text": words}, f"task:{ticket.id}", now, priority=30)
    await routing.offer(session, desk, ticket, now)
    return ticket


async def _channel(session: AsyncSession, contact: Contact) -> str:
    """Where staff would reach them."""
    assert contact.id is not None
    chat = await contacts.address(session, contact.id, "telegram")
    return "telegram" if chat is not None else "email"
