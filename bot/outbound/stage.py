"""What whoever queued a message says right before it leaves, and how they are told of its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import due, logs
from bot.outbound.sender import Receipt

log = logs.get(__name__)

_OURS = (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError)


@dataclass(frozen=True)
class Send:
    """Let it leave, with this content. `values` are columns to keep with the row (template, revision, …).

    `riders` are rows of `lanes.behind` whose content is in this payload too: they end with it and as it does.
    """

    payload: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    riders: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Skip:
    """Do not send: `reason` is kept. `status` is skipped, or withheld for a hold-out."""

    reason: str
    status: str = "skipped"
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Defer:
    """Not now: look again at `until`."""

    until: datetime
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a message ended: `status` is sent, failed, unknown, skipped or withheld; `reason` in one word."""

    status: str
    at: datetime
    reason: str = ""
    receipt: Receipt | None = None


class Stage(Protocol):
    """Whoever queued messages of a purpose: asked right before they leave, told how they ended.

    Both run inside the outbox's transaction and never commit.
    """

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]: ...

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None: ...


async def look(
    stage: Stage, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
) -> Mapping[int, Send | Skip | Defer]:
    """What the stage says of these rows; one that it fails on moves away alone."""
    try:
        async with session.begin_nested():
            return await stage.prepare(session, rows, now)
    except Exception as fault:  # one row of a loop, or one of several: then each is looked at by itself
        if gave_way(fault):
            raise
        if len(rows) == 1:
            log.exception("a message could not be looked at", message_id=rows[0]["id"], purpose=rows[0]["purpose"])
            return {rows[0]["id"]: Defer(due.later(rows[0]["attempts"], now), "fault")}
    found: dict[int, Send | Skip | Defer] = {}
    for row in rows:
        found |= await look(stage, session, [row], now)
    return found


def gave_way(fault: Exception) -> bool:
    """The database did (a deadlock, a lost connection): the transaction is over, and is tried again."""
    return isinstance(fault, sa.exc.DBAPIError) and not isinstance(fault, _OURS)
