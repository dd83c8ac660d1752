"""How many people would enter a flow at once if it was published now: asked before it is, and nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

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
from bot.base.database import Database
from bot.base.ground import Ground


@dataclass(frozen=True)
class Entering:
    """`now` enter with the next look. `inside` are in the segment that starts it already: they do not enter."""

    now: int
    inside: int = 0


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
    """A flow that starts on events takes nobody at once: whoever does it from then on."""
    starter = _Counting(ground, care, Versions(), {})
    if not flow.enabled:
        return Entering(0)
    if flow.trigger.sweep:
        return Entering(await Sweeps(database, starter, [flow]).would(flow, now))
    if not flow.trigger.segment or flow.trigger.segment not in segments.by_name:
        return Entering(0)
    members = Members(ground.config, segments, lambda: [])
    came, inside = await members.would_come(database, flow.trigger.segment, now)
    async with database.reading() as session:
        enters = await segment_entries.enter_segment(session, starter, [flow], flow.trigger.segment, came, now)
    return Entering(enters, inside)
