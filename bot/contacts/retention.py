"""Every night: the words of what is older than the shop wants to keep go, in batches; counts and times stay."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.base import logs
from bot.base.config import Config
from bot.base.database import Database, table
from bot.contacts import audit
from bot.tables.events import Event
from bot.tables.feedback import Rating, SurveyAnswer
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.staff_room import AuditEntry, Draft
from bot.tables.support import MessageRevision, Ticket, TicketMessage

log = logs.get(__name__)
_BATCH = 1000

_Forget = Callable[[Any, datetime], Awaitable[int]]


async def run(database: Database, config: Config, now: datetime) -> dict[str, int]:
    """Forget what is due, a batch per transaction. Returns how many rows of each kind lost their words."""
    wanted = config.support.retention
    plan: tuple[tuple[str, timedelta | None, _Forget], ...] = (
        ("conversations", wanted.conversations, _conversations),
        ("messages", wanted.messages, _messages),
        ("events", wanted.events, _events),
        ("audit", wanted.audit, _audit),
    )
    done = {}
    for name, keep, forget in plan:
        if keep is not None:
            done[name] = await _all(database, forget, now - keep)
    if any(done.values()):
        async with database.transaction() as session:
            await audit.write(session, "clock", "retention", "everybody", now, **done)
        log.info("words older than the shop keeps are gone", **done)
    return done


async def _all(database: Database, forget: _Forget, before: datetime) -> int:
    total = 0
    while True:
        async with database.transaction() as session:
            count = await forget(session, before)
        total += count
        if count < _BATCH:
            return total


async def _conversations(session: Any, before: datetime) -> int:
    """Lines of tickets resolved before then, talks with the bot from before then that opened none, and what
    was written to surveys.
    """
    lines, tickets = table(TicketMessage), table(Ticket)
    over = sa.select(tickets.c.id).where(tickets.c.status == "resolved", tickets.c.resolved_at < before)
    old = sa.or_(lines.c.ticket_id.in_(over), sa.and_(lines.c.ticket_id.is_(None), lines.c.at < before))
    # An attachment is JSON: what it holds is compared as text on both databases.
    words = sa.or_(lines.c.text != "", lines.c.quote != "", sa.cast(lines.c.attachment, sa.Text) != "{}")
    picked = list((await session.scalars(sa.select(lines.c.id).where(old, words).limit(_BATCH))).all())
    if picked:
        await session.execute(sa.update(lines).where(lines.c.id.in_(picked)).values(text="", attachment={}, quote=""))
        revisions, drafts, ratings = table(MessageRevision), table(Draft), table(Rating)
        await session.execute(sa.delete(revisions).where(revisions.c.said_id.in_(picked)))
        await session.execute(sa.delete(drafts).where(drafts.c.ticket_id.in_(over)))
        said = sa.update(ratings).where(ratings.c.ticket_id.in_(over), ratings.c.comment != "")
        await session.execute(said.values(comment=""))
        mails = table(ReceivedMail)
        theirs = sa.update(mails).where(mails.c.said_id.in_(picked))
        await session.execute(theirs.values(raw=b"", sender="", subject="", thread=[]))
    answers = table(SurveyAnswer)
    asked = answers.c.changed_at < before, answers.c.comment != ""
    written = list((await session.scalars(sa.select(answers.c.id).where(*asked).limit(_BATCH))).all())
    if written:
        await session.execute(sa.update(answers).where(answers.c.id.in_(written)).values(comment=""))
    return max(len(picked), len(written))


async def _messages(session: Any, before: datetime) -> int:
    """Contents of what left (or did not) before then; that it did, when and why stays."""
    rows = table(Message)
    old = rows.c.due_at.is_(None), rows.c.settled_at < before, sa.cast(rows.c.payload, sa.Text) != "{}"
    picked = list((await session.scalars(sa.select(rows.c.id).where(*old).limit(_BATCH))).all())
    if picked:
        await session.execute(sa.update(rows).where(rows.c.id.in_(picked)).values(payload={}, error=None))
    mails = table(ReceivedMail)
    reports = mails.c.said_id.is_(None), mails.c.due_at.is_(None), mails.c.stored_at < before, mails.c.raw != b""
    about = list((await session.scalars(sa.select(mails.c.id).where(*reports).limit(_BATCH))).all())
    if about:
        nameless = sa.update(mails).where(mails.c.id.in_(about))
        await session.execute(nameless.values(raw=b"", sender="", subject="", thread=[]))
    return max(len(picked), len(about))


async def _events(session: Any, before: datetime) -> int:
    rows = table(Event)
    old = rows.c.due_at.is_(None), rows.c.received_at < before, sa.cast(rows.c.body, sa.Text) != "{}"
    picked = list((await session.scalars(sa.select(rows.c.id).where(*old).limit(_BATCH))).all())
    if picked:
        await session.execute(sa.update(rows).where(rows.c.id.in_(picked)).values(body={}))
    return len(picked)


async def _audit(session: Any, before: datetime) -> int:
    rows = table(AuditEntry)
    picked = list((await session.scalars(sa.select(rows.c.id).where(rows.c.at < before).limit(_BATCH))).all())
    if picked:
        await session.execute(sa.delete(rows).where(rows.c.id.in_(picked)))
    return len(picked)
