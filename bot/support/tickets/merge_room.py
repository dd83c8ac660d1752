"""/merge and /unmerge: staff choose the direction first and read what will happen."""

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from bot.base.database import table
from bot.support import typed
from bot.support.desk import Desk
from bot.support.tickets import choices, links, merging, staff_card
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

_LINES = table(TicketMessage)


async def ask(session: AsyncSession, said: typed.Typed, one: Ticket, other: Ticket) -> None:
    """Both directions as buttons, with what will happen and a warning when these are two people."""
    desk = said.desk
    text = desk.staff(
        "staff.merge.ask",
        one=one.number,
        one_status=desk.staff(f"staff.card.status.{one.status}"),
        one_many=await _many(session, one),
        other=other.number,
        other_status=desk.staff(f"staff.card.status.{other.status}"),
        other_many=await _many(session, other),
    )
    if one.contact_id != other.contact_id:
        text = f"{await _two_people(session, desk, one, other)}\n\n{text}"
    into = [_into(desk, gone, kept) for gone, kept in ((one, other), (other, one))]
    verbs = [*into, choices.button(desk, "no", "merge", one.id, "no")]
    await choices.ask(session, one, text, verbs, f"merge:{other.id}", said.now)


async def _many(session: AsyncSession, ticket: Ticket) -> int:
    return len((await session.scalars(select(_LINES.c.id).where(_LINES.c.ticket_id == ticket.id))).all())


async def _two_people(session: AsyncSession, desk: Desk, one: Ticket, other: Ticket) -> str:
    people = [await session.get(Contact, ticket.contact_id) for ticket in (one, other)]
    names = [staff_card.customer_name(desk, person) if person else "" for person in people]
    return desk.staff("staff.merge.other_customer", one=names[0], other=names[1])


def _into(desk: Desk, gone: Ticket, kept: Ticket) -> dict[str, str]:
    words = desk.staff("staff.button.merge.into", gone=gone.number, kept=kept.number)
    return {"text": words, "data": f"1:merge:{gone.id}:{kept.id}"}


async def _merge(session: AsyncSession, said: typed.Typed) -> str | None:
    desk, one = said.desk, said.case
    other = await links.named(session, said.words)
    if other is None:
        asked = links.number(said.words)
        return desk.staff("staff.merge.how" if asked is None else "staff.merge.unknown", number=asked)
    no = merging.refused(desk, one, other, said.now)
    if no is not None:
        return desk.staff(f"staff.merge.{no.name}", number=no.number)
    await ask(session, said, one, other)
    return None


async def _merge_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    desk = press.desk
    if not press.extra.isdecimal():
        return await _not_now(session, press)
    both = await merging.hold(session, press.id, int(press.extra))
    if both is None:
        return desk.staff("pressed.gone")
    gone, kept = both
    no = merging.refused(desk, gone, kept, press.now)
    if no is not None:
        return desk.staff(f"staff.merge.{no.name}", number=no.number)
    # First, so that the question in the topic that closes is settled before it closes.
    words = desk.staff("staff.merge.done", gone=gone.number, kept=kept.number, who=press.staff.name)
    await choices.done(session, await _asked_in(session, press, gone, kept), press, words)
    await merging.merge(session, desk, gone, kept, press.staff, press.now)
    return words


async def _not_now(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    if press.extra == "no":
        await choices.done(session, ticket, press, press.desk.staff("staff.merge.left"))
        return None
    return press.desk.staff("staff.merge.how")


async def _asked_in(session: AsyncSession, press: typed.Pressed, gone: Ticket, kept: Ticket) -> Ticket:
    """The ticket in whose topic the question stands."""
    return kept if await choices.stands_in(session, press, kept) else gone


async def _unmerge(session: AsyncSession, said: typed.Typed) -> str:
    desk, ticket = said.desk, said.case
    gone = ticket if ticket.merged_into is not None else None
    if gone is None:
        inside = await merging.merged_into(session, ticket)
        named = await links.named(session, said.words) if said.words else None
        inside = [one for one in inside if named is None or one.id == named.id]
        if len(inside) > 1:
            return desk.staff("staff.unmerge.which")
        gone = inside[0] if inside else None
    kept = await session.get(Ticket, gone.merged_into) if gone and gone.merged_into else None
    if kept is not None and kept.merged_into is not None:
        return desk.staff("staff.merge.joined")
    many = await merging.unmerge(session, desk, gone, said.staff, said.now) if gone else None
    if gone is None or kept is None or many is None:
        return desk.staff("staff.unmerge.none")
    return desk.staff("staff.unmerge.done", gone=gone.number, kept=kept.number, who=said.staff.name, many=many)


COMMANDS = (typed.Command("merge", _merge), typed.Command("unmerge", _unmerge))
BUTTONS: typed.Buttons = {"merge": _merge_pressed}
