"""What steps do beside the enrolment: tags, tasks for the staff, webhooks. Once, in the transaction that moves it."""

import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.step import Step
from automations.experiments import holdout
from bot.base import ids, stores, work
from bot.base.database import insert, table
from bot.events import NewEvent, happened
from bot.events.people import SHOPS
from bot.outbound import outbox
from bot.tables.events import Event
from bot.tables.people import ContactTag, Identity

TASK = "Task Requested"
"""The event that asks customer service for a ticket. Its properties: text, department, priority, flow, step."""

WEBHOOK = "webhook"
"""Channel and purpose of what the outbox brings to a system of the shop."""

_OURS = frozenset({"bucket", "person", "heard", "late_before", holdout.FLOW_BUCKET})
_tags = table(ContactTag)
_known = table(Identity)
_events = table(Event)


@dataclass(frozen=True)
class Done:
    """A step that an enrolment came to."""

    enrolment: Mapping[str, Any]
    context: Mapping[str, Any]
    step: Step

    @property
    def key(self) -> str:
        return ids.stable(self.enrolment["id"], self.step.id)


async def apply(session: AsyncSession, done: Sequence[Done], now: datetime) -> None:
    """All that a batch did, in a few statements. Done twice it is done once: keys are of the enrolment and its step."""
    await _tag(session, [one for one in done if one.step.tag], now)
    await _ask(session, [one for one in done if one.step.task], now)
    await _call(session, [one for one in done if one.step.webhook], now)


async def _tag(session: AsyncSession, done: Sequence[Done], now: datetime) -> None:
    """The last word about each tag of each contact counts."""
    wanted: dict[tuple[int, str], str | None] = {}
    for one in done:
        assert one.step.tag is not None
        contact_id, by = one.enrolment["contact_id"], f"flow:{one.enrolment['flow']}"
        wanted |= {(contact_id, tag): by for tag in one.step.tag.add}
        wanted |= {(contact_id, tag): None for tag in one.step.tag.remove}
    new = [{"contact_id": who, "tag": tag, "by": by, "at": now} for (who, tag), by in wanted.items() if by is not None]
    if new:
        await session.execute(insert(session, _tags).on_conflict_do_nothing(), new)
    gone = [{"who": who, "what": tag} for (who, tag), by in wanted.items() if by is None]
    if gone:
        those = _tags.c.contact_id == sa.bindparam("who"), _tags.c.tag == sa.bindparam("what")
        connection = await session.connection()
        await connection.execute(sa.delete(_tags).where(*those), gone)


async def _ask(session: AsyncSession, done: Sequence[Done], now: datetime) -> None:
    if not done:
        return
    rows = [happened.values(_task(one, now)) for one in done]
    await session.execute(insert(session, _events).on_conflict_do_nothing(), rows)
    work.kick(session, "events")


def _task(one: Done, now: datetime) -> NewEvent:
    task = one.step.task
    assert task is not None
    properties = {
        "text": filled(task.text, one.enrolment, one.context), "department": task.department,
        "priority": task.priority, "flow": one.enrolment["flow"], "step": one.step.id,
        **{name: one.context[name] for name in ("order_id", "cart_id", "product_id", "store") if one.context.get(name)},
    }  # fmt: skip
    key = f"task:{one.key}"
    return NewEvent(
        "aftercart", key, "track", TASK, now, now, {"properties": properties}, one.enrolment["contact_id"],
        rank="shop",
    )  # fmt: skip


async def _call(session: AsyncSession, done: Sequence[Done], now: datetime) -> None:
    if done:
        ids_of = await _ids(session, {one.enrolment["contact_id"] for one in done})
        await outbox.queue_many(session, [_told(one, ids_of[one.enrolment["contact_id"]], now) for one in done])


async def _ids(session: AsyncSession, contact_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """What the shop's own systems call them, the newest of each kind. Addresses are theirs to look up."""
    found: dict[int, dict[str, str]] = {contact_id: {} for contact_id in contact_ids}
    theirs = sa.select(_known.c.contact_id, _known.c.kind, _known.c.value).where(
        _known.c.contact_id.in_(sorted(contact_ids)), _known.c.kind.in_(("user_id", *SHOPS))
    )
    for row in await session.execute(theirs.order_by(_known.c.created_at, _known.c.id)):
        found[row.contact_id][row.kind] = stores.plain(row.value)
    return found


def _told(one: Done, ids_of: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Not tied to the enrolment: what has happened is told, whether or not the person leaves the flow meanwhile."""
    assert one.step.webhook is not None
    enrolment, name = one.enrolment, one.step.webhook.name
    payload = {
        "webhook": name, "flow": enrolment["flow"], "step": one.step.id, "enrolment_id": enrolment["id"],
        "contact_id": enrolment["contact_id"], "contact_ids": ids_of, "at": now.isoformat(),
        "context": inward(one.context),
    }  # fmt: skip
    return {
        "channel": WEBHOOK, "purpose": WEBHOOK, "receiver": f"webhook:{name}", "payload": payload,
        "key": f"webhook:{one.key}", "now": now, "contact_id": enrolment["contact_id"],
    }  # fmt: skip


def inward(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context without what the engine keeps there for itself."""
    return {name: value for name, value in context.items() if name not in _OURS}


def filled(text: str, enrolment: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """`text` with {names} of the event in it. Only plain names: nothing behind a dot or in brackets is looked up."""
    plain = {"contact": enrolment["contact_id"], **inward(context)}
    parts = []
    for words, name, _spec, _conversion in string.Formatter().parse(text):
        parts += [words, "" if name is None else str(plain.get(name) or "")]
    return "".join(parts)
