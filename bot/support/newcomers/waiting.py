"""Who waits in a rush of unknown senders of mail, and how they come to a ticket after all.

Anybody can invent senders, and each would cost the staff group a topic. Above so many in an hour their mails wait
beside one notice. The clocks of their tickets run from when the mails came. Who tells of danger is counted and waits
apart from the others, beside an alarm, and of one domain only a part: the rest is for whoever is in danger meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.contacts import audit
from bot.support import by_mail
from bot.support.desk import Desk
from bot.support.escalation import danger as alarms
from bot.support.newcomers import notice
from bot.support.tickets import opening
from bot.tables.mail import NewSender, ReceivedMail
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity
from bot.tables.shop import Order
from bot.tables.staff_room import AuditEntry
from bot.tables.support import Ticket, TicketMessage

CLOCK = "clock"
"""Who lets them in when it is their turn."""

A_RUN = 5
"""So many tickets are opened in one go: a group takes about twenty messages a minute."""

_HOUR = timedelta(hours=1)
_LOOKED_AT = 2000  # of the newest mails
_OTHERS = 2
"""So many others may answer a mail of ours that went to somebody else; whoever has one could invent any number."""

_ROWS, _MAILS, _LINES = table(NewSender), table(ReceivedMail), table(TicketMessage)
_WAITING = ("waiting", "called")
DANGER = notice.DANGER
_PARTS = 4
"""One domain gets one of so many parts of what all may open in danger."""
_LOOKED_THROUGH = 200


async def waits(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, language: str, why: str, now: datetime
) -> bool:
    """Whether this mail, which would open a ticket, waits instead. It is kept and counted then."""
    mail = await _of_nobody_known(session, desk, contact, line, now)
    if mail is None:
        return False
    row = await _row(session, contact)
    if row is None and await _is_in_our_thread(session, mail):
        session.add(_new(contact, mail, line, language, why, now, "open"))
        return False
    if row is not None and row.state == "spam":
        if now - row.changed_at <= desk.ground.config.support.reopen_window(by_mail.CHANNEL):
            line.held = True
            return True
        row.state, row.changed_at, row.since, row.why = "waiting", now, line.at, why
    elif row is None or row.state == "open":
        many = await _is_rush(session, desk, now)
        row = _new(contact, mail, line, language, why, now, "waiting" if many else "open")
        session.add(row)
        if not many:
            return False
    line.held = True
    await notice.count(session, desk, now, danger=row.why == DANGER)
    return True


async def waits_in_danger(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, language: str, now: datetime
) -> bool:
    """Whether this mail, which tells of danger, waits beside the alarm: so many others opened a ticket within an hour.

    The careful sentence leaves all the same, once, if a machine may answer them.
    """
    mail = await _of_nobody_known(session, desk, contact, line, now)
    if mail is None:
        return False
    row = await _row(session, contact)
    waits = not await _has_room(session, desk, _registered(mail.sender), now)
    if waits and row is None:
        waits = not await _is_in_our_thread(session, mail)
    heard = row is not None and row.state in _WAITING and row.why == DANGER
    if row is None or row.state == "open":
        row = _new(contact, mail, line, language, DANGER, now, "waiting" if waits else "open")
        session.add(row)
    else:
        row.why = DANGER
        if row.state == "spam":
            row.state, row.changed_at, row.since = "waiting" if waits else "open", now, line.at
    line.held = waits
    if not waits:
        return False
    await notice.count(session, desk, now, danger=True, grew=not heard)
    await notice.count(session, desk, now)  # they may have waited there
    if not heard and await by_mail.may_answer(session, line, desk.ground.config.mailbox.answers_per_hour, now):
        await alarms.answer_who_waits(session, desk, contact, line.channel, language, str(line.id), now)
    return True


async def _of_nobody_known(
    session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, now: datetime
) -> ReceivedMail | None:
    """The mail of this line, if nothing proves who wrote it and nobody knows them."""
    mail = await by_mail.of_line(session, line) if line.channel == by_mail.CHANNEL else None
    if mail is None or await _is_proven(session, desk, mail, now) or await _is_known(session, contact):
        return None
    return mail


def _new(
    contact: Contact, mail: ReceivedMail, line: TicketMessage, language: str, why: str, now: datetime, state: str
) -> NewSender:
    return NewSender(
        contact_id=contact.id or 0, state=state, language=language, why=why, since=line.at, came_at=now,
        changed_at=now, domain=_registered(mail.sender),
    )  # fmt: skip


async def _has_room(session: AsyncSession, desk: Desk, domain: str, now: datetime) -> bool:
    """Fewer opened a ticket in danger within an hour than may, of all and of this domain."""
    lately = await _opened_in_danger(session, now)
    return lately.total() < _most_in_danger(desk) and lately[domain] < _share(desk)


async def _opened_in_danger(session: AsyncSession, now: datetime) -> Counter[str]:
    """By domain, within an hour. Whom staff opened themselves takes nobody's place."""
    opened = sa.select(_ROWS.c.domain, sa.func.count().label("many")).where(
        _ROWS.c.state == "open", _ROWS.c.changed_at > now - _HOUR, _ROWS.c.why == DANGER,
        _ROWS.c.changed_by.in_(("", CLOCK)),
    )  # fmt: skip
    by_domain = await session.execute(opened.group_by(_ROWS.c.domain))
    return Counter({row.domain: row.many for row in by_domain})


def _most_in_danger(desk: Desk) -> int:
    return desk.ground.config.support.flood.danger_senders


def _share(desk: Desk) -> int:
    return max(1, _most_in_danger(desk) // _PARTS)


async def _is_proven(session: AsyncSession, desk: Desk, mail: ReceivedMail, now: datetime) -> bool:
    """Shown to be its sender's. Whoever has a domain may invent names before the @: of one only so many an hour are."""
    if mail.proven_by != "domain":
        return mail.proven_by != ""
    newest = sa.select(sa.func.max(_MAILS.c.id)).scalar_subquery()
    domain = _registered(mail.sender)
    others = sa.select(sa.func.count(sa.distinct(_MAILS.c.contact_id))).where(
        _MAILS.c.id > newest - _LOOKED_AT, _MAILS.c.stored_at > now - _HOUR, _MAILS.c.proven_by == "domain",
        _MAILS.c.contact_id != mail.contact_id,
        sa.or_(*(_MAILS.c.sender.endswith(f"{sign}{domain}", autoescape=True) for sign in "@.")),
    )  # fmt: skip
    return (await session.scalar(others) or 0) < _most(desk)


def _registered(address: str) -> str:
    """The domain that somebody has paid for, as far as its form tells: a name below it costs nothing."""
    parts = address.rpartition("@")[2].split(".")
    under_a_country = len(parts) > 2 and len(parts[-1]) == 2 and len(parts[-2]) <= 3  # example.co.uk
    return ".".join(parts[-3 if under_a_country else -2 :])


async def _is_known(session: AsyncSession, contact: Contact) -> bool:
    """A customer, or somebody of whom more is known than that a mail named them; or people had a ticket of theirs."""
    more = select(Identity.id).where(
        Identity.contact_id == contact.id,
        sa.or_(col(Identity.proven), col(Identity.kind) != "email", col(Identity.rank) == "shop"),
    )
    tickets = select(Ticket.id).where(Ticket.contact_id == contact.id, col(Ticket.spam).is_(False))
    orders = select(Order.id).where(Order.contact_id == contact.id)
    return any([await session.scalar(one.limit(1)) is not None for one in (more, tickets, orders)])


async def _is_in_our_thread(session: AsyncSession, mail: ReceivedMail) -> bool:
    """From another address than it went to. A machine with ever new addresses that answers our own is in none."""
    about = await session.get(Message, mail.about_id) if mail.about_id is not None else None
    if about is None:
        return False
    if about.purpose == by_mail.AUTOMATIC:
        theirs = select(NewSender.id).where(NewSender.contact_id == about.contact_id)
        if await session.scalar(theirs.limit(1)) is not None:
            return False
    others = sa.select(sa.func.count(sa.distinct(_MAILS.c.contact_id))).where(
        _MAILS.c.about_id == mail.about_id, _MAILS.c.proven_by == "", _MAILS.c.contact_id != mail.contact_id
    )
    return (await session.scalar(others) or 0) < _OTHERS


async def _row(session: AsyncSession, contact: Contact) -> NewSender | None:
    theirs = select(NewSender).where(NewSender.contact_id == contact.id).order_by(col(NewSender.id).desc()).limit(1)
    return (await session.scalars(theirs.with_for_update())).first()


async def _is_rush(session: AsyncSession, desk: Desk, now: datetime) -> bool:
    """Who comes now waits behind those who wait already."""
    return await notice.many(session) > 0 or await _opened_lately(session, now) >= _most(desk)


def _most(desk: Desk) -> int:
    return desk.ground.config.support.flood.new_senders


async def _opened_lately(session: AsyncSession, now: datetime) -> int:
    opened = sa.select(sa.func.count()).where(
        _ROWS.c.state == "open", _ROWS.c.changed_at > now - _HOUR, _ROWS.c.why != DANGER
    )
    return await session.scalar(opened) or 0


async def oldest(
    session: AsyncSession, most: int, upto: int | None = None, *, danger: bool = False
) -> Sequence[NewSender]:
    """Of those who wait, the first that came; up to the row `upto`. In danger the first of each domain before all
    others, so that many of one hide nobody.
    """
    waiting = select(NewSender).where(col(NewSender.state).in_(_WAITING), notice.about(danger=danger))
    if upto is not None:
        waiting = waiting.where(col(NewSender.id) <= upto)
    if danger:
        turn = sa.func.row_number().over(partition_by=_ROWS.c.domain, order_by=_ROWS.c.id)
        return (await session.scalars(waiting.order_by(turn, col(NewSender.id)).limit(most))).all()
    return (await session.scalars(waiting.order_by(col(NewSender.id)).limit(most))).all()


async def said(session: AsyncSession, row: NewSender, *, lock: bool = False) -> Sequence[TicketMessage]:
    """The mails that wait of one sender, in order."""
    held = select(TicketMessage).where(
        TicketMessage.contact_id == row.contact_id,
        TicketMessage.channel == by_mail.CHANNEL,
        TicketMessage.author == "customer",
        col(TicketMessage.held),
        col(TicketMessage.ticket_id).is_(None),
    )
    in_order = held.order_by(col(TicketMessage.at), col(TicketMessage.id))
    return (await session.scalars(in_order.with_for_update() if lock else in_order)).all()


async def let_in(
    session: AsyncSession, desk: Desk, row_id: int, by: str, now: datetime, *, spam: bool = True
) -> Ticket | None:
    """Open the ticket of one who waits (or with `spam` was taken for it), from when their first mail came. None: not
    any more."""
    row = await session.get(NewSender, row_id, with_for_update=True, populate_existing=True)
    contact = await session.get(Contact, row.contact_id) if row is not None else None
    if row is None or contact is None or row.state == "open" or (row.state == "spam" and not spam):
        return None
    lines = await said(session, row, lock=True)
    row.state, row.changed_at, row.changed_by = "open", now, by
    if not lines:
        return None
    first, *rest = lines
    first.held = False
    await session.flush()
    urgent, mail = row.why == DANGER, by_mail.CHANNEL
    ticket = await opening.hand_over(session, desk, contact, mail, row.language, first, row.why, now, urgent=urgent)
    if urgent:
        await alarms.warn_staff(session, desk, ticket, str(first.id), now)
    await follow(session, desk, contact, ticket, rest, now)
    await notice.count(session, desk, now, danger=urgent)
    return ticket


async def follow(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, lines: Sequence[TicketMessage], now: datetime
) -> None:
    """The further mails into the ticket, each whole."""
    for line in lines:
        line.held = False
        await opening.into(session, desk, contact, ticket, line, now)


async def joined(session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, now: datetime) -> None:
    """They have a ticket by another way (danger, a mail that is proven): what waits goes into it."""
    row = await _row(session, contact)
    if row is None or row.state not in _WAITING:
        return
    lines = await said(session, row, lock=True)
    row.state, row.changed_at = "open", now
    await follow(session, desk, contact, ticket, lines, now)
    for in_danger in (False, True):
        await notice.count(session, desk, now, danger=in_danger)


async def mark_spam(
    session: AsyncSession,
    by: str,
    now: datetime,
    *,
    one: int | None = None,
    upto: int | None = None,
    danger: bool = False,
) -> int:
    """The row `one`, or all up to a row: nobody hears of them, they stay kept, and `unmark` brings them back."""
    meant = _ROWS.c.id == one if one is not None else sa.and_(_ROWS.c.id <= upto, notice.about(danger=danger))
    marking = sa.update(_ROWS).where(_ROWS.c.state.in_(_WAITING), meant).returning(_ROWS.c.contact_id)
    marked = (await session.scalars(marking.values(state="spam", changed_at=now, changed_by=by))).all()
    session.add_all(
        AuditEntry(at=now, actor=by, action="spam", subject=f"contact:{contact_id}") for contact_id in marked
    )
    await session.flush()
    return len(marked)


async def unmark(session: AsyncSession, marked_at: datetime, by: str, now: datetime) -> int:
    """Whoever was marked at that moment waits again. Returns how many."""
    marked = select(NewSender).where(NewSender.state == "spam", NewSender.changed_at == marked_at)
    rows = (await session.scalars(marked.with_for_update())).all()
    for row in rows:
        row.state, row.changed_at, row.changed_by = "waiting", now, by
        await audit.write(session, by, "unspam", f"contact:{row.contact_id}", now)
    return len(rows)


async def call_in(session: AsyncSession, upto: int, by: str, now: datetime, *, danger: bool = False) -> int:
    """Staff want all of them up to that row: they come first, a few each minute. Returns how many."""
    called = sa.update(_ROWS).where(_ROWS.c.state == "waiting", _ROWS.c.id <= upto, notice.about(danger=danger))
    done = await session.execute(called.values(state="called", changed_at=now, changed_by=by).returning(_ROWS.c.id))
    return len(done.all())


async def due(session: AsyncSession, desk: Desk, now: datetime) -> list[int]:
    """The rows whose turn it is now: who was called in, who is in danger, and all once the rush is over; in a rush so
    many an hour."""
    waiting = await oldest(session, 1000)
    called = await _called(session)
    others = [row.id for row in waiting if row.state == "waiting" and row.id is not None]
    came = sa.select(sa.func.count()).where(_ROWS.c.came_at > now - _HOUR, notice.about(danger=False))
    if (await session.scalar(came) or 0) >= _most(desk):
        others = others[: max(0, _most(desk) - await _opened_lately(session, now))]
    return [*called, *await _due_in_danger(session, desk, now), *others][:A_RUN]


async def _called(session: AsyncSession) -> list[int]:
    """Who is in danger before the others."""
    called = sa.select(_ROWS.c.id).where(_ROWS.c.state == "called").order_by(_ROWS.c.why != DANGER, _ROWS.c.id)
    return list((await session.scalars(called.limit(A_RUN))).all())


async def _due_in_danger(session: AsyncSession, desk: Desk, now: datetime) -> list[int]:
    """As many as may open in an hour, also when no more come: of one domain they may still be thousands."""
    lately, found = await _opened_in_danger(session, now), list[int]()
    for row in await oldest(session, _LOOKED_THROUGH, danger=True):
        if (
            row.id is not None
            and row.state == "waiting"
            and lately.total() < _most_in_danger(desk)
            and lately[row.domain] < _share(desk)
        ):
            lately[row.domain] += 1
            found.append(row.id)
    return found
