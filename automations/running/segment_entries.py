"""Flows that begin when somebody comes into a live segment."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.definition.flow import Flow
from automations.running import starts
from automations.running.starts import Cause, Starter

_BATCH = 500


async def enter_segment(
    session: AsyncSession, starter: Starter, flows: Iterable[Flow], segment: str, contact_ids: Collection[int],
    now: datetime,
) -> int:  # fmt: skip
    """These contacts have come into the segment. Returns how many enrolments began.

    A key such as `segment:{contact}` lets everybody enter once; with `{local_date}` in it they may come again.
    """
    wanting = sorted((flow for flow in flows if flow.enabled and flow.trigger.segment == segment),
                     key=lambda flow: flow.rank)  # fmt: skip
    if not wanting:
        return 0
    needed = {need for flow in wanting for need in starts.needs(flow)}
    ids, began = sorted(set(contact_ids)), 0
    for start in range(0, len(ids), _BATCH):
        people = await facts.load(session, ids[start : start + _BATCH], needed, now)
        for contact_id in sorted(people):
            person = people[contact_id]
            if person.contact["status"] != "active":
                continue
            for flow in wanting:
                cause = Cause(contact_id, now, None, {"segment": segment})
                began += await starter.consider(session, flow, person, cause, now)
    return began
