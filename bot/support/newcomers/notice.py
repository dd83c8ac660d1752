"""The one notice in General that says how many unknown senders wait; brought up to date, not repeated."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import due, ids
from bot.base.database import insert, table
from bot.outbound import lanes, outbox, staff_group
from bot.outbound.stage import Defer, Outcome, Send, Skip
from bot.support.desk import Desk
from bot.tables.mail import NewSender
from bot.tables.outbox import Message
from bot.tables.settings import Setting

PURPOSE = "newcomers"

_ROWS, _OUTBOX, _SETTINGS = table(NewSender), table(Message), table(Setting)
_NAME = "newcomers_notice"
_EVERY = timedelta(minutes=1)
_WAITING = ("waiting", "called")


async def many(session: AsyncSession, upto: int | None = None) -> int:
    waiting = sa.select(sa.func.count()).where(_ROWS.c.state.in_(_WAITING))
    return await session.scalar(waiting if upto is None else waiting.where(_ROWS.c.id <= upto)) or 0


async def count(session: AsyncSession, desk: Desk, now: datetime) -> None:
    """Somebody waits, or does not any more: the notice says so, at once if there is none, else within a minute."""
    await session.flush()
    if await _leaves_soon(session):
        return
    await due.take_turns(session, PURPOSE)  # each of several processes would open one of its own
    if await _leaves_soon(session):
        return
    group = next(iter(await staff_group.every(session, desk.ground.config)), None)
    stands = await _standing(session)
    if group is None or (stands is None and not await many(session)):
        return
    key = ids.stable("newcomers", now.isoformat())
    if stands is None:
        await _remember(session, key, now)
    await outbox.queue(
        session, channel="staff_topic", purpose=PURPOSE, receiver=f"staff:{group}", payload={"ticket_id": None},
        key=key, now=now, priority=lanes.DIGESTS if stands else lanes.ALERTS, due_at=now + _EVERY if stands else None,
    )  # fmt: skip


async def _leaves_soon(session: AsyncSession) -> bool:
    waiting = sa.select(_OUTBOX.c.id).where(
        _OUTBOX.c.purpose == PURPOSE, _OUTBOX.c.status.in_(("planned", "deferred")), _OUTBOX.c.due_at.is_not(None)
    )
    return await session.scalar(waiting.limit(1)) is not None


async def _standing(session: AsyncSession) -> str | None:
    """The key of the notice that stands there; None where nobody waited."""
    value = await session.scalar(sa.select(_SETTINGS.c.value).where(_SETTINGS.c.name == _NAME))
    return str(value) if value else None


async def _remember(session: AsyncSession, key: str, now: datetime) -> None:
    kept = insert(session, _SETTINGS).values(name=_NAME, value=key, changed_at=now)
    await session.execute(
        kept.on_conflict_do_update(index_elements=[_SETTINGS.c.name], set_={"value": key, "changed_at": now})
    )


class Notices:
    """The stage of the notice: it is counted when it leaves."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._look(session, row, now) for row in rows}

    async def _look(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> Send | Skip:
        stands, waiting = await _standing(session), await many(session)
        posted = sa.select(_OUTBOX.c.provider_id).where(_OUTBOX.c.key == stands, _OUTBOX.c.id != row["id"])
        number = await session.scalar(posted) if stands else None
        edit = {"edit": int(number)} if number and str(number).isdigit() else {}
        if not waiting and not edit:
            await _remember(session, "", now)
            return Skip("nobody waits")
        return Send({"ticket_id": None, **await content(session, self.desk, now), **edit})

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        """Once it says that nobody waits, the next rush is told anew."""
        if outcome.receipt is not None and not await many(session):
            await _remember(session, "", outcome.at)


async def content(session: AsyncSession, desk: Desk, now: datetime) -> dict[str, Any]:
    """Words and buttons; without buttons when nobody waits."""
    first = sa.func.min(_ROWS.c.since, type_=_ROWS.c.since.type)
    found = sa.select(sa.func.count(), first, sa.func.max(_ROWS.c.id)).where(_ROWS.c.state.in_(_WAITING))
    waiting, since, newest = (await session.execute(found)).one()
    if not waiting:
        return {"text": desk.staff("staff.newcomers.none"), "buttons": []}
    most = desk.ground.config.support.flood.new_senders
    text = desk.staff("staff.newcomers.wait", many=waiting, most=most, since=desk.when(since, now))
    names = ("list", "open", "spam")
    buttons = [button(desk, f"newcomers_{name}", newest, name) for name in names]
    return {"text": text, "buttons": [[buttons[0]], buttons[1:]]}


def button(desk: Desk, name: str, number: int | None, extra: str) -> dict[str, str]:
    return {"text": desk.staff(f"staff.button.{name}"), "data": f"1:newcomers:{number}:{extra}"}
