"""From any message to a card of the board: /feedback, or the button on the pinned card of a ticket."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.feedback import board
from bot.support.feedback.board import Said
from bot.support.tickets import choices
from bot.tables.feedback import Improvement
from bot.tables.support import Mirror, Ticket, TicketMessage

KINDS = {"suggestion": "suggestion", "complaint": "complaint", "建议": "suggestion", "投诉": "complaint"}
_SHOWN = 60


async def take_down(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    kind: str,
    department: str,
    words: str,
    line: TicketMessage | None,
    by: str,
    now: datetime,
    words_of: int | None,
) -> Improvement:
    """A card with this customer's voice; staff are asked whether it is the same as one of its like.

    `line` is the customer's own message behind it, if there is one: nothing else is ever quoted to them. `words_of`
    is the contact whose conversation the words come from, None for a colleague's own words.
    """
    card = await board.put_up(session, kind, department or ticket.department, words, by, now, words_of)
    said = Said(ticket.contact_id, ticket.channel, ticket.language, line.id if line else None, ticket.id)
    await board.raise_voice(session, card, said, by, now)
    text = desk.staff(f"staff.idea.noted.{kind}", number=card.number, title=card.title)
    like = await board.like(session, card)
    buttons = []
    if like:
        text += "\n\n" + desk.staff("staff.idea.same")
        text += "".join(f"\n{other.number} · {_short(other.title)}" for other in like)
        buttons = [_button(desk, "same", f"idea_join:{card.id}:{other.id}", number=other.number) for other in like]
        buttons.append(_button(desk, "new", f"idea_new:{card.id}"))
    key = f"idea:{card.id}"
    rows = [[button] for button in buttons]
    content = {"text": text, "buttons": rows} if rows else {"text": text}
    await post.to_topic(session, ticket, "notice", content, key, now, priority=30)
    return card


def _button(desk: Desk, name: str, data: str, **values: object) -> dict[str, str]:
    return {"text": desk.staff(f"staff.idea.button.{name}", **values), "data": f"1:{data}"}


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


async def _feedback(session: AsyncSession, said: typed.Typed) -> str | None:
    desk, ticket = said.desk, said.case
    first, _, rest = said.words.partition(" ")
    kind = KINDS.get(first.lower())
    names = [one.name for one in desk.ground.config.support.departments]
    if kind is None:
        return desk.staff("staff.feedback.how", names=", ".join(names) or "-")
    if ticket.kind == "drill":
        return desk.staff("staff.feedback.drill")
    second, _, words = rest.strip().partition(" ")
    department = second.lower() if second.lower() in names else ""
    words = words.strip() if department else rest.strip()
    line = await _replied(session, said)
    if line is None and not words:
        line = await _last(session, ticket)
    text = words or (line.text if line else "")
    if not text.strip():
        return desk.staff("staff.feedback.nothing")
    own = line if line is not None and line.author == "customer" else None
    whose = line.contact_id if line is not None and not words else None
    await take_down(session, desk, ticket, kind, department, text, own, said.by, said.now, whose)
    return None


async def _replied(session: AsyncSession, said: typed.Typed) -> TicketMessage | None:
    """The line that the colleague replied to: written there, or shown there by us."""
    if said.reply_to is None:
        return None
    own = select(TicketMessage).where(TicketMessage.provider_key == said.reply_to)
    line = (await session.scalars(own)).first()
    parts = said.reply_to.split(":")
    if line is None and parts[0] == "telegram" and len(parts) >= 3:
        shown = select(TicketMessage).join(Mirror, col(Mirror.said_id) == col(TicketMessage.id))
        where = (Mirror.chat_id == int(parts[1]), Mirror.message_id == int(parts[2]))
        line = (await session.scalars(shown.where(*where))).first()
    return line if line is not None and line.ticket_id == said.case.id else None


async def _last(session: AsyncSession, ticket: Ticket) -> TicketMessage | None:
    """The last words of the customer in this ticket."""
    theirs = select(TicketMessage).where(
        TicketMessage.ticket_id == ticket.id, TicketMessage.author == "customer", TicketMessage.text != ""
    )
    return (await session.scalars(theirs.order_by(col(TicketMessage.id).desc()).limit(1))).first()


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    """On the pinned card: which kind are the customer's last words?"""
    desk = press.desk
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return desk.staff("pressed.gone")
    line = await _last(session, ticket)
    if line is None or ticket.kind == "drill":
        return desk.staff("staff.feedback.nothing" if line is None else "staff.feedback.drill")
    buttons = [_button(desk, kind, f"idea_said:{line.id}:{kind}") for kind in board.KINDS]
    text = desk.staff("staff.feedback.which", words=_short(line.text))
    await choices.ask(session, ticket, text, buttons, f"feedback:{line.id}", press.now)
    return None


async def _said_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    line = await session.get(TicketMessage, press.id)
    ticket = await session.get(Ticket, line.ticket_id) if line is not None and line.ticket_id else None
    if line is None or ticket is None or press.extra not in board.KINDS:
        return press.desk.staff("pressed.gone")
    card = await take_down(
        session, press.desk, ticket, press.extra, "", line.text, line, press.by, press.now, line.contact_id
    )
    words = press.desk.staff(f"staff.idea.noted.{press.extra}", number=card.number, title=_short(card.title))
    await choices.done(session, ticket, press, words)
    return None


COMMANDS = (typed.Command("feedback", _feedback),)
BUTTONS: typed.Buttons = {"feedback": _pressed, "idea_said": _said_pressed}
