"""Every night: the words of what is older than the shop wants to keep go, in batches; counts and times stay.

Which words, and from when their time counts, is declared at the tables (`Keeps`).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from bot.base import logs, personal
from bot.base.config import Config
from bot.base.database import Database, scrub, table
from bot.base.personal import Delete, Keeps
from bot.contacts import audit, belonging
from bot.tables.support import Ticket, TicketMessage

log = logs.get(__name__)
_BATCH = 1000
_tickets, _lines = table(Ticket), table(TicketMessage)


async def run(database: Database, config: Config, now: datetime) -> dict[str, int]:
    """Forget what is due, a batch per transaction. Returns how many rows of each kind lost their words."""
    wanted = config.support.retention
    done: dict[str, int] = {}
    for model, keeps in _declared():
        if (kept_for := getattr(wanted, keeps.under)) is not None:
            count = await _all(database, model, keeps, now - kept_for)
            done[keeps.under] = done.get(keeps.under, 0) + count
    if any(done.values()):
        async with database.transaction() as session:
            await audit.write(session, "clock", "retention", "everybody", now, **done)
            scrub(session)
        log.info("words older than the shop keeps are gone", **done)
    return done


def _declared() -> Iterator[tuple[type[SQLModel], Keeps]]:
    for model, said in personal.registry().items():
        for keeps in said.keeps:
            yield model, keeps


async def _all(database: Database, model: type[SQLModel], keeps: Keeps, before: datetime) -> int:
    """A row whose words are gone is not found again."""
    rows, total = table(model), 0
    old = sa.select(rows.c.id).where(_old(model, keeps, before), _has_words(rows, keeps)).limit(_BATCH)
    while True:
        async with database.transaction() as session:
            picked = list((await session.scalars(old)).all())
            mine = rows.c.id.in_(picked)
            if isinstance(keeps.gone, Delete):
                await session.execute(sa.delete(rows).where(mine))
            else:
                await session.execute(sa.update(rows).where(mine).values(**keeps.gone.values))
        total += len(picked)
        if len(picked) < _BATCH:
            return total


def _old(model: type[SQLModel], keeps: Keeps, before: datetime) -> sa.ColumnElement[bool]:
    columns = table(model).c
    if keeps.over is None:
        return sa.and_(columns[keeps.since] < before, belonging.only(model, keeps.only))
    over = sa.select(_tickets.c.id).where(_tickets.c.status == "resolved", _tickets.c.resolved_at < before)
    if keeps.over.of == "lines":
        alone = sa.and_(_lines.c.ticket_id.is_(None), _lines.c.at < before)
        over = sa.select(_lines.c.id).where(sa.or_(_lines.c.ticket_id.in_(over), alone))
    return columns[keeps.over.column].in_(over)


def _has_words(rows: sa.Table, keeps: Keeps) -> sa.ColumnElement[bool]:
    if isinstance(keeps.gone, Delete):
        return sa.true()
    return sa.or_(*(_differs(rows.c[name], value) for name, value in keeps.gone.values.items()))


def _differs(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    if isinstance(column.type, sa.JSON):  # what it holds is compared as text on both databases
        return sa.cast(column, sa.Text) != ("[]" if value == [] else "{}")
    return column.is_not(None) if value is None else column != value
