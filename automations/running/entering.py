"""How many people would enter a flow at once if it was published now: asked before it is, and nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.facts import Person
from automations.asking.matter import Case
from automations.audiences.members import Members
from automations.audiences.segment_files import Segments
from automations.care import Care
from automations.definition.flow import Flow
from automations.definition.versions import Versions
from automations.running import segment_entries
from automations.running.starts import Cause, Starter
from automations.running.sweeps.runner import Sweeps
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.tables.automations import Enrolment
from bot.tables.events import Event

DAYS = 30
"""How far back it is counted who did what starts a flow."""
_events, _enrolments = table(Event), table(Enrolment)


@dataclass(frozen=True)
class Lately:
    """Of the last `DAYS`: how many people did what starts the flow, and how many entered it."""

    people: int
    entered: int


@dataclass(frozen=True)
class Entering:
    """`now` enter with the next look. `inside` are in the segment that starts it already: they do not enter.

    `lately` is there where nobody ever enters at once: the flow starts on what people do from then on.
    """

    now: int
    inside: int = 0
    lately: Lately | None = None


@dataclass(frozen=True)
class _Counting(Starter):
    """Takes nobody, and counts whom it would take."""

    async def _again(
        self, session: AsyncSession, flow: Flow, same: Mapping[str, Any], person: Person, case: Case
    ) -> None:
        return

    async def _enter(
        self, session: AsyncSession, flow: Flow, person: Person, key: str, cause: Cause, case: Case, zone: ZoneInfo
    ) -> int:
        refused, _ = await self._refused(session, flow, person, case, case.now)
        return 1 if refused is None else 0


async def count(
    database: Database, ground: Ground, care: Care, flow: Flow, segments: Segments, now: datetime
) -> Entering:
    """Nothing is written."""
    starter = _Counting(ground, care, Versions(), {})
    if not flow.enabled:
        return Entering(0)
    if flow.trigger.sweep:
        return Entering(await Sweeps(database, starter, [flow]).would(flow, now))
    if flow.trigger.events:
        return Entering(0, lately=await _lately(database, flow, now))
    if not flow.trigger.segment or flow.trigger.segment not in segments.by_name:
        return Entering(0)
    members = Members(ground.config, segments, lambda: [])
    came, inside = await members.would_come(database, flow.trigger.segment, now)
    async with database.reading() as session:
        enters = await segment_entries.enter_segment(session, starter, [flow], flow.trigger.segment, came, now)
    return Entering(enters, inside)


async def _lately(database: Database, flow: Flow, now: datetime) -> Lately:
    since = now - timedelta(days=DAYS)
    did = sa.select(sa.func.count(sa.distinct(_events.c.contact_id))).where(
        _events.c.name.in_(flow.trigger.events), _events.c.ts >= since, _events.c.contact_id.is_not(None)
    )
    entered = sa.select(sa.func.count(sa.distinct(_enrolments.c.contact_id))).where(
        _enrolments.c.flow == flow.name, _enrolments.c.entered_at >= since
    )
    async with database.reading() as session:
        return Lately(await session.scalar(did) or 0, await session.scalar(entered) or 0)
