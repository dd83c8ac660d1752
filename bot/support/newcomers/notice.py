"""The one notice in General that says how many unknown senders wait; brought up to date, not repeated. Of those who
tell of danger there is one of its own, an alarm."""

import html
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import due, ids
from bot.base.database import insert, table
from bot.outbound import lanes, outbox, staff_group
from bot.outbound.stage import Defer, Outcome, Send, Skip
from bot.support import post
from bot.support.desk import Desk
from bot.support.escalation import leads, paging
from bot.support.routing import departments
from bot.tables.mail import NewSender
from bot.tables.outbox import Message
from bot.tables.settings import Setting

DANGER = "danger"
"""Why somebody waits who tells of danger: with an alarm of their own, which is posted anew while more come."""

_ROWS, _OUTBOX, _SETTINGS = table(NewSender), table(Message), table(Setting)
_EVERY, _ANEW = timedelta(minutes=1), timedelta(minutes=15)
_WAITING = ("waiting", "called")


def purpose(*, danger: bool) -> str:
    return "newcomers_danger" if danger else "newcomers"


def about(*, danger: bool) -> sa.ColumnElement[bool]:
    """Rows of those who tell of danger, or of the others."""
    return _ROWS.c.why == DANGER if danger else _ROWS.c.why != DANGER


async def many(session: AsyncSession, upto: int | None = None, *, danger: bool = False) -> int:
    """How many senders wait; up to that row."""
    waiting = sa.select(sa.func.count()).where(_ROWS.c.state.in_(_WAITING), about(danger=danger))
    return await session.scalar(waiting if upto is None else waiting.where(_ROWS.c.id <= upto)) or 0


async def count(session: AsyncSession, desk: Desk, now: datetime, *, danger: bool = False, grew: bool = False) -> None:
    """Somebody waits, or does not any more: the notice says so, at once if there is none, else within a minute.

    `grew`: in danger. Nobody hears that a notice is edited, so an old one makes place for a new one.
    """
    await session.flush()
    if await _leaves_soon(session, danger=danger):
        return
    await due.take_turns(session, "newcomers")  # each of several processes would open one of its own
    if await _leaves_soon(session, danger=danger):
        return
    group = next(iter(await staff_group.every(session, desk.ground.config)), None)
    stands, since = await _standing(session, danger=danger)
    if stands is not None and grew and danger and since < now - _ANEW:
        await _take_away(session, group, stands, now)
        stands = None
    if (group is None and not danger) or (stands is None and not await many(session, danger=danger)):
        return
    key = ids.stable(purpose(danger=danger), now.isoformat())
    if stands is None:
        await _remember(session, key, now, danger=danger)
        if danger:
            text = (await content(session, desk, now, danger=True))["text"]
            await leads.tell(session, desk, departments.leads(desk, ""), {"text": text, "html": True}, key, now)
    if group is not None:
        await outbox.queue(
            session, channel="staff_topic", purpose=purpose(danger=danger), receiver=f"staff:{group}",
            payload={"ticket_id": None}, key=key, now=now, due_at=now + _EVERY if stands else None,
            priority=lanes.DIGESTS if stands and not danger else lanes.ALERTS,
        )  # fmt: skip


async def _leaves_soon(session: AsyncSession, *, danger: bool) -> bool:
    waiting = sa.select(_OUTBOX.c.id).where(
        _OUTBOX.c.purpose == purpose(danger=danger), _OUTBOX.c.status.in_(("planned", "deferred")),
        _OUTBOX.c.due_at.is_not(None),
    )  # fmt: skip
    return await session.scalar(waiting.limit(1)) is not None


async def _take_away(session: AsyncSession, group: int | None, stands: str, now: datetime) -> None:
    number = await session.scalar(sa.select(_OUTBOX.c.provider_id).where(_OUTBOX.c.key == stands))
    if number and str(number).isdigit():
        await post.to_staff(session, group, {"delete": [int(number)]}, ids.stable("newcomers", "gone", stands), now)


async def _standing(session: AsyncSession, *, danger: bool) -> tuple[str | None, datetime]:
    """The key of the notice that stands there, and since when; None where nobody waited."""
    kept = sa.select(_SETTINGS.c.value, _SETTINGS.c.changed_at).where(_SETTINGS.c.name == _name(danger=danger))
    row = (await session.execute(kept)).first()
    return (
        (str(row.value), row.changed_at) if row is not None and row.value else (None, datetime.max.replace(tzinfo=UTC))
    )


def _name(*, danger: bool) -> str:
    return f"{purpose(danger=danger)}_notice"


async def _remember(session: AsyncSession, key: str, now: datetime, *, danger: bool) -> None:
    kept = insert(session, _SETTINGS).values(name=_name(danger=danger), value=key, changed_at=now)
    await session.execute(
        kept.on_conflict_do_update(index_elements=[_SETTINGS.c.name], set_={"value": key, "changed_at": now})
    )


class Notices:
    """The stage of the notice: it is counted when it leaves."""

    def __init__(self, desk: Desk, *, danger: bool = False) -> None:
        self.desk = desk
        self.danger = danger

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._look(session, row, now) for row in rows}

    async def _look(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> Send | Skip:
        (stands, _), waiting = await _standing(session, danger=self.danger), await many(session, danger=self.danger)
        posted = sa.select(_OUTBOX.c.provider_id).where(_OUTBOX.c.key == stands, _OUTBOX.c.id != row["id"])
        number = await session.scalar(posted) if stands else None
        edit = {"edit": int(number)} if number and str(number).isdigit() else {}
        if not waiting and not edit:
            await _remember(session, "", now, danger=self.danger)
            return Skip("nobody waits")
        return Send({"ticket_id": None, **await content(session, self.desk, now, danger=self.danger), **edit})

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        """Once it says that nobody waits, the next rush is told anew."""
        if outcome.receipt is not None and not await many(session, danger=self.danger):
            await _remember(session, "", outcome.at, danger=self.danger)


async def content(session: AsyncSession, desk: Desk, now: datetime, *, danger: bool = False) -> dict[str, Any]:
    """Words and buttons; without buttons when nobody waits. Whoever leads is called by name to an alarm."""
    first = sa.func.min(_ROWS.c.since, type_=_ROWS.c.since.type)
    found = sa.select(sa.func.count(), first, sa.func.max(_ROWS.c.id)).where(
        _ROWS.c.state.in_(_WAITING), about(danger=danger)
    )
    waiting, since, newest = (await session.execute(found)).one()
    words = "staff.newcomers_danger" if danger else "staff.newcomers"
    if not waiting:
        return {"text": desk.staff(f"{words}.none"), "buttons": []}
    flood = desk.ground.config.support.flood
    most = flood.danger_senders if danger else flood.new_senders
    text = desk.staff(f"{words}.wait", many=waiting, most=most, since=desk.when(since, now))
    names = ("list", "open", "spam")
    buttons = [button(desk, f"newcomers_{name}", newest, name, danger=danger) for name in names]
    rows: dict[str, Any] = {"text": text, "buttons": [[buttons[0]], buttons[1:]]}
    if danger:
        calls = await paging.every_lead(session, desk)
        rows |= {"text": f"{calls} {html.escape(text, quote=False)}".strip(), "html": True}
    return rows


def button(desk: Desk, name: str, number: int | None, extra: str, *, danger: bool = False) -> dict[str, str]:
    return {"text": desk.staff(f"staff.button.{name}"), "data": f"1:{purpose(danger=danger)}:{number}:{extra}"}
