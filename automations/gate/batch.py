"""What the messages of one claim need, loaded by a few queries; the people behind them are locked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import behind, conditions, facts, matter
from automations.asking.facts import Person
from automations.definition.flow import Flow
from automations.definition.versions import Version, Versions
from automations.gate import caps, coupons, permission, turns, ways
from automations.gate.coupons import Codes
from automations.subjects import shown
from bot.base.database import table
from bot.base.ground import Ground
from bot.outbound.email.templates import MailTemplate, MailTemplates
from bot.tables.automations import Enrolment
from bot.tables.events import Event
from bot.tables.people import ClaimedIdentity, Contact, Identity

_enrolments = table(Enrolment)


@dataclass
class Batch:
    """`goals` are events that might end an enrolment, by contact. `merged` are, by enrolment, the others whose mail is
    about the same order. `locked` are the people that no other worker holds; `telling` those of whose browsers
    something waits that is not applied yet; `used` the templates of what leaves.
    """

    enrolments: dict[int, facts.Row]
    versions: dict[int, Version]
    people: dict[int, Person]
    permissions: permission.Permissions
    goals: dict[int, list[facts.Row]]
    slots: caps.Slots
    turns: turns.Turns
    merged: dict[int, list[facts.Row]]
    locked: set[int]
    telling: set[int]
    codes: Codes
    used: list[MailTemplate] = field(default_factory=list)
    templates: dict[tuple[str, str], MailTemplate] = field(default_factory=dict)

    def template(self, mails: MailTemplates, name: str, language: str) -> MailTemplate:
        """Asked for once a batch: finding one looks at files. Raises what `MailTemplates.find` raises."""
        if (name, language) not in self.templates:
            self.templates[name, language] = mails.find(name, language)
        return self.templates[name, language]


async def load(
    session: AsyncSession, ground: Ground, versions: Versions, rows: Sequence[facts.Row], now: datetime
) -> Batch:
    contact_ids = sorted({row["contact_id"] for row in rows})
    locked = await _lock(session, contact_ids)
    telling = await behind.pages_wait(session, contact_ids, now)
    wanted = [row["enrolment_id"] for row in rows]
    found = await session.execute(sa.select(_enrolments).where(_enrolments.c.id.in_(wanted)))
    enrolments: dict[int, facts.Row] = {row["id"]: dict(row) for row in found.mappings()}
    known = await versions.find(session, {one["version_id"] for one in enrolments.values()})
    flows = [one.flow for one in known.values() if one.flow is not None]
    people = await facts.load(session, contact_ids, _needs(flows), now)
    locked -= await _held_elsewhere(session, people)
    topics = {flow.topic for flow in flows}
    permissions = await permission.load(session, ways.every(people.values()), topics, ground.secret, now)
    goals = await _goals(session, contact_ids, flows, enrolments.values())
    limits = ground.config.automations.frequency_cap
    addresses = {person.email for person in people.values() if person.email}
    slots = await caps.load(session, rows, addresses, limits, versions, now)
    throttled = await turns.load(session, flows, now)
    merged = await _merged(session, rows, enrolments, known)
    pools = _pools([row for row in rows if row["contact_id"] in locked], enrolments, known)
    codes = await coupons.load(session, ground.config.automations.coupons, pools, now)
    return Batch(enrolments, known, people, permissions, goals, slots, throttled, merged, locked, telling, codes)


def _pools(
    rows: Sequence[facts.Row], enrolments: Mapping[int, facts.Row], versions: Mapping[int, Version]
) -> dict[int, str]:
    """The pool of each message whose step has a coupon."""
    found = {}
    for row in rows:
        enrolment = enrolments[row["enrolment_id"]]
        version = versions.get(enrolment["version_id"])
        flow = version.flow.for_variant(enrolment["variant"]) if version and version.flow else None
        step = flow.step(row["step_id"]) if flow else None
        if step is not None and step.coupon is not None:
            found[row["id"]] = step.coupon.pool
    return found


async def _lock(session: AsyncSession, contact_ids: Sequence[int]) -> set[int]:
    """Hold these people until the claim commits. Whoever another worker holds is left for a second.

    SQLite has one writer; skipping instead of waiting means that nothing can lock us in a circle.
    """
    people = table(Contact)
    held = sa.select(people.c.id).where(people.c.id.in_(contact_ids)).order_by(people.c.id)
    found = await session.scalars(held.with_for_update(skip_locked=True, key_share=True))
    return set(found.all())


async def _held_elsewhere(session: AsyncSession, people: Mapping[int, Person]) -> set[int]:
    """Browsers whose claimed address another worker may be writing to for another of them, or for its owner.

    One contact stands for each address: whoever holds it writes there. It is the first that has it or claims it.
    """
    claimed = {person.id: person.email for person in people.values() if person.is_claimed and person.email}
    if not claimed:
        return set()
    first: dict[str, int] = {}
    for rows in (table(ClaimedIdentity), table(Identity)):
        having = sa.select(rows.c.value, sa.func.min(rows.c.contact_id)).where(
            rows.c.kind == "email", rows.c.value.in_(sorted(set(claimed.values())))
        )
        for value, contact_id in await session.execute(having.group_by(rows.c.value)):
            first[value] = contact_id
    held = await _lock(session, sorted(set(first.values())))
    return {contact_id for contact_id, address in claimed.items() if first.get(address, contact_id) not in held}


def _needs(flows: Sequence[Flow]) -> set[str]:
    needed = {"addresses", "orders"}
    for flow in flows:
        needed |= {"service"} if flow.held_by_service else set()
        needed |= {"chats"} if any("telegram" in step.channels for step in flow.steps) else set()
        asked = (*flow.filters, *flow.exit.when, *(text for step in flow.steps for text in step.check))
        needed |= conditions.needs(asked) | shown.KNOWN[flow.about].needs
    return needed


async def _goals(
    session: AsyncSession, contact_ids: Sequence[int], flows: Sequence[Flow], enrolments: Collection[facts.Row]
) -> dict[int, list[facts.Row]]:
    """Events since the oldest anchor that might end one of the enrolments."""
    events = table(Event)
    names = {name for flow in flows for name in flow.exit.events}
    anchors = [one["anchor_ts"] for one in enrolments]
    found: dict[int, list[facts.Row]] = {}
    if not names or not anchors:
        return found
    since = sa.select(events.c.id, events.c.contact_id, events.c.name, events.c.ts, events.c.store,
                      events.c.body).where(
        events.c.contact_id.in_(contact_ids), events.c.name.in_(sorted(names)),
        events.c.ts >= min(anchors) - matter.SKEW,
    )  # fmt: skip
    for row in (await session.execute(since.order_by(events.c.id))).mappings():
        found.setdefault(row["contact_id"], []).append(dict(row))
    return found


async def _merged(
    session: AsyncSession, rows: Sequence[facts.Row], enrolments: Mapping[int, facts.Row],
    versions: Mapping[int, Version],
) -> dict[int, list[facts.Row]]:  # fmt: skip
    """By enrolment, the others of its flow and person whose mail of the same step is about the same order and day."""
    found: dict[int, list[facts.Row]] = {}
    for row in rows:
        enrolment = enrolments[row["enrolment_id"]]
        version = versions.get(enrolment["version_id"])
        step = version.flow.step(row["step_id"]) if version and version.flow else None
        if step is None or not step.merge_on or enrolment["id"] in found:
            continue
        siblings = sa.select(_enrolments).where(
            _enrolments.c.contact_id == enrolment["contact_id"], _enrolments.c.flow == enrolment["flow"],
            _enrolments.c.status == "active", _enrolments.c.step_id == row["step_id"],
            _enrolments.c.id != enrolment["id"],
        )  # fmt: skip
        found[enrolment["id"]] = [
            dict(one)
            for one in (await session.execute(siblings.order_by(_enrolments.c.id))).mappings()
            if one["context"].get(step.merge_on) == enrolment["context"].get(step.merge_on)
            and facts.of_one_store(one["context"], enrolment["context"])
        ]
    return found
