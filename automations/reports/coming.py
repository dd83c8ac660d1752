"""What is coming next for a person, as far as it can be known: the mails ahead of each open enrolment.

A branch, a draw or a wait for an event is told as what it depends on; behind it nothing is promised.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.flow import Flow
from automations.definition.step import Step
from automations.definition.versions import Versions
from automations.running import waits
from bot.base import quiet
from bot.base.config import Config
from bot.base.database import table
from bot.contacts import zones
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message
from bot.tables.people import Contact

_enrolments = table(Enrolment)
_messages = table(Message)
_contacts = table(Contact)
_ON_ITS_WAY = ("planned", "claimed", "handed", "deferred")


@dataclass(frozen=True)
class Coming:
    """One mail ahead at its earliest time, where the flow stands (`at` None: paused), or what it depends on."""

    flow: str
    enrolment_id: int
    step: str
    what: str
    at: datetime | None
    depends: str = ""


async def coming(session: AsyncSession, config: Config, contact_id: int, now: datetime) -> list[Coming]:
    """What may still go to this person, the earliest first. Every mail is judged again right before it leaves."""
    contact = (await session.execute(sa.select(_contacts).where(_contacts.c.id == contact_id))).mappings().first()
    if contact is None or contact["status"] != "active":
        return []
    mine = sa.select(_enrolments).where(_enrolments.c.contact_id == contact_id, _enrolments.c.status == "active")
    rows = [dict(row) for row in (await session.execute(mine.order_by(_enrolments.c.id))).mappings()]
    known = await Versions().find(session, {row["version_id"] for row in rows})
    queued = sa.select(_messages.c.enrolment_id, _messages.c.step_id, _messages.c.due_at, _messages.c.key).where(
        _messages.c.contact_id == contact_id, _messages.c.status.in_(_ON_ITS_WAY), _messages.c.enrolment_id.is_not(None)
    )
    waiting = {(row.enrolment_id, row.step_id): row for row in await session.execute(queued)}
    found: list[Coming] = []
    for row in rows:
        version = known.get(row["version_id"])
        if version is None or version.flow is None:
            continue
        if not version.runs:
            found.append(Coming(row["flow"], row["id"], row["step_id"], "rests", None, "the flow is paused"))
            continue
        found += _ahead(row, version.flow, config, dict(contact), waiting, now)
    return sorted(found, key=lambda one: (one.at is None, one.at or now, one.enrolment_id))


def _ahead(
    row: Mapping[str, Any], flow: Flow, config: Config, contact: Mapping[str, Any], waiting: Mapping[Any, Any],
    now: datetime,
) -> Iterator[Coming]:  # fmt: skip
    zone = zones.local(config, contact).zone
    step: Step | None = flow.step(row["step_id"])
    at = max(row["due_at"] or now, now)
    first = True
    while step is not None:
        if step.send:
            queued = waiting.get((row["id"], step.id))
            if first and queued is None and row["due_at"] is None:
                yield Coming(flow.name, row["id"], step.id, f"send {step.send}", None, "a test of the broadcast")
                return
            at = max(queued.due_at or at, now) if queued else at
            if config.automations.quiet_hours and flow.quiet_hours == "shop":
                at = quiet.until(config.automations.quiet_hours, at, zone, queued.key if queued else "") or at
            yield Coming(flow.name, row["id"], step.id, f"send {step.send}", at)
        elif step.wait:
            at = at if first else max(waits.end(step.wait, at, zone, row["context"]), now)
        elif step.kind in ("branch", "split", "wait_for", "check"):
            yield Coming(flow.name, row["id"], step.id, step.kind, at, _depends(step))
            return
        elif step.kind in ("tag", "task", "webhook"):
            yield Coming(flow.name, row["id"], step.id, step.kind, at)
        first = False
        step = None if step.exit else flow.next(step.id)


def _depends(step: Step) -> str:
    if step.wait_for:
        return " or ".join(step.wait_for.events)
    return "chance" if step.split else ", ".join(step.branch or step.check)
