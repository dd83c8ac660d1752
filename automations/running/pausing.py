"""A flow that rests for a while: nobody enters, nobody moves on, and mails that were queued already wait.

It rests in a row of its own, so a restart changes nothing. `enabled = false` in its file does the same to people, and
what is in the outbox then is skipped: that is for a flow that is not wanted any more. A flow runs if neither holds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import work
from bot.base.database import insert, table
from bot.tables.automations import Enrolment, FlowPause
from bot.tables.outbox import Message

Late = Literal["skip", "send"]

_BATCH = 1000
_pauses = table(FlowPause)
_rows = table(Enrolment)
_messages = table(Message)


async def paused(session: AsyncSession) -> dict[str, datetime]:
    """Since when which flows rest."""
    return {row.flow: row.paused_at for row in await session.execute(sa.select(_pauses))}


async def pause(session: AsyncSession, flow: str, now: datetime) -> bool:
    """False: it rested already."""
    new = insert(session, _pauses).values(flow=flow, paused_at=now).on_conflict_do_nothing().returning(_pauses.c.flow)
    return await session.scalar(new) is not None


async def resume(session: AsyncSession, flow: str, now: datetime, late: Late | None = None) -> bool:
    """Let the flow go on. False: it did not rest.

    What fell due meanwhile is as late as it is, and each step says how late its mail may be. With `late` that does not
    count: `send` writes to all of them now, `skip` to none of them; later steps go on as ever.
    """
    woken = sa.delete(_pauses).where(_pauses.c.flow == flow).returning(_pauses.c.flow)
    if await session.scalar(woken) is None:
        return False
    last = 0
    while rows := await _fell_due(session, flow, last, now):
        last = rows[-1]["row_id"]
        for row in rows:
            row["new_due"] = row["new_planned"] = now if late == "send" else row["planned_at"]
            row["told"] = {**row["context"], "late_before": now.isoformat()} if late == "skip" else row["context"]
        await session.execute(_GO_ON, [{name: row[name] for name in _COLUMNS} for row in rows])
    await _mails(session, flow, now, late)
    work.kick(session, "enrolments")
    return True


async def _fell_due(session: AsyncSession, flow: str, last: int, now: datetime) -> Sequence[dict[str, Any]]:
    """Those whose time came: the engine has put them to rest, or has not even looked."""
    mine = (
        sa.select(_rows.c.id.label("row_id"), _rows.c.planned_at, _rows.c.context)
        .where(_rows.c.flow == flow, _rows.c.status == "active", _rows.c.id > last, _rows.c.planned_at <= now)
        .where(sa.or_(_rows.c.due_at.is_(None), _rows.c.due_at <= now))
    )
    mine = mine.order_by(_rows.c.id).limit(_BATCH)
    found = await session.execute(mine.with_for_update(key_share=True))
    return [dict(row) for row in found.mappings()]


_COLUMNS = ("row_id", "new_due", "new_planned", "told")
_GO_ON = (
    sa.update(_rows)
    .where(_rows.c.id == sa.bindparam("row_id"))
    .values(
        due_at=sa.bindparam("new_due", type_=_rows.c.due_at.type), lease_until=None, lease_by=None,
        planned_at=sa.bindparam("new_planned", type_=_rows.c.planned_at.type),
        context=sa.bindparam("told", type_=_rows.c.context.type),
    )
)  # fmt: skip


async def _mails(session: AsyncSession, flow: str, now: datetime, late: Late | None) -> None:
    """Those that the gate has held back."""
    held = [_messages.c.flow == flow, _messages.c.status == "deferred", _messages.c.skip_reason == "paused"]
    if late == "skip":
        skipped = sa.update(_messages).where(*held).returning(_messages.c.enrolment_id)
        verdicts = {"in_time": {"reason": "stale", "because": "late_unwanted"}}
        ended = {"status": "skipped", "skip_reason": "stale", "verdicts": verdicts, "settled_at": now, "due_at": None,
                 "lease_until": None, "lease_by": None}  # fmt: skip
        theirs = (await session.scalars(skipped.values(ended))).all()
        for start in range(0, len(theirs), _BATCH):
            part = _rows.c.id.in_(theirs[start : start + _BATCH])
            going_on = sa.update(_rows).where(part, _rows.c.status == "active")
            await session.execute(going_on.values(due_at=now, planned_at=now))
        return
    more = {"planned_at": now} if late == "send" else {}
    found = await session.scalars(
        sa.update(_messages).where(*held).values(due_at=now, **more).returning(_messages.c.channel)
    )
    for channel in set(found.all()):
        work.kick(session, f"messages:{channel}")
