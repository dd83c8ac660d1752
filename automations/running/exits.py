"""Which event ends which enrolment, and ending them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.matter import SKEW, same, same_thing
from automations.definition.flow import Flow
from bot.base import logs
from bot.base.database import table
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message

log = logs.get(__name__)

_enrolments = table(Enrolment)
_messages = table(Message)


def ends(flow: Flow, enrolment: Mapping[str, Any], name: str, ts: datetime, properties: Mapping[str, Any]) -> bool:
    """Is this event of the same person a goal of the enrolment?

    `properties` say in `store` whose their ids are. It is one if it came after the anchor, or names the same cart,
    checkout or order whenever it came. With `match_on` an event about another thing is none; one that does not say
    which counts: rather no mail.
    """
    context = enrolment["context"]
    if name not in flow.exit.events:
        return False
    key = flow.exit.match_on
    if key and properties.get(key) and context.get(key):
        return same(properties, context, key)
    return ts >= enrolment["anchor_ts"] - SKEW or same_thing(context, properties)


async def leave(
    session: AsyncSession,
    enrolments: Collection[int],
    reason: str,
    now: datetime,
    event_id: int | None = None,
    *,
    wait: bool = True,
) -> None:
    """End these enrolments, and drop what they have in the outbox that was not handed over yet.

    `wait` False leaves out those that another transaction holds.
    """
    ids = sorted(enrolments)
    if not ids:
        return
    # A message that a worker holds right now is left to it: its gate sees the enrolment, or it is too late (`raced`).
    waiting = (
        sa.select(_messages.c.id)
        .where(_messages.c.enrolment_id.in_(ids), _messages.c.status.in_(("planned", "deferred", "claimed")))
        .with_for_update(skip_locked=True)
    )
    held: Sequence[int] = (await session.scalars(waiting)).all()
    if held:
        await session.execute(
            sa.update(_messages)
            .where(_messages.c.id.in_(held))
            .values(
                status="skipped", skip_reason="exited", settled_at=now, due_at=None, lease_until=None, lease_by=None
            )
        )
    await _note_raced(session, ids, reason)
    # No waiting for an enrolment that an event is ending just now: the outbox must never wait for the events.
    free = sa.select(_enrolments.c.id).where(_enrolments.c.id.in_(ids), _enrolments.c.status == "active")
    await session.execute(
        sa.update(_enrolments)
        .where(_enrolments.c.id.in_(free.with_for_update(skip_locked=not wait, key_share=True)))
        .values(
            status="exited", exit_reason=reason, exit_event_id=event_id, ended_at=now, due_at=None, planned_at=None,
            lease_until=None, lease_by=None,
        )
    )  # fmt: skip


async def _note_raced(session: AsyncSession, ids: Sequence[int], reason: str) -> None:
    """A mail that is being handed over at this moment cannot be taken back: its verdicts say what it raced with."""
    leaving = sa.select(_messages.c.id, _messages.c.verdicts).where(
        _messages.c.enrolment_id.in_(ids), _messages.c.status == "handed", _messages.c.due_at.is_not(None)
    )
    for row in (await session.execute(leaving.with_for_update(skip_locked=True))).all():
        log.info("raced: a mail leaves although its flow has just ended", message_id=row.id, reason=reason)
        told = {**row.verdicts, "raced": reason}
        await session.execute(sa.update(_messages).where(_messages.c.id == row.id).values(verdicts=told))
