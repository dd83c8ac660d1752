"""An order that was cancelled and stands again: what is about it goes on where it was."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts, matter
from automations.asking.facts import Person
from automations.definition.versions import Versions
from automations.running import waits
from bot.base import work
from bot.base.database import table
from bot.tables.automations import Enrolment
from bot.tables.events import Event
from bot.tables.outbox import Message

_GONE = ("order_gone", "order_cancelled")
_rows = table(Enrolment)
_events = table(Event)
_messages = table(Message)


async def has_come_back(session: AsyncSession, ended: Mapping[str, Any], person: Person, now: datetime) -> bool:
    """This enrolment ended because its order was cancelled, and the order stands again."""
    if not ended["context"].get("order_id"):
        return False
    if ended["exit_reason"] == "goal":
        why = sa.select(_events.c.name).where(_events.c.id == ended["exit_event_id"])
        if ended["exit_event_id"] is None or await session.scalar(why) != matter.CANCELLED:
            return False
    elif ended["exit_reason"] not in _GONE:
        return False
    await facts.learn(session, {person.id: person}, ("orders",), now)
    return matter.stands(person, ended["context"])


async def go_on(
    session: AsyncSession, versions: Versions, ended: Mapping[str, Any], zone: ZoneInfo, now: datetime
) -> None:
    """From the step where it ended; a wait lasts as long as it would have. Mails that left do not leave again."""
    found = (await versions.find(session, [ended["version_id"]])).get(ended["version_id"])
    step = found.flow.for_variant(ended["variant"]).step(ended["step_id"]) if found and found.flow else None
    if step is None:
        return
    due = now
    if step.send:  # its mail was taken back when the order was; what had left by then stays as it is
        mail = sa.update(_messages).where(_messages.c.enrolment_id == ended["id"], _messages.c.step_id == step.id)
        dropped = mail.where(_messages.c.status == "skipped", _messages.c.skip_reason.in_(("exited", "goal")))
        again: dict[str, Any] = {"status": "planned", "skip_reason": None, "settled_at": None, "verdicts": {}}
        await session.execute(dropped.values(**again, due_at=now))
        work.kick(session, "messages:email")
    if step.wait is not None:
        due = waits.end(step.wait, ended["step_entered_at"], zone, ended["context"])
    elif step.wait_for is not None:
        due = ended["step_entered_at"] + step.wait_for.timeout
    open_again = {"status": "active", "exit_reason": None, "exit_event_id": None, "ended_at": None, "attempts": 0}
    mine = sa.update(_rows).where(_rows.c.id == ended["id"], _rows.c.status == "exited")
    await session.execute(mine.values(**open_again, due_at=due, planned_at=due))
    work.kick(session, "enrolments")
