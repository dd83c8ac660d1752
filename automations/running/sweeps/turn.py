"""One look over people for one flow, and how those whom it finds enter."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.asking.facts import Person
from automations.definition.flow import Flow
from automations.running import starts
from automations.running.starts import Cause, Starter
from bot.base.database import Database

_BATCH = 500

Contexts = Callable[[Person], Iterable[Mapping[str, Any]]]
"""Of one person: what each enrolment would be about; none, and they do not enter."""

Wanted = Callable[[AsyncSession, Collection[Person]], Awaitable[Collection[int]]]
"""Which of these people may enter: for what has to be asked of many at once."""


@dataclass(frozen=True)
class Turn:
    """`last` is when this was looked at before, None for the first time."""

    database: Database
    starter: Starter
    flow: Flow
    last: datetime | None
    now: datetime

    async def enrol(
        self, contact_ids: Collection[int], needs: Collection[str], contexts: Contexts, wanted: Wanted | None = None
    ) -> int:
        """Consider these contacts, some in a transaction. Returns how many entered."""
        ids, entered = sorted(contact_ids), 0
        for start in range(0, len(ids), _BATCH):
            async with self.database.transaction() as session:
                part = ids[start : start + _BATCH]
                people = await facts.load(session, part, starts.needs(self.flow) | set(needs), self.now)
                left = await wanted(session, people.values()) if wanted else people.keys()
                for person in [people[one] for one in sorted(left)]:
                    entered += await enter(session, self.starter, self.flow, person, contexts(person), self.now)
        return entered


async def enter(
    session: AsyncSession, starter: Starter, flow: Flow, person: Person, contexts: Iterable[Mapping[str, Any]],
    now: datetime,
) -> int:  # fmt: skip
    causes = [Cause(person.id, now, None, context) for context in contexts]
    return sum([await starter.consider(session, flow, person, cause, now) for cause in causes])
