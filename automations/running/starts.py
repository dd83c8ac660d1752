"""Enrolling: who may enter a flow, once for one reason, and what an event means for those who are inside already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import conditions, facts, matter
from automations.asking.facts import Person
from automations.asking.matter import Case
from automations.care import Care
from automations.definition import versions
from automations.definition.flow import Flow
from automations.definition.versions import Version, Versions
from automations.experiments import exposures
from automations.running import exits, heard, lots, refusals, returning, waits
from automations.subjects import shown
from bot import contacts
from bot.base import ids, work
from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.contacts import zones
from bot.tables.automations import Enrolment, FlowPause, FlowVersion
from bot.tables.events import Event
from bot.tables.outbox import Message

MAX_RESETS = 100
RESETS_FOR = timedelta(hours=24)
_IDS = ("cart_id", "checkout_id", "order_id", "product_id", "variant_id")
_LOOK_BACK = timedelta(days=30)
_rows = table(Enrolment)
_versions = table(FlowVersion)
_pauses = table(FlowPause)
_messages = table(Message)
_events = table(Event)


@dataclass(frozen=True)
class Cause:
    """Why somebody might enter a flow: an event (or a sweep, then without an id) and what it names."""

    contact_id: int
    ts: datetime
    event_id: int | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Starter:
    """Enrols people. `definitions` are the flows' own words, whose digest names the version that they enter."""

    ground: Ground
    care: Care
    versions: Versions
    definitions: Mapping[str, dict[str, Any]]

    async def consider(self, session: AsyncSession, flow: Flow, person: Person, cause: Cause, now: datetime) -> int:
        """Enrol the person if the flow wants them, or tell their open enrolment of the news. Returns how many began."""
        zone = self._zone(person)
        began = 0
        for context in await self._reasons(session, flow, person, cause, now):
            patterns = flow.enrol.key + (flow.enrol.otherwise or "")
            mark = await self._mark(session, person, now) if "{address_hash}" in patterns else ""
            key = _key(flow, cause, {**context, "address_hash": mark}, zone)
            case = Case(flow.name, cause.ts, context, now, self._language(person), self.care)
            same = await _find(session, flow.name, key)
            if same is not None and not facts.of_one_store(same["context"], context):
                key = (
                    f"{key}@{context['store'].replace(':', '/')}"  # another store gave something of its own the same id
                )
                same = await _find(session, flow.name, key)
            if same is not None and same["contact_id"] != person.id:
                if mark and person.is_claimed:
                    continue  # it came to that address, and what is another's stays as it is
                if not mark or not await contacts.was_proven(session, same["contact_id"]):
                    key = f"{key}@{person.id}"  # ids are guessed, addresses claimed: what is another's stays theirs
                    same = await _find(session, flow.name, key)
            if same is not None:
                await self._again(session, flow, same, person, case)
                continue
            began += await self._enter(session, flow, person, key, cause, case, zone)
        return began

    async def _enter(
        self, session: AsyncSession, flow: Flow, person: Person, key: str, cause: Cause, case: Case, zone: ZoneInfo
    ) -> int:
        refused, replaced = await self._refused(session, flow, person, case, case.now)
        entering = await self._version(session, flow) if refused is None else None
        if entering is not None:
            for reason, rows in replaced.items():
                await exits.leave(session, rows, reason, case.now)
            return await self._enrol(session, entering, key, cause, case, zone)
        refused = refused or "resting"  # it takes nobody, so it takes nothing's place either
        await refusals.note(session, flow.name, person.id, refused, cause.event_id, case.now)
        return 0

    async def _reasons(
        self, session: AsyncSession, flow: Flow, person: Person, cause: Cause, now: datetime
    ) -> list[dict[str, Any]]:
        """What each enrolment would be about: one, or what the subject makes of the cause."""
        subject = shown.KNOWN[flow.about]
        if subject.reasons is None:
            return [dict(cause.context)]
        await facts.learn(session, {person.id: person}, subject.to_enrol, now)
        return subject.reasons(flow, person, cause.context, self.care)

    async def _mark(self, session: AsyncSession, person: Person, now: datetime) -> str:
        """Of the address: what comes once to it stays so when they come back as somebody new."""
        await facts.learn(session, {person.id: person}, ("addresses",), now)
        return ids.hash_address(person.email, self.ground.secret) if person.email else ""

    def _zone(self, person: Person) -> ZoneInfo:
        return zones.local(self.ground.config, person.contact).zone

    def _language(self, person: Person) -> str:
        return person.contact["language"] or self.ground.config.shop.language

    async def _again(
        self, session: AsyncSession, flow: Flow, same: Mapping[str, Any], person: Person, case: Case
    ) -> None:
        """The same reason once more: new context, and the idle timer starts again if it still runs."""
        if same["status"] == "exited" and await returning.has_come_back(session, same, person, case.now):
            if not await self._first_no(session, flow, person, case):
                await returning.go_on(session, self.versions, same, self._zone(person), case.now)
            return
        if same["status"] != "active" or flow.enrol.on_repeat == "ignore":
            return
        changed: dict[str, Any] = {"context": {**same["context"], **case.context}}
        idle = await self._idle(session, same, case.now)
        if idle is None and changed["context"] == same["context"]:
            return
        if await self._first_no(session, flow, person, case):
            return
        if idle is not None:
            since = max(case.anchor_ts, same["step_entered_at"])
            changed |= {"due_at": since + idle, "planned_at": since + idle, "resets": same["resets"] + 1,
                        "step_entered_at": since}  # fmt: skip
            work.kick(session, "enrolments")
        await session.execute(
            sa.update(_rows).where(_rows.c.id == same["id"], _rows.c.status == "active").values(changed)
        )

    async def _idle(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> timedelta | None:
        """How long the wait is that starts again now; None if the enrolment is in no such wait, or was in it enough."""
        if row["resets"] >= MAX_RESETS or now >= row["entered_at"] + RESETS_FOR:
            return None
        found = (await self.versions.find(session, [row["version_id"]])).get(row["version_id"])
        step = found.flow.for_variant(row["variant"]).step(row["step_id"]) if found and found.flow else None
        return step.wait.elapsed if step and step.reset_on_trigger and step.wait else None

    async def _first_no(
        self, session: AsyncSession, flow: Flow, person: Person, case: Case
    ) -> conditions.Condition | None:
        """The first question that is answered with no. Each is given what it needs when it is asked."""
        for text in (*flow.trigger.when, *flow.filters):
            question = conditions.parse(text)
            await facts.learn(session, {person.id: person}, question.condition.needs, case.now)
            if not question.holds(person, case):
                return question.condition
        return None

    async def _refused(
        self, session: AsyncSession, flow: Flow, person: Person, case: Case, now: datetime
    ) -> tuple[str | None, Mapping[str, Sequence[int]]]:
        """Why the person does not enter; or None, and the enrolments whose place this one takes, by reason."""
        if no := await self._first_no(session, flow, person, case):
            return no.reason, {}
        await facts.learn(session, {person.id: person}, ("addresses",), now)
        if person.email is None and _only_mails(flow):
            return "no_address", {}
        if await _reached_already(session, flow, person, case):
            return "goal_reached", {}
        mine = [dict(row) for row in (await session.execute(
            sa.select(_rows).where(_rows.c.contact_id == person.id, _rows.c.status == "active")
        )).mappings()]  # fmt: skip
        known = await self.versions.find(session, {row["version_id"] for row in mine})
        if any(_priority(known, row) in flow.higher() for row in mine):
            return "higher_flow", {}  # somebody who is at the checkout is not written to about the cart
        written = await _last_mail(session, flow.name, person.id)
        if not await _long_enough_ago(session, flow, person.id, written, now):
            return "re_entry", {}
        lower = [row["id"] for row in mine if _priority(known, row) in flow.lower()]
        older = [row["id"] for row in mine if row["flow"] == flow.name] if flow.enrol.others == "supersede" else []
        return None, {"higher_intent": lower, "superseded": older}

    async def _enrol(
        self, session: AsyncSession, entering: Version, key: str, cause: Cause, case: Case, zone: ZoneInfo
    ) -> int:
        flow = entering.flow
        assert flow is not None
        lot = await lots.draw(session, self.ground.secret, flow, cause.contact_id)
        context = {**case.context, **lot.kept}
        place = await _place(session, flow.for_variant(lot.variant), cause, case, zone, context)
        added: int | None = await session.scalar(
            insert(session, _rows)
            .values(
                flow=flow.name, version_id=entering.id, contact_id=cause.contact_id, dedupe_key=key, status="active",
                step_id=flow.steps[0].id, anchor_event_id=cause.event_id, anchor_ts=cause.ts, entered_at=case.now,
                step_entered_at=cause.ts, resets=0, attempts=0, variant=lot.variant, **place,
            )
            .on_conflict_do_nothing()
            .returning(_rows.c.id)
        )  # fmt: skip
        work.kick(session, "enrolments")
        if added is None:
            return 0
        if lot.variant and flow.experiment and flow.steps[0].id in flow.differing:
            seen = {"experiment": flow.experiment.name, "contact_id": cause.contact_id, "variant": lot.variant,
                    "flow": flow.name, "enrolment_id": added, "at": case.now}  # fmt: skip
            await exposures.record(session, [seen])
        return 1

    async def _version(self, session: AsyncSession, flow: Flow) -> Version | None:
        """The version to enter: the one of our files, or the newest if another process has published it meanwhile.

        None: there is nothing to enter, or the flow rests.
        """
        words = self.definitions.get(flow.name, {})
        mark = versions.digest({key: value for key, value in words.items() if key != "enabled"})
        found: int | None = await session.scalar(
            sa.select(_versions.c.id)
            .where(_versions.c.flow == flow.name, _versions.c.status == "active")
            .where(~sa.exists().where(_pauses.c.flow == flow.name))
            .order_by((_versions.c.digest == mark).desc(), _versions.c.number.desc())
            .limit(1)
        )
        version = None if found is None else (await self.versions.find(session, [found])).get(found)
        return version if version is not None and version.flow is not None else None


async def _place(
    session: AsyncSession, flow: Flow, cause: Cause, case: Case, zone: ZoneInfo, context: dict[str, Any]
) -> dict[str, Any]:
    """Where somebody begins: in the first wait, or due at once at whatever else the flow begins with."""
    first = flow.steps[0]
    if first.wait:
        due = waits.end(first.wait, cause.ts, zone, context)
        return {"due_at": due, "planned_at": due, "context": context}
    if first.wait_for:
        due = cause.ts + first.wait_for.timeout
        row = {"context": context, "anchor_ts": cause.ts, "anchor_event_id": cause.event_id}
        came = (await heard.find(session, [cause.contact_id], first.wait_for.events, cause.ts)).get(cause.contact_id)
        event_id = heard.first(first.wait_for, row, cause.ts, came or ())
        if event_id is None:
            return {"due_at": due, "planned_at": due, "context": context}
        return {"due_at": case.now, "planned_at": due, "context": heard.taken(context, first.id, event_id)}
    return {"due_at": case.now, "planned_at": case.now, "context": context}


def _only_mails(flow: Flow) -> bool:
    """Whether nobody without a mail address could ever get anything of it."""
    return all(step.channels == ("email",) for step in flow.steps if step.send) and any(
        step.send for step in flow.steps
    )


def needs(flow: Flow) -> set[str]:
    """What has to be loaded of a person before they are considered for the flow."""
    asked = conditions.needs((*flow.trigger.when, *flow.filters))
    return asked | {"addresses"} | shown.KNOWN[flow.about].to_enrol


def _key(flow: Flow, cause: Cause, context: Mapping[str, Any], zone: ZoneInfo) -> str:
    parts = {
        "contact": cause.contact_id, "event_id": cause.event_id,
        "local_date": cause.ts.astimezone(zone).date().isoformat(), **context,
    }  # fmt: skip
    try:
        return flow.enrol.key.format_map({name: value for name, value in parts.items() if value not in (None, "")})
    except KeyError:
        pattern = flow.enrol.otherwise or f"{flow.enrol.key.partition(':')[0]}:{{contact}}:{{local_date}}"
        return pattern.format_map({name: "" if value is None else value for name, value in parts.items()})


def _priority(known: Mapping[int, Version], row: Mapping[str, Any]) -> str:
    version = known.get(row["version_id"])
    return version.flow.priority if version and version.flow else ""


async def _find(session: AsyncSession, flow: str, key: str) -> dict[str, Any] | None:
    """Locked: the engine does not move it meanwhile, nor was it just about to."""
    same = sa.select(_rows).where(_rows.c.flow == flow, _rows.c.dedupe_key == key)
    found = await session.execute(same.with_for_update(key_share=True))
    row = found.mappings().first()
    return dict(row) if row else None


async def _reached_already(session: AsyncSession, flow: Flow, person: Person, case: Case) -> bool:
    """The goal was told before the trigger: the order came first, the checkout event after it.

    That an order was cancelled is how it stood then: an order that stands again has not ended what is about it.
    """
    enrolment = {"context": case.context, "anchor_ts": case.anchor_ts}
    goals = sa.select(_events.c.name, _events.c.ts, _events.c.store, _events.c.body).where(
        _events.c.contact_id == person.id, _events.c.name.in_(flow.exit.events),
        _events.c.ts >= case.anchor_ts - _LOOK_BACK,
    )  # fmt: skip
    for row in await session.execute(goals) if flow.exit.events else ():
        said = matter.named(row.body.get("properties") or {}, row.store)
        if exits.ends(flow, enrolment, row.name, row.ts, said):
            await facts.learn(session, {person.id: person}, ("orders",), case.now)
            if not matter.was_taken_back(person, case.context, row.name, said):
                return True
    return False


async def _last_mail(session: AsyncSession, flow: str, contact_id: int) -> datetime | None:
    at: datetime | None = await session.scalar(
        sa.select(sa.func.max(_messages.c.handed_at)).where(
            _messages.c.contact_id == contact_id, _messages.c.flow == flow, _messages.c.status.in_(facts.HANDED)
        )
    )
    return at


async def _long_enough_ago(
    session: AsyncSession, flow: Flow, contact_id: int, written: datetime | None, now: datetime
) -> bool:
    """The re-entry window, from the last time the person entered, or was written to."""
    if not flow.enrol.reentry:
        return True
    last = written
    if flow.enrol.reentry_from == "entered":
        last = await session.scalar(
            sa.select(sa.func.max(_rows.c.entered_at)).where(
                _rows.c.contact_id == contact_id, _rows.c.flow == flow.name
            )
        )
    return last is None or last <= now - flow.enrol.reentry


def context_of(properties: Mapping[str, Any], store: str) -> dict[str, Any]:
    """The ids that an event names, as text, whose they are, and which tier somebody came into."""
    names: Sequence[str] = _IDS
    if properties.get("tier"):
        names = (*names, "tier", "previous", "direction", "date")
    found = {name: str(properties[name]) for name in names if properties.get(name) not in (None, "")}
    return {**found, "store": store} if store and found.keys() & set(_IDS) else found
