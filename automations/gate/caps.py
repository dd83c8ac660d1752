"""How often a person may be written to: slots taken by hand-over attempts, and who goes first.

A slot is taken of the person. Browsers that only say that they are the reader of a mailbox find it taken by whatever
went there, also for others; what they got takes nothing from the reader.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.versions import Version, Versions
from automations.running import steps
from bot.base.config.sections import Cap
from bot.base.database import table
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message

_messages = table(Message)
_enrolments = table(Enrolment)


@dataclass
class Slots:
    """When each person and each address was (tried to be) written to, by message, and the rank of the best mail that
    waits beside the batch. `outside` are messages of flows that ignore the cap.
    """

    people: dict[int, dict[int, datetime]] = field(default_factory=lambda: defaultdict(dict))
    addresses: dict[str, dict[int, datetime]] = field(default_factory=lambda: defaultdict(dict))
    outside: set[int] = field(default_factory=set)
    rivals: dict[int, int] = field(default_factory=dict)

    def take(self, message_id: int, contact_id: int | None, address: str, at: datetime, *, outside: bool) -> None:
        if contact_id is not None:
            self.people[contact_id][message_id] = at
        self.addresses[address][message_id] = at
        if outside:
            self.outside.add(message_id)

    def free_at(
        self, contact_id: int, address: str, caps: Sequence[Cap], now: datetime, *, claimed: bool = False
    ) -> datetime | None:
        """None: a slot is free now; else when one will be. `claimed`: all that went to the address counts as well, also
        what ignores the cap.
        """
        counted = {**self.people[contact_id], **(self.addresses[address] if claimed else {})}
        taken = [at for message_id, at in counted.items() if claimed or message_id not in self.outside]
        latest: datetime | None = None
        for cap in caps:
            within = sorted(at for at in taken if at > now - cap.within)
            if len(within) >= cap.count:
                free = within[-cap.count] + cap.within
                latest = free if latest is None or free > latest else latest
        return latest


async def load(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], addresses: Collection[str], caps: Sequence[Cap],
    versions: Versions, now: datetime,
) -> Slots:  # fmt: skip
    """The slots of everybody in the batch and of their addresses. A message of another worker that is claimed holds its
    slot already.
    """
    slots = Slots()
    contacts = sorted({row["contact_id"] for row in rows if row["contact_id"] is not None})
    if not caps or not contacts:
        return slots
    since = now - max((cap.within for cap in caps), default=timedelta(0))
    mine = {row["id"] for row in rows}
    held = sa.and_(_messages.c.status == "claimed", _messages.c.lease_until > now)
    tried = (
        await session.execute(
            sa.select(
                _messages.c.id,
                _messages.c.contact_id,
                _messages.c.receiver,
                _messages.c.handed_at,
                _enrolments.c.version_id,
            )
            .outerjoin(_enrolments, _enrolments.c.id == _messages.c.enrolment_id)
            .where(sa.or_(_messages.c.contact_id.in_(contacts), _messages.c.receiver.in_(sorted(addresses))))
            .where(_messages.c.purpose == "marketing")
            .where(sa.or_(_messages.c.handed_at > since, sa.and_(_messages.c.handed_at.is_(None), held)))
        )
    ).all()
    known = await versions.find(session, {row.version_id for row in tried if row.version_id is not None})
    for row in tried:
        if row.id not in mine or row.handed_at:
            outside = _outside(known.get(row.version_id))
            slots.take(row.id, row.contact_id, row.receiver, row.handed_at or now, outside=outside)
    await _rivals(session, slots, contacts, mine, versions, now)
    return slots


async def _rivals(
    session: AsyncSession, slots: Slots, contacts: Sequence[int], mine: Collection[int], versions: Versions,
    now: datetime,
) -> None:  # fmt: skip
    """Mails due at this moment that we do not hold: in the outbox, or an enrolment about to queue one."""
    waiting = await session.execute(
        sa.select(_messages.c.id, _messages.c.contact_id, _messages.c.priority, _enrolments.c.version_id)
        .outerjoin(_enrolments, _enrolments.c.id == _messages.c.enrolment_id)
        .where(_messages.c.contact_id.in_(contacts), _messages.c.purpose == "marketing")
        .where(_messages.c.due_at <= now, _messages.c.handed_at.is_(None))
        .where(_messages.c.status.in_(("planned", "deferred")))
    )
    others = [one for one in waiting if one.id not in mine]
    due = (
        await session.execute(
            sa.select(_enrolments.c.contact_id, _enrolments.c.version_id, _enrolments.c.step_id)
            .where(_enrolments.c.contact_id.in_(contacts), _enrolments.c.status == "active")
            .where(_enrolments.c.due_at <= now)
        )
    ).all()
    wanted = {row.version_id for row in (*others, *due) if row.version_id is not None}
    known = await versions.find(session, wanted)
    for other in others:
        if not _outside(known.get(other.version_id)):
            _better(slots, other.contact_id, other.priority)
    for row in due:
        rank = _about_to_send(known.get(row.version_id), row.step_id)
        if rank is not None:
            _better(slots, row.contact_id, rank)


def _outside(version: Version | None) -> bool:
    """Mails of a flow that ignores the cap: they take no slot, and nobody waits for them to go first."""
    return version is not None and version.flow is not None and version.flow.cap == "ignore"


def _about_to_send(version: Version | None, step_id: str) -> int | None:
    if version is None or version.flow is None or not version.runs or _outside(version):
        return None
    return version.flow.rank if steps.may_send(version.flow, step_id) else None


def _better(slots: Slots, contact_id: int, rank: int) -> None:
    slots.rivals[contact_id] = min(rank, slots.rivals.get(contact_id, rank))
