"""What the enrolments of one batch need to move on, loaded by a few queries however many they are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import behind, facts
from automations.asking.facts import Person
from automations.care import Care
from automations.definition.versions import Version, Versions
from automations.running import heard, steps
from automations.running.steps import Ahead, Known
from bot.base.database import table
from bot.base.ground import Ground
from bot.contacts import zones
from bot.tables.outbox import Message
from bot.tables.people import Contact

Row = Mapping[str, Any]

_PATIENCE = timedelta(hours=1)  # with what a page told; if that waits for longer, it is a flood
_NOBODY: Row = {"timezone": None, "country": None, "traits": {}}
_PLAIN = Ahead(False, False, frozenset(), frozenset())
_messages = table(Message)


class Lookup:
    """Remembers of every published flow what each of its steps may need."""

    def __init__(self, ground: Ground, care: Care, versions: Versions) -> None:
        self.ground, self.care, self.versions = ground, care, versions
        self._ahead: dict[tuple[int, str, str], Ahead] = {}

    async def versions_of(self, session: AsyncSession, rows: Sequence[Row]) -> dict[int, Version]:
        return await self.versions.find(session, {row["version_id"] for row in rows})

    async def load(
        self, session: AsyncSession, rows: Sequence[Row], versions: Mapping[int, Version], now: datetime
    ) -> dict[int, Known]:
        """By the id of the enrolment."""
        before = {row["id"]: self._before(row, versions) for row in rows}
        moving = [row for row in rows if row["id"] in before]
        uncertain = {row["contact_id"] for row in moving if before[row["id"]].is_uncertain}
        late = bool(uncertain) and await behind.is_behind(session, now)
        telling = await behind.pages_wait(session, uncertain, now, since=now - _PATIENCE)
        places = await self._zones(session, [row for row in moving if before[row["id"]].local])
        messages = await self._messages(session, rows, versions)
        people = await self._people(session, [row for row in moving if before[row["id"]].asks], before, now)
        events = await self._events(session, [row for row in moving if before[row["id"]].events], before)
        shop = zones.local(self.ground.config, _NOBODY).zone
        language = self.ground.config.shop.language
        known = {}
        for row in rows:
            one, contact_id = before[row["id"]], row["contact_id"]
            person = people.get(contact_id) if one.asks else None
            known[row["id"]] = Known(
                now, places.get(contact_id, shop), messages.get(row["id"]), person,
                events.get(contact_id, ()) if one.events else (), one.is_uncertain and (late or contact_id in telling),
                (person.contact["language"] if person else None) or language, self.ground.secret, self.care,
            )  # fmt: skip
        return known

    def _before(self, row: Row, versions: Mapping[int, Version]) -> Ahead:
        version = versions.get(row["version_id"])
        if version is None or version.flow is None or not version.runs:
            return _PLAIN
        key = row["version_id"], row["variant"], row["step_id"]
        if key not in self._ahead:
            self._ahead[key] = steps.ahead(version.flow.for_variant(row["variant"]), row["step_id"])
        return self._ahead[key]

    async def _zones(self, session: AsyncSession, rows: Sequence[Row]) -> dict[int, ZoneInfo]:
        """Zones of those whose step waits for a local time; the others need none."""
        if not rows:
            return {}
        people = table(Contact)
        columns = [people.c.id, people.c.timezone, people.c.country, people.c.traits]
        wanted = sorted({row["contact_id"] for row in rows})
        found = await session.execute(sa.select(*columns).where(people.c.id.in_(wanted)))
        return {row["id"]: zones.local(self.ground.config, dict(row)).zone for row in found.mappings()}

    async def _messages(
        self, session: AsyncSession, rows: Sequence[Row], versions: Mapping[int, Version]
    ) -> dict[int, Row]:
        """What the sending steps among these have in the outbox already, by enrolment."""
        at_sends = {}
        for row in rows:
            version = versions.get(row["version_id"])
            step = version.flow.step(row["step_id"]) if version and version.flow else None
            if step is not None and step.send:
                at_sends[row["id"]] = row["step_id"]
        if not at_sends:
            return {}
        names = ("enrolment_id", "step_id", "status", "due_at", "settled_at")
        columns = [_messages.c[name] for name in names]
        found = await session.execute(sa.select(*columns).where(_messages.c.enrolment_id.in_(sorted(at_sends))))
        return {
            row["enrolment_id"]: dict(row)
            for row in found.mappings()
            if at_sends[row["enrolment_id"]] == row["step_id"]
        }

    async def _people(
        self, session: AsyncSession, rows: Sequence[Row], before: Mapping[int, Ahead], now: datetime
    ) -> dict[int, Person]:
        """Those who are asked about. What is needed of one is loaded of all of them: a batch is mostly of one flow."""
        needed = {need for row in rows for need in before[row["id"]].needs}
        return await facts.load(session, {row["contact_id"] for row in rows}, needed, now)

    async def _events(
        self, session: AsyncSession, rows: Sequence[Row], before: Mapping[int, Ahead]
    ) -> dict[int, list[Row]]:
        """What might be waited for, since the oldest anchor of those who would wait for the same."""
        alike: dict[frozenset[str], list[Row]] = defaultdict(list)
        for row in rows:
            alike[before[row["id"]].events].append(row)
        found: dict[int, list[Row]] = {}
        for names, mine in alike.items():
            since = min(row["anchor_ts"] for row in mine)
            for contact_id, events in (await heard.find(session, {one["contact_id"] for one in mine}, names,
                                                        since)).items():  # fmt: skip
                found.setdefault(contact_id, []).extend(events)
        return found
